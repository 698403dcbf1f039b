/**
 * A registered destination with one account's settings, secret and guarded network built in. One binding lives
 * as long as the environment of a loader, and belongs to one account of one stage: nothing is shared between two.
 *
 * The secret: fetched at most once at a time, kept until it was refused, never kept when the fetch failed.
 */
import type { z } from 'zod';
import { Fault } from '../core/fault.ts';
import type { BoundDestination } from '../ports.ts';
import type { Context } from './destination.ts';
import { httpClient } from './http-client.ts';
import { type HostAndPort, networkGuard, type Resolver } from './network-guard.ts';
import { destinationNamed } from './registry.ts';

export type Binding = {
  readonly account: {
    readonly name: string;
    /** A registered destination. */
    readonly destination: string;
    /** As the environment says; the destination's own schema parses it. `ca`: PEM of a private authority. */
    readonly settings: unknown;
    /** Exact pairs where plain http and private addresses are permitted. */
    readonly allow: readonly HostAndPort[];
  };
  /** Reads the account's secret of this stage; throws when there is none. */
  fetchSecret(): Promise<object>;
  readonly clock: { now(): number };
  /** Tests only: names to addresses. */
  readonly resolver?: Resolver;
};

export type ClosableDestination = BoundDestination & {
  /** Ends pools and sockets. */
  close(): Promise<void>;
};

/** Throws `config` Faults: `destination_unknown`, and `settings_invalid` with the path of the bad setting. */
export function bindDestination(binding: Binding): ClosableDestination {
  const { account, clock } = binding;
  const destination = destinationNamed(account.destination);
  const settings: { readonly ca?: string } = parsedSettings(destination.settings, account);
  const network = networkGuard(account.allow, binding.resolver);
  const http = httpClient(network, settings.ca);
  const secret = cachedSecret(account.name, binding.fetchSecret);
  const kept = keeper();
  const context = (signal: AbortSignal): Context<unknown> => ({
    settings,
    secret: secret.read,
    keep: kept.keep,
    http,
    network,
    clock,
    signal,
  });
  return {
    destination,
    context,
    forgetSecret: () => {
      // Pools and tokens were made from the refused secret; what is in flight finishes on its own.
      if (secret.forget()) void kept.close();
    },
    close: async () => {
      await kept.close();
      await http.close();
    },
  };
}

function parsedSettings(schema: z.ZodType, account: Binding['account']): { readonly ca?: string } {
  const parsed = schema.safeParse(account.settings);
  if (parsed.success) return parsed.data as { readonly ca?: string };
  const issue = parsed.error.issues[0];
  throw new Fault(
    'config',
    'settings_invalid',
    `the settings of account ${account.name} do not fit: ${issue?.message ?? 'unknown reason'}`,
    {
      path: issue?.path.join('.') ?? '',
      remedy: `See docs/destinations/${account.destination}.md for the settings of this destination.`,
    },
  );
}

function cachedSecret(account: string, fetchSecret: () => Promise<object>) {
  let current: Promise<Readonly<Record<string, unknown>>> | undefined;
  let arrived = false;
  const fetched = async (): Promise<Readonly<Record<string, unknown>>> => {
    try {
      const secret = { ...(await fetchSecret()) };
      arrived = true;
      return secret;
    } catch (error) {
      current = undefined;
      throw error instanceof Fault ? error : secretMissing(account, error);
    }
  };
  return {
    read: () => {
      current ??= fetched();
      return current;
    },
    /** False when there was nothing to forget: not fetched yet, or a newer one is on its way. */
    forget: (): boolean => {
      if (!arrived) return false;
      arrived = false;
      current = undefined;
      return true;
    },
  };
}

/** Values that live between calls; those that hold sockets have `Symbol.asyncDispose`. */
function keeper() {
  let values = new Map<string, unknown>();
  return {
    keep: <T>(name: string, open: () => T): T => {
      if (!values.has(name)) values.set(name, open());
      return values.get(name) as T;
    },
    close: async (): Promise<void> => {
      const old = values;
      values = new Map();
      const closing = [...old.values()].map(async (value) => {
        if (isDisposable(value)) await value[Symbol.asyncDispose]();
      });
      await Promise.allSettled(closing);
    },
  };
}

function isDisposable(value: unknown): value is AsyncDisposable {
  return typeof value === 'object' && value !== null && Symbol.asyncDispose in value;
}

function secretMissing(account: string, cause: unknown): Fault {
  return new Fault('config', 'secret_missing', `the secret of account ${account} cannot be read`, {
    remedy: "Put the account's credentials in its secret as one JSON object; see its destination's page.",
    cause,
  });
}
