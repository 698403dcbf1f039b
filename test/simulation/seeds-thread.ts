/** One thread's share of the seeds of `npm test`; a history runs in one thread, so shares are independent. */
import { parentPort, workerData } from 'node:worker_threads';
import { shrink, told } from './shrink.ts';
import { simulate } from './simulate.ts';
import { addTo, type Tally, tally } from './tally.ts';

export type Share = {
  readonly from: number;
  readonly least: number;
  readonly most: number;
  /** Epoch milliseconds; past it only `least` are played. */
  readonly until: number;
};

export type Played = {
  readonly tally: Tally;
  /** What a person reads of the first seed that broke an invariant. */
  readonly failure: string | undefined;
};

async function play({ from, least, most, until }: Share): Promise<Played> {
  const sums = tally();
  while (sums.seeds < most && (Date.now() < until || sums.seeds < least)) {
    const history = await simulate(from + sums.seeds);
    addTo(sums, history);
    if (history.violations.length === 0) continue;
    const shrunk = await shrink(history);
    return { tally: sums, failure: told(shrunk.history, shrunk.limits) };
  }
  return { tally: sums, failure: undefined };
}

parentPort?.postMessage(await play(workerData as Share));
