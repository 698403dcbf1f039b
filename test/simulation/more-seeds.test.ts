/** The second half of the seeds of `simulation.test.ts`, so that both cores have work. */
import { test } from 'node:test';
import { playSeeds } from './seeds.ts';

test('no seed of the second half breaks an invariant', async (context) => {
  await playSeeds(context, 100_001);
});
