/**
 * What is done to the processes, drawn from the seed before anything runs: whom to strike, how, and at which moment. Two
 * runs of one seed have the same strikes in the same order at the same kinds of moment; how the operating system
 * interleaves the processes in between is its own affair, so a seed is a recipe here and not a recording.
 */
import type { Random } from './seeded.ts';

/** `environment`: one execution environment. `services`: the services alone. `everything`: both, at one stroke. */
export type Victim = 'environment' | 'services' | 'everything';

/** A moment to wait for, then `afterMs` more. `of`: part of a function's logical id; of a request, its account. */
export type Moment =
  | { readonly on: 'invocation'; readonly of: string; readonly afterMs: number }
  | { readonly on: 'request'; readonly of?: 'crm' | 'ledger'; readonly afterMs: number }
  | { readonly on: 'time'; readonly afterMs: number };

export type Strike = { readonly moment: Moment } & (
  | { readonly is: 'kill'; readonly victim: 'environment' }
  | { readonly is: 'kill'; readonly victim: 'services' | 'everything'; readonly downMs: number }
  | { readonly is: 'pause'; readonly victim: 'environment'; readonly ms: number }
  | { readonly is: 'pause'; readonly victim: 'services'; readonly ms: number }
);

export type PlanSettings = {
  /** Of environments, and as many of the services again (a third of those of everything). */
  readonly kills: number;
  /** Pauses longer than the leases, of services and of environments in turn; with one of services, a short one as well. */
  readonly longPauses: number;
  /** The longest lease of the stage. */
  readonly leaseMs: number;
};

/** Longer than a lease by this at least, and at most. */
const PAUSE_BEYOND_MS = [500, 2000] as const;

export function makePlan(random: Random, { kills, longPauses, leaseMs }: PlanSettings): readonly Strike[] {
  const strikes: Strike[] = [];
  for (let at = 0; at < kills; at += 1) {
    strikes.push({ is: 'kill', victim: 'environment', moment: inCall(at) ?? moment(random) });
    const victim = at % 3 === 2 ? 'everything' : 'services';
    strikes.push({ is: 'kill', victim, moment: moment(random), downMs: downMs(random) });
  }
  for (let at = 0; at < longPauses; at += 1) {
    const victim = at % 2 === 0 ? 'services' : 'environment';
    const ms = leaseMs + random.between(...PAUSE_BEYOND_MS);
    strikes.push({ is: 'pause', victim, moment: moment(random), ms });
    if (victim === 'services') strikes.push(shortPause(random));
  }
  return shuffled(random, strikes);
}

/** Shorter than any function's limit: the environment goes on with what it was at. */
const shortPause = (random: Random): Strike => ({
  is: 'pause',
  victim: 'environment',
  moment: moment(random),
  ms: random.between(200, 2500),
});

/**
 * Of all kills of environments half take a loader that has a call under way, in either account: nothing is more
 * delicate, and by chance it is rare.
 */
function inCall(at: number): Moment | undefined {
  if (at % 2 !== 0) return undefined;
  return { on: 'request', of: at % 4 === 0 ? 'crm' : 'ledger', afterMs: 0 };
}

/** The functions of the engine, those at work longest more often; by name in their logical ids. */
const FUNCTIONS = ['LoadBatch', 'LoadBatch', 'StartRun', 'FanOut', 'FinishRun', 'Sweep', 'ReconcileSyncs'];

/** In the middle of something: most invocations last between 20 and 400 ms. */
function moment(random: Random): Moment {
  const draw = random.next();
  if (draw < 0.3) return { on: 'request', afterMs: random.between(0, 40) };
  if (draw < 0.85) return { on: 'invocation', of: random.pick(FUNCTIONS), afterMs: random.between(0, 250) };
  return { on: 'time', afterMs: random.between(0, 2000) };
}

/** Mostly a crash and a restart; sometimes time enough for orphans to run out. */
const downMs = (random: Random): number =>
  random.chance(0.2) ? random.between(1000, 4000) : random.between(0, 500);

function shuffled<T>(random: Random, from: readonly T[]): readonly T[] {
  const out = [...from];
  for (let at = out.length - 1; at > 0; at -= 1) {
    const other = random.between(0, at);
    [out[at], out[other]] = [out[other] as T, out[at] as T];
  }
  return out;
}
