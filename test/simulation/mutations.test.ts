/**
 * Every guard taken away in turn: the simulator must see the very invariant broken that the guard protects. The seed
 * that is known to notice is tried first; when the engine has changed so much that it does not, others are.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MUTATIONS } from './mutations.ts';
import { simulate } from './simulate.ts';

/** Others that are tried; `npm run sim -- --mutations` goes on to 6,000. */
const SEEDS_TO_NOTICE = 1000;

for (const mutation of MUTATIONS) {
  const { guard, protects, seed: known, found: once } = mutation;
  const defect = once === undefined ? '' : `: ${once}`;
  test(`without "${guard}" the simulator finds ${protects.join(' or ')}${defect}`, async (context) => {
    for (let seed = 0; seed <= SEEDS_TO_NOTICE; seed += 1) {
      const { violations } = await simulate(seed === 0 ? known : seed, mutation);
      const found = violations.find(({ invariant }) => protects.includes(invariant));
      if (found === undefined) continue;
      const whole = await simulate(seed === 0 ? known : seed);
      assert.equal(whole.violations.length, 0, 'with the guard the same seed breaks nothing');
      if (seed > 0) context.diagnostic(`seed ${known} notices no more, seed ${seed} does`);
      return;
    }
    assert.fail(`no violation in ${SEEDS_TO_NOTICE} seeds`);
  });
}
