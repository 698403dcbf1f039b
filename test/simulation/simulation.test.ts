/**
 * As many seeds as fit into a few seconds, none of which may break an invariant; and mutations, each of which must.
 * `TAILRACE_SEED=17` replays one seed, `TAILRACE_SIM_SECONDS=600` looks for longer.
 */
import assert from 'node:assert/strict';
import { env } from 'node:process';
import { test } from 'node:test';
import { MUTATIONS } from './mutations.ts';
import { type History, simulate } from './simulate.ts';

const SECONDS = Number(env.TAILRACE_SIM_SECONDS ?? 20);
/** Far fewer than fit on any machine that is not broken: below it the test has not tested. */
const SEEDS_MIN = 10;
const SEED_FIRST = Number(env.TAILRACE_SEED ?? 1);
const SEEDS_MAX = env.TAILRACE_SEED === undefined ? Number.POSITIVE_INFINITY : 1;

function told({ seed, violations, faults, lastEvents }: History): string {
  const broken = violations.slice(0, 10).map(({ invariant, message }) => `${invariant}: ${message}`);
  return [`seed ${seed}`, ...broken, JSON.stringify(faults), ...lastEvents].join('\n');
}

test('no seed breaks an invariant', async (context) => {
  const until = performance.now() + SECONDS * 1000;
  const faults: Record<string, number> = {};
  const sums = { seeds: 0, runs: 0, batches: 0, commits: 0, fired: 0 };
  while (sums.seeds < SEEDS_MAX && (performance.now() < until || sums.seeds < SEEDS_MIN)) {
    const history = await simulate(SEED_FIRST + sums.seeds);
    assert.equal(history.violations.length, 0, told(history));
    sums.seeds += 1;
    sums.runs += history.runs;
    sums.batches += history.batches;
    sums.commits += history.commits;
    for (const [name, times] of Object.entries(history.faults)) {
      faults[name] = (faults[name] ?? 0) + times;
      sums.fired += times;
    }
  }
  context.diagnostic(`from seed ${SEED_FIRST}: ${JSON.stringify(sums)}`);
  context.diagnostic(`faults: ${JSON.stringify(faults)}`);
  if (SEEDS_MAX === 1) return;
  // Not trivial histories: on average at least this much happens in each.
  assert.ok(sums.commits / sums.seeds >= 3, 'commits');
  assert.ok(sums.batches / sums.seeds >= 20, 'batches');
  assert.ok(sums.fired / sums.seeds >= 5, 'faults');
});

test('the same seed gives the same history', async () => {
  for (const seed of [1, 2, 3]) assert.equal((await simulate(seed)).hash, (await simulate(seed)).hash);
});

/** Seeds that a mutation may survive before the test calls it a weak test. */
const SEEDS_TO_NOTICE = 60;

for (const { guard, protects, mutate } of MUTATIONS) {
  test(`without "${guard}" the simulator finds ${protects.join(' or ')}`, async (context) => {
    for (let seed = 1; seed <= SEEDS_TO_NOTICE; seed += 1) {
      const { violations } = await simulate(seed, { mutate });
      const found = violations.find(({ invariant }) => protects.includes(invariant));
      if (found === undefined) continue;
      context.diagnostic(`seed ${seed}: ${found.invariant}`);
      return;
    }
    assert.fail(`no violation in ${SEEDS_TO_NOTICE} seeds`);
  });
}
