/** How long a message that goes back stays hidden. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { budgetKey, syncKey } from '../../shared/core/names.ts';
import { arrange, EPOCH, linesOf, SETTINGS, SYNC_ID } from './harness.ts';

const HOUR_MS = 3_600_000;

for (const [ageMs, least, most] of [
  [0, 3600, 4500],
  [HOUR_MS, 72_000, 90_000],
  [200 * HOUR_MS, 1_200_000, 1_500_000],
] as const) {
  test(`without a slot after ${ageMs / HOUR_MS} hours: longer with the run's age, and back before it counts as stalled`, async () => {
    const t = await arrange({ lines: linesOf(10) });
    const now = t.clock.now();
    const startedAt = now - ageMs;
    t.state.seed(syncKey(SYNC_ID), { epoch: EPOCH, phase: 'loading', cut: t.cut, startedAt });
    t.state.seed(budgetKey('crm'), { nextFreeAt: now + 20_000 });
    for (const random of [0, 0.999]) {
      const ports = t.loader();
      const result = await t.load({ ...ports, ids: { ...ports.ids, random: () => random } });
      assert.ok(result.is === 'again');
      const waitMs = ageMs === 0 ? Math.max(20_000, least) : least;
      assert.ok(result.afterMs >= waitMs - 1000, `${result.afterMs}`);
      assert.ok(result.afterMs <= Math.max(most, 25_000), `${result.afterMs}`);
      assert.ok(result.afterMs < SETTINGS.runStallMs);
    }
  });
}
