/**
 * What must not get out: secrets of every kind and the data of people, drawn by a seed, each with a mark that occurs
 * nowhere else and with characters that URLs, JSON and headers spell differently. `scanner.ts` looks for them.
 */
import { createHash } from 'node:crypto';

/** A value to look for, and what it is. */
export type Canary = { readonly name: string; readonly value: string };

export type Canaries = ReturnType<typeof drawCanaries>;

/** The same seed gives the same canaries. */
export function drawCanaries(seed: number) {
  const mark = (name: string): string => `q${digest(seed, name).slice(0, 15)}`;
  const secrets = {
    clientId: `id-${mark('client id')}`,
    clientSecret: `s+e/c=${mark('client secret')}&"ü`,
    accessToken: `at.${mark('access token')}`,
    renewedToken: `at.${mark('renewed token')}`,
    signingKey: `sk_${mark('signing key')}`,
    username: `user-${mark('user name')}`,
    password: `p:ss w%rd\\${mark('password')}é`,
    databasePassword: `db-${mark('database password')}`,
  };
  const people = {
    key: mark('row key'),
    email: mark('e-mail'),
    familyName: mark('family name'),
    note: mark('note'),
    /** Sixteen digits: a number is data too. */
    phone: String(4_000_000_000_000_000n + (BigInt(`0x${digest(seed, 'phone').slice(0, 12)}`) % 10n ** 15n)),
    gone: mark('row that was deleted'),
  };
  return { secrets, people, all: [...named('secret', secrets), ...named('person', people)] };
}

const digest = (seed: number, name: string): string =>
  createHash('sha256').update(`canary ${seed} ${name}`).digest('hex');

const named = (kind: string, values: Readonly<Record<string, string>>): Canary[] =>
  Object.entries(values).map(([name, value]) => ({ name: `${kind} ${name}`, value }));
