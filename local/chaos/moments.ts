/**
 * Waits for the moments of a plan and says whom each is about: hears invocations from the services and requests from the
 * proxy. Whoever is struck is at work: an idle environment that dies is no loss to anybody.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Moment } from './plan.ts';
import type { TcpProxy } from './proxy.ts';
import type { Invocation, Services } from './services-process.ts';

/** Whoever is to be struck; `isInCall`: a loader whose account has a request under way. */
export type Victim = Invocation & { readonly isInCall: boolean };

export type Found = { readonly told: string; readonly invocation: Victim | undefined };

export type Moments = {
  /** What is waited for need not come: the strike then falls anyway. */
  moment(wanted: Moment, waitMs?: number): Promise<Found>;
  /** Whoever the moment was about, if still at work; otherwise who is at work, or begins to be next. */
  victim(found: Found): Promise<Victim>;
};

/** A moment that has not come by then will not matter. */
const MOMENT_MS_MAX = 6000;
/** Services that have come back deliver something sooner than this, as a rule. */
export const WORK_MS_MAX = 20_000;
/** The sweep comes every few seconds, so some environment is invoked sooner than this. */
const VICTIM_MS_MAX = 60_000;

export function watchMoments({ services, proxy }: { services: Services; proxy: TcpProxy }): Moments {
  const invoked = listeners<Invocation>();
  const requested = listeners<string>();
  services.onInvocation(invoked.tell);
  proxy.onRequest(requested.tell);

  async function moment(wanted: Moment, waitMs = waitFor(wanted)): Promise<Found> {
    const found = await begun(wanted, waitMs);
    if (wanted.afterMs > 0) await sleep(wanted.afterMs);
    return { ...found, told: `${wanted.afterMs} ms after ${found.told}` };
  }

  async function begun(wanted: Moment, waitMs: number): Promise<Found> {
    if (wanted.on === 'time') return { told: 'the last strike', invocation: undefined };
    if (wanted.on === 'invocation') {
      const one = await invoked.next(({ of }) => of.includes(wanted.of), waitMs);
      if (one === undefined) return { told: `waiting for ${wanted.of}`, invocation: undefined };
      return { told: `${wanted.of} began`, invocation: { ...one, isInCall: false } };
    }
    const fits = (one: string): boolean =>
      wanted.of === undefined || (one === wanted.of && loaderOf(one) !== undefined);
    const account = await requested.next(fits, waitMs);
    if (account === undefined) return { told: 'waiting for a request', invocation: undefined };
    const loader = loaderOf(account);
    const invocation = loader && { ...loader, isInCall: wanted.afterMs === 0 };
    return { told: `a request to ${account}`, invocation };
  }

  const loaderOf = (account: string): Invocation | undefined =>
    services.working().find(({ of }) => of.includes(`${account}LoadBatch`));

  return {
    moment,
    async victim({ invocation }) {
      const working = services.working();
      if (invocation !== undefined && working.some(({ pid }) => pid === invocation.pid)) return invocation;
      const one = working[0] ?? (await invoked.next(() => true, VICTIM_MS_MAX));
      if (one === undefined) throw new Error('no function was invoked for a minute: the services do nothing');
      return { ...one, isInCall: false };
    },
  };
}

/** A strike in a call of one account is nothing without it, and its syncs go on: it comes. */
const CALL_MS_MAX = 120_000;
const waitFor = (wanted: Moment): number =>
  wanted.on === 'request' && wanted.of !== undefined ? CALL_MS_MAX : MOMENT_MS_MAX;

function listeners<T>() {
  let heard: ((value: T) => void)[] = [];
  return {
    tell: (value: T): void => {
      const all = heard;
      heard = [];
      for (const listener of all) listener(value);
    },
    /** The next value that fits; undefined when none comes in time. */
    async next(fits: (value: T) => boolean, ms: number): Promise<T | undefined> {
      const until = Date.now() + ms;
      for (;;) {
        const left = until - Date.now();
        if (left <= 0) return undefined;
        const next = new Promise<T>((resolve) => heard.push(resolve));
        const value = await Promise.race([next, sleep(left, undefined, { ref: false })]);
        if (value !== undefined && fits(value)) return value;
      }
    },
  };
}
