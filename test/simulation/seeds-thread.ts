/** One thread's share of many seeds; a history runs in one thread, so shares are independent. See `seeds-threads.ts`. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Violation } from './oracle.ts';
import { shrink, told } from './shrink.ts';
import { type History, simulate } from './simulate.ts';
import { addTo, type Tally, tally } from './tally.ts';

/** Plays `from`, `from + step`, `from + 2 * step`, ... */
export type Share = {
  readonly from: number;
  readonly step: number;
  readonly least: number;
  readonly most: number;
  /** Epoch milliseconds; past it only `least` are played. */
  readonly until: number;
  readonly isEndedByViolation: boolean;
};

export type FailedSeed = Violation & {
  readonly seed: number;
  /** What a person reads: the shrunk history of the first ones, since later ones are mostly the same again. */
  readonly told: string;
};

/** Every now and then as it plays, and at last with `isOver`. */
export type Played = {
  readonly tally: Tally;
  readonly violations: readonly FailedSeed[];
  readonly isOver: boolean;
};

const SHRUNK_MAX = 10;
const TOLD_EVERY = 250;

async function play(share: Share): Promise<void> {
  const { from, step, least, most, until, isEndedByViolation } = share;
  const sums = tally();
  const violations: FailedSeed[] = [];
  const say = (isOver: boolean): void => parentPort?.postMessage({ tally: sums, violations, isOver });
  while (sums.seeds < most && (Date.now() < until || sums.seeds < least)) {
    const history = await simulate(from + sums.seeds * step);
    addTo(sums, history);
    if (history.violations.length > 0) violations.push(await failed(history, violations.length < SHRUNK_MAX));
    if (isEndedByViolation && violations.length > 0) break;
    if (sums.seeds % TOLD_EVERY === 0) say(false);
  }
  say(true);
}

async function failed(history: History, isShrunk: boolean): Promise<FailedSeed> {
  const [first = { invariant: '', message: '' }] = history.violations;
  const { seed } = history;
  if (!isShrunk) return { seed, ...first, told: '' };
  const shrunk = await shrink(history);
  return { seed, ...first, told: told(shrunk.history, shrunk.limits) };
}

await play(workerData as Share);
