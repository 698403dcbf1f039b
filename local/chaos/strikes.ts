/**
 * Carries out a plan: waits for the moment of each strike, kills or pauses, and starts the services again. One strike
 * after the other; a strike whose moment does not come in time falls anyway.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { History } from './history.ts';
import { type Victim, WORK_MS_MAX, watchMoments } from './moments.ts';
import type { Strike } from './plan.ts';
import type { TcpProxy } from './proxy.ts';
import type { Random } from './seeded.ts';
import type { Services } from './services-process.ts';

export type Struck = {
  /** `inCall`: of the environments, loaders with a request under way. */
  kills: { environments: number; inCall: number; services: number; everything: number };
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
    kills: { environments: 0, inCall: 0, services: 0, everything: 0 },
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
  victim: () => Promise<Victim>,
): Promise<void> {
  const name = strike.is === 'kill' ? 'SIGKILL' : 'SIGSTOP';
  let one = await victim();
  while (!services.signalTo(one.pid, name)) one = await victim();
  if (strike.is === 'kill') {
    struck.kills.environments += 1;
    if (one.isInCall) struck.kills.inCall += 1;
    history.note(`${label}: killed environment of ${one.of}${one.isInCall ? ' in a call' : ''}`);
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
  if (strike.victim === 'everything') await allDead(services);
  const left = services.orphans().length;
  struck.orphans += left;
  history.note(`${label}: killed ${strike.victim}${left === 0 ? '' : `, ${left} environments live on`}`);
  await sleep(strike.downMs);
  await services.start();
  history.note(`the services are back, start ${services.starts}`);
}

/** A busy machine takes its time to bury so many. */
const BURIAL_MS_MAX = 10_000;

/** A kill of everything that leaves an environment is a kill of the services alone under another name. */
async function allDead(services: Services): Promise<void> {
  const until = Date.now() + BURIAL_MS_MAX;
  for (let alive = services.running(); alive.length > 0; alive = services.running()) {
    if (Date.now() > until) throw new Error(`everything was killed, but environments ${alive} live on`);
    await sleep(IDLE_END_MS);
  }
}

/** An environment without work ends when the services do; what is there after this was at work. */
const IDLE_END_MS = 150;
