/**
 * No seed may break an invariant. `TAILRACE_SIM_SECONDS=600` plays for longer, up to three thousand; `npm run sim`
 * plays as many as are asked for, replays one and shrinks it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { playSeeds } from './seeds.ts';
import { simulate } from './simulate.ts';

test('no seed breaks an invariant', async (context) => {
  await playSeeds(context);
});

test('the same seed gives the same history', async () => {
  for (const seed of [1, 2, 3]) {
    const first = await simulate(seed);
    const second = await simulate(seed);
    assert.equal(second.hash, first.hash);
  }
});
