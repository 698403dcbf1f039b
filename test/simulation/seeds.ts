/**
 * Playing many seeds as a test, on two threads: at least a thousand however busy the machine is, and up to three
 * thousand while the time lasts. What must have happened in them is asserted over all that were played.
 */
import assert from 'node:assert/strict';
import { env } from 'node:process';
import { Worker } from 'node:worker_threads';
import type { Played, Share } from './seeds-thread.ts';
import { type Tally, table, tally, uncovered } from './tally.ts';

const SEEDS_MIN = 1000;
const SEEDS_MAX = 3000;
const SECONDS = Number(env.TAILRACE_SIM_SECONDS ?? 120);
const THREADS = 2;
/** Far enough from each other that shares never meet. */
const SHARE_STEP = 100_000;

type Told = { diagnostic(message: string): void };

/** Throws with the shrunk history of the first seed that breaks an invariant. */
export async function playSeeds(context: Told): Promise<void> {
  const until = Date.now() + SECONDS * 1000;
  const shares = Array.from({ length: THREADS }, (_, thread): Share => {
    const [least, most] = [SEEDS_MIN / THREADS, SEEDS_MAX / THREADS];
    return { from: 1 + thread * SHARE_STEP, least, most, until };
  });
  const played = await Promise.all(shares.map(playShare));
  const sums = played.reduce((sum, one) => added(sum, one.tally), tally());
  const { seeds, runs, batches, commits, fired } = sums;
  context.diagnostic(`${JSON.stringify({ seeds, runs, batches, commits, fired })}`);
  context.diagnostic(`faults while a sync of the account was in a phase:\n${table(sums)}`);
  const failure = played.find((one) => one.failure !== undefined)?.failure;
  if (failure !== undefined) assert.fail(failure);
  notTrivial(sums);
}

function playShare(workerData: Share): Promise<Played> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./seeds-thread.ts', import.meta.url), { workerData });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

function added(a: Tally, b: Tally): Tally {
  const record = (left: Record<string, number>, right: Record<string, number>): Record<string, number> => {
    const sum = { ...left };
    for (const [name, times] of Object.entries(right)) sum[name] = (sum[name] ?? 0) + times;
    return sum;
  };
  return {
    seeds: a.seeds + b.seeds,
    runs: a.runs + b.runs,
    batches: a.batches + b.batches,
    commits: a.commits + b.commits,
    fired: a.fired + b.fired,
    faults: record(a.faults, b.faults),
    pairs: record(a.pairs, b.pairs),
  };
}

/** On average at least this much happens in each history, and each fault meets each phase of a run. */
function notTrivial(sums: Tally): void {
  const { seeds, commits, batches, fired } = sums;
  assert.ok(seeds >= SEEDS_MIN, `${seeds} seeds`);
  assert.ok(commits / seeds >= 3, 'runs that commit');
  assert.ok(batches / seeds >= 20, 'batches');
  assert.ok(fired / seeds >= 5, 'faults');
  const missed = uncovered(sums);
  assert.deepEqual(missed, [], 'a fault never met a phase: raise its rate in fault-rates.ts');
}
