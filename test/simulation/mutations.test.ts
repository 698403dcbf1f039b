/**
 * Every guard taken away in turn, on the seed that is known to notice (`npm run sim -- --mutations` finds it): the
 * simulator must see the very invariant broken that the guard protects.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MUTATIONS } from './mutations.ts';
import { simulate } from './simulate.ts';

for (const { guard, protects, mutate, seed } of MUTATIONS) {
  test(`without "${guard}" the simulator finds ${protects.join(' or ')}`, async () => {
    const { violations } = await simulate(seed, { mutate });
    const found = violations.find(({ invariant }) => protects.includes(invariant));
    assert.notEqual(found, undefined, JSON.stringify(violations));
  });
}
