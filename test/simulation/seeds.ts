/**
 * Playing many seeds as a test, on two threads: at least a thousand however busy the machine is, and up to three
 * thousand while the time lasts. What must have happened in them is asserted over all that were played.
 */
import assert from 'node:assert/strict';
import { env } from 'node:process';
import { impossible, table, uncovered } from './coverage.ts';
import { playOnThreads } from './seeds-threads.ts';
import type { Tally } from './tally.ts';

const SEEDS_MIN = 1000;
const SEEDS_MAX = 3000;
/** Alone on two cores three thousand take a minute; beside the other tests all of them together keep to ten. */
const SECONDS = Number(env.TAILRACE_SIM_SECONDS ?? 75);
const THREADS = 2;

type Told = { diagnostic(message: string): void };

/** Throws with the shrunk history of the first seed that breaks an invariant. */
export async function playSeeds(context: Told): Promise<void> {
  const { tally: sums, violations } = await playOnThreads({
    ...{ from: 1, least: SEEDS_MIN, most: SEEDS_MAX, threads: THREADS, isEndedByViolation: true },
    until: Date.now() + SECONDS * 1000,
  });
  const { seeds, runs, batches, commits, fired } = sums;
  context.diagnostic(`${JSON.stringify({ seeds, runs, batches, commits, fired })}`);
  context.diagnostic(`faults by the phase of the sync that they hit:\n${table(sums.pairs)}`);
  const [failed] = violations;
  if (failed !== undefined) assert.fail(failed.told);
  notTrivial(sums);
}

/** On average at least this much happens in each history, and each fault hits a sync in each phase. */
function notTrivial(sums: Tally): void {
  const { seeds, commits, batches, fired } = sums;
  assert.ok(seeds >= SEEDS_MIN, `${seeds} seeds`);
  assert.ok(commits / seeds >= 3, 'runs that commit');
  assert.ok(batches / seeds >= 20, 'batches');
  assert.ok(fired / seeds >= 5, 'faults');
  assert.deepEqual(
    uncovered(sums.pairs, seeds),
    [],
    'no sync was hit in this phase: raise the rate in fault-rates.ts',
  );
  assert.deepEqual(impossible(sums.pairs), [], 'this cannot be: see the reasons in coverage.ts');
}
