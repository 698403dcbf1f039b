/**
 * Carries out a plan: waits for the moment of each strike, kills or pauses, and starts the services again. One strike
 * after the other; a strike whose moment does not come in time falls anyway.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { History } from './history.ts';
import type { Moment, Strike } from './plan.ts';
import type { TcpProxy } from './proxy.ts';
import type { Random } from './seeded.ts';
import type { Invocation, Services } from './services-process.ts';

export type Struck = {
  kills: { environments: number; services: number; everything: number };
  pauses: { environments: number; services: number };
  /** Environments that were still there a moment after their services had died. */
  orphans: number;
};

export type Battlefield = {
  readonly services: Services;
  readonly proxy: TcpProxy;
  readonly history: History;
  /** For the pauses between strikes. */
  readonly random: Random;
};

/** Between strikes, so that something gets done that can be destroyed; after the services' own, a request as well. */
const GAP_MS = [200, 1500] as const;

export async function carryOut(field: Battlefield, plan: readonly Strike[]): Promise<Struck> {
  const struck: Struck = {
    kills: { environments: 0, services: 0, everything: 0 },
    pauses: { environments: 0, services: 0 },
    orphans: 0,
  };
  const watch = watchMoments(field);
  for (const [at, strike] of plan.entries()) {
    await sleep(field.random.between(...GAP_MS));
    if (plan[at - 1]?.victim !== 'environment')
      await watch.moment({ on: 'request', afterMs: 0 }, WORK_MS_MAX);
    const found = await watch.moment(strike.moment);
    const label = `${at + 1}/${plan.length} ${found.told}`;
    if (strike.victim === 'environment')
      await onEnvironment(field, struck, strike, label, () => watch.victim(found));
    else await onServices(field, struck, strike, label);
  }
  return struck;
}

async function onEnvironment(
  { services, history }: Battlefield,
  struck: Struck,
  strike: Extract<Strike, { victim: 'environment' }>,
  label: string,
  victim: () => Promise<Invocation>,
): Promise<void> {
  const name = strike.is === 'kill' ? 'SIGKILL' : 'SIGSTOP';
  let one = await victim();
  while (!services.signalTo(one.pid, name)) one = await victim();
  if (strike.is === 'kill') {
    struck.kills.environments += 1;
    history.note(`${label}: killed environment of ${one.of}`);
    return;
  }
  struck.pauses.environments += 1;
  history.note(`${label}: paused environment of ${one.of} for ${strike.ms} ms`);
  await sleep(strike.ms);
  const isThere = services.signalTo(one.pid, 'SIGCONT');
  history.note(isThere ? 'it goes on' : 'its time limit has ended it');
}

async function onServices(
  { services, history }: Battlefield,
  struck: Struck,
  strike: Exclude<Strike, { victim: 'environment' }>,
  label: string,
): Promise<void> {
  if (strike.is === 'pause') {
    struck.pauses.services += 1;
    history.note(`${label}: paused the services for ${strike.ms} ms`);
    services.signal('SIGSTOP');
    await sleep(strike.ms);
    services.signal('SIGCONT');
    history.note('the services go on');
    return;
  }
  struck.kills[strike.victim] += 1;
  await services.kill(strike.victim);
  await sleep(IDLE_END_MS);
  const left = services.orphans().length;
  struck.orphans += left;
  history.note(`${label}: killed ${strike.victim}${left === 0 ? '' : `, ${left} environments live on`}`);
  await sleep(strike.downMs);
  await services.start();
  history.note(`the services are back, start ${services.starts}`);
}

/** An environment without work ends when the services do; what is there after this was at work. */
const IDLE_END_MS = 150;

// ---------------------------------------------------------------- moments

type Found = { readonly told: string; readonly invocation: Invocation | undefined };

/** A moment that has not come by then will not matter: the strike falls. */
const MOMENT_MS_MAX = 6000;
/** Services that have come back deliver something before the next strike, unless that takes longer than this. */
const WORK_MS_MAX = 20_000;
/** The sweep comes every few seconds, so some environment is invoked sooner than this. */
const VICTIM_MS_MAX = 60_000;

function watchMoments({ services, proxy }: Battlefield) {
  let heard: ((invocation: Invocation) => void)[] = [];
  let requested: (() => void)[] = [];
  let lastLoader: Invocation | undefined;
  services.onInvocation((invocation) => {
    if (invocation.of.includes('LoadBatch')) lastLoader = invocation;
    const all = heard;
    heard = [];
    for (const listener of all) listener(invocation);
  });
  proxy.onRequest(() => {
    const all = requested;
    requested = [];
    for (const listener of all) listener();
  });

  /** The next invocation of a function whose logical id contains the text; undefined when none comes in time. */
  async function invocation(text: string, ms: number): Promise<Invocation | undefined> {
    const until = Date.now() + ms;
    for (;;) {
      const left = until - Date.now();
      if (left <= 0) return undefined;
      const next = new Promise<Invocation>((resolve) => heard.push(resolve));
      const one = await Promise.race([next, sleep(left, undefined, { ref: false })]);
      if (one?.of.includes(text) === true) return one;
    }
  }

  async function moment(wanted: Moment, waitMs = MOMENT_MS_MAX): Promise<Found> {
    const found = await begun(wanted, waitMs);
    await sleep(wanted.afterMs);
    return { ...found, told: `${wanted.afterMs} ms after ${found.told}` };
  }

  async function begun(wanted: Moment, waitMs: number): Promise<Found> {
    if (wanted.on === 'time') return { told: 'the last strike', invocation: undefined };
    if (wanted.on === 'request') {
      const next = new Promise<true>((resolve) => requested.push(() => resolve(true)));
      const came = await Promise.race([next, sleep(waitMs, undefined, { ref: false })]);
      return { told: came === true ? 'a request' : 'waiting for a request', invocation: lastLoader };
    }
    const one = await invocation(wanted.of, waitMs);
    return { told: one === undefined ? `waiting for ${wanted.of}` : `${wanted.of} began`, invocation: one };
  }

  return {
    moment,
    /** Whoever the moment was about; when asked again, or when it was about nobody, whoever is invoked next. */
    async victim(found: Found): Promise<Invocation> {
      const first = found.invocation;
      Object.assign(found, { invocation: undefined });
      const one = first ?? (await invocation('', VICTIM_MS_MAX));
      if (one === undefined) throw new Error('no function was invoked for a minute: the services do nothing');
      return one;
    },
  };
}
