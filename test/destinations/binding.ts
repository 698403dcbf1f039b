/** A bound destination for tests: one account on 127.0.0.1, a canary for a secret, fetches counted. */
import { readFileSync } from 'node:fs';
import { type Binding, bindDestination, type ClosableDestination } from '../../shared/destinations/bind.ts';

/** Every secret of every test holds this text; it must turn up nowhere. */
export const CANARY = 'canary-b7f3a9';

const pem = (name: string): string => readFileSync(new URL(`tls/${name}`, import.meta.url), 'utf8');
/** For the name `destination.test` only. */
export const TLS = { ca: pem('ca.pem'), cert: pem('server.pem'), key: pem('server-key.pem') };

export type TestAccount = {
  readonly destination: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly allow?: Binding['account']['allow'];
  readonly secret?: () => object | Promise<object>;
  readonly resolver?: Binding['resolver'];
  readonly now?: () => number;
};

export function bindForTest(account: TestAccount): ClosableDestination & { fetches(): number } {
  let fetches = 0;
  const bound = bindDestination({
    account: {
      name: 'account',
      destination: account.destination,
      settings: account.settings,
      allow: account.allow ?? [],
    },
    fetchSecret: async () => {
      fetches += 1;
      return account.secret?.() ?? { token: CANARY };
    },
    clock: { now: account.now ?? Date.now },
    ...(account.resolver === undefined ? {} : { resolver: account.resolver }),
  });
  return { ...bound, fetches: () => fetches };
}
