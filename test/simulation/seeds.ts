/** Playing many seeds as a test: how many, for how long, and what must have happened in them. */
import assert from 'node:assert/strict';
import { env } from 'node:process';
import { shrink, told } from './shrink.ts';
import { simulate } from './simulate.ts';
import { addTo, type Tally, table, tally } from './tally.ts';

/** Seeds that each of the two files plays at least, however busy the machine is. */
export const SEEDS_MIN = 500;
const SEEDS_MAX = 1500;
const SECONDS = Number(env.TAILRACE_SIM_SECONDS ?? 40);

type Told = { diagnostic(message: string): void };

/** Throws with the shrunk history of the first seed that breaks an invariant. `TAILRACE_SEED` replays one. */
export async function playSeeds(context: Told, from: number): Promise<Tally> {
  const sums = tally();
  const until = performance.now() + SECONDS * 1000;
  const only = env.TAILRACE_SEED === undefined ? undefined : Number(env.TAILRACE_SEED);
  const most = only === undefined ? SEEDS_MAX : 1;
  while (sums.seeds < most && (performance.now() < until || sums.seeds < SEEDS_MIN)) {
    const history = await simulate((only ?? from) + sums.seeds);
    if (history.violations.length > 0) {
      const shrunk = await shrink(history);
      assert.fail(told(shrunk.history, shrunk.limits));
    }
    addTo(sums, history);
  }
  const { seeds, runs, batches, commits, fired } = sums;
  context.diagnostic(
    `from seed ${only ?? from}: ${JSON.stringify({ seeds, runs, batches, commits, fired })}`,
  );
  context.diagnostic(`faults while a sync of the account was in a phase:\n${table(sums)}`);
  if (only === undefined) notTrivial(sums);
  return sums;
}

/** On average at least this much happens in each history. */
function notTrivial({ seeds, commits, batches, fired }: Tally): void {
  assert.ok(commits / seeds >= 3, 'commits');
  assert.ok(batches / seeds >= 20, 'batches');
  assert.ok(fired / seeds >= 5, 'faults');
}
