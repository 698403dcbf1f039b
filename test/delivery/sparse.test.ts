/** Accounts whose slots are minutes apart, or days of silence: how often a message comes, and how much of the rate is used. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulateRate } from '../../bench/rate-simulation.ts';
import { isSparse, makeCut } from '../../shared/core/batches.ts';
import { budgetKey, syncKey } from '../../shared/core/names.ts';
import { arrange, EPOCH, linesOf, SYNC_ID } from './harness.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

test('a thousand calls a day: two days use the rate, and no message comes often enough to be buried', async () => {
  const slow = { requests: 1000, perMs: DAY_MS, virtualMs: 2 * DAY_MS, pollMs: 30_000 };
  const figures = await simulateRate({ ...slow, loaders: 2 });
  assert.ok(figures.used >= 0.95, `used ${figures.used}`);
  assert.ok(figures.windowMost <= 1000, `${figures.windowMost} in one window`);
  // A thousand is the end; before, each message came once for every slot: 2,000 times.
  assert.ok(figures.receivesMost <= 400, `${figures.receivesMost} receives`);
});

for (const requests of [12, 30, 31]) {
  test(`${requests} calls a minute: whoever got one comes back for the next, so the rate is used`, async () => {
    const slow = { requests, perMs: MINUTE_MS, virtualMs: HOUR_MS, pollMs: 20_000, requestsInFlight: 4 };
    const figures = await simulateRate({ ...slow, loaders: 2 });
    assert.ok(figures.used >= 0.9, `used ${figures.used}`);
    assert.ok(figures.windowMost <= requests, `${figures.windowMost} in one window`);
  });
}

test('where each request takes a receive of its own, a batch has at most fifty', () => {
  const files = { files: [{ key: 'x', bytes: 1_000_000, rows: 10_000 }], rows: 10_000, bytes: 1_000_000 };
  const daily = { rate: { requests: 1000, perMs: DAY_MS }, requestRowsMax: 1 };
  assert.equal(makeCut(files, daily).batchBytes, 5000);
  // One request is never spread over batches, and small batches are for such accounts alone.
  assert.equal(makeCut(files, { ...daily, requestRowsMax: 1000 }).batchBytes, 100_000);
  assert.equal(makeCut(files, { rate: { requests: 1, perMs: 1940 }, requestRowsMax: 1 }).batchBytes, 62_500);
  // By the slots that it gets, which are two hundredths and fifteen milliseconds further apart than its limit says.
  assert.equal(isSparse({ rate: { requests: 1, perMs: 1940 } }), false);
  assert.equal(isSparse({ rate: { requests: 1, perMs: 1950 } }), true);
});

type Asked = {
  readonly since: Record<string, number>;
  readonly freeAfterMs: number;
  readonly random: number;
};

/** What a delivery without a slot is told, on an account with a slot each 88 seconds or, by default, each ten milliseconds. */
async function hiddenMs({ since, freeAfterMs, random }: Asked, perMs = 1000): Promise<number> {
  const t = await arrange({ lines: linesOf(10), account: { rate: { requests: 100, perMs } } });
  const now = t.clock.now();
  t.state.seed(syncKey(SYNC_ID), { epoch: EPOCH, phase: 'loading', cut: t.cut, ...since });
  t.state.seed(budgetKey('crm'), { nextFreeAt: now + freeAfterMs });
  const ports = t.loader();
  const result = await t.load({ ...ports, ids: { ...ports.ids, random: () => random } });
  assert.ok(result.is === 'again');
  return result.afterMs;
}

const NOW = Date.UTC(2026, 0, 5);

test('a rate that was cut makes slots rare for a while: whoever got one still comes back for the next', async () => {
  const account = { rate: { requests: 50_000, perMs: DAY_MS }, requestRowsMax: 1 };
  const t = await arrange({ lines: linesOf(10), account, cut: { batches: 500 } });
  const now = t.clock.now();
  t.state.seed(syncKey(SYNC_ID), {
    epoch: EPOCH,
    phase: 'loading',
    cut: t.cut,
    startedAt: now - 200 * HOUR_MS,
  });
  // Slots 1.8 s apart by the limit, 2.5 s since the cut.
  t.state.seed(budgetKey('crm'), { nextFreeAt: now - 1, cutAt: now, rate: 0.4 });
  const result = await t.load(t.loader());
  assert.equal(t.requests.length, 1);
  assert.ok(
    result.is === 'again' && result.code === 'slot_far' && result.afterMs <= 5000,
    JSON.stringify(result),
  );
});

test('a slot past the deadline is no reason to come back for it with all the others', async () => {
  const since = { startedAt: NOW - 200 * HOUR_MS };
  const freeAfterMs = 80_000;
  assert.ok((await hiddenMs({ since, freeAfterMs, random: 0 }, DAY_MS / 10)) >= 1_200_000);
});

test('after hours of silence messages come back within minutes, however long it was', async () => {
  const since = { startedAt: NOW - 1000 };
  const freeAfterMs = 4 * HOUR_MS;
  const least = await hiddenMs({ since, freeAfterMs, random: 0 });
  const most = await hiddenMs({ since, freeAfterMs, random: 0.999 });
  assert.ok(least >= 4 * HOUR_MS - 1000 && least <= 4 * HOUR_MS, `${least}`);
  assert.ok(most >= least + 50_000 && most <= least + 61_000, `${most - least}`);
});

test('what was held for days and sends since a moment asks as often as a run that has just begun', async () => {
  const since = { startedAt: NOW - 7 * DAY_MS, loadingSince: NOW };
  const afterMs = await hiddenMs({ since, freeAfterMs: 20_000, random: 0.999 });
  assert.ok(afterMs >= 19_000 && afterMs <= 25_000, `${afterMs}`);
});
