/** The shared budget: pace, sharing, lanes, cuts and recovery, judged at the destination in virtual time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mostInWindow, simulateRate } from '../../bench/rate-simulation.ts';
import { breakerKey, budgetKey } from '../../shared/core/names.ts';
import { fullRate, slotLatenessMs } from '../../shared/core/rate.ts';
import { budgetOf, slotMs } from '../../shared/engine/account-rate.ts';
import { slowDown } from '../../shared/engine/adapt-rate.ts';
import { electProbe, probeDue, readBreaker, tripBreaker, unmarkClosed } from '../../shared/engine/breaker.ts';
import { freshView, reserveSlots, type SlotRequest } from '../../shared/engine/reserve-slots.ts';
import { arrange, linesOf } from './harness.ts';

const MINUTES = 5;
const single = simulateRate({ loaders: 1, requests: 50, perMs: 1000, virtualMs: MINUTES * 60_000 });

for (const loaders of [1, 8, 32]) {
  test(`${loaders} loaders on 50 requests/s: at least 94% used, never above in any window`, async () => {
    const one = await single;
    const figures =
      loaders === 1
        ? one
        : await simulateRate({ loaders, requests: 50, perMs: 1000, virtualMs: MINUTES * 60_000, seed: 3 });
    assert.ok(figures.used >= 0.94, `used ${figures.used}`);
    assert.ok(figures.windowMost <= 50, `${figures.windowMost} in one window`);
    assert.ok(
      figures.billedSecondsPer1000Calls <= 3 * one.billedSecondsPer1000Calls,
      JSON.stringify(figures),
    );
    assert.ok(
      figures.budgetWritesPerSendingSecond <= 1.01,
      `${figures.budgetWritesPerSendingSecond} writes/s`,
    );
  });
}

test('a destination that takes a second to answer: what one loader cannot use, the others have', async () => {
  const slow = { requests: 50, perMs: 1000, virtualMs: 20 * 60_000, workMs: 1000, requestsInFlight: 16 };
  const one = await simulateRate({ ...slow, loaders: 1 });
  // 16 calls under way for a little more than a second each.
  assert.ok(one.used >= 0.28 && one.used <= 0.32, `used ${one.used} by one`);
  for (const loaders of [8, 32]) {
    const figures = await simulateRate({ ...slow, loaders });
    assert.ok(figures.used >= 0.94, `used ${figures.used} by ${loaders}`);
    assert.ok(figures.windowMost <= 50, `${figures.windowMost} in one window`);
    assert.ok(
      figures.budgetWritesPerSendingSecond <= 1.01,
      `${figures.budgetWritesPerSendingSecond} writes/s by ${loaders}`,
    );
  }
});

test('few calls at once: a loader too many is not kept waiting on the bill', async () => {
  const few = { requests: 50, perMs: 1000, virtualMs: 10 * 60_000, workMs: 60, requestsInFlight: 4 };
  const one = await simulateRate({ ...few, loaders: 1 });
  for (const loaders of [2, 8, 32]) {
    const figures = await simulateRate({ ...few, loaders });
    assert.ok(figures.used >= 0.94, `used ${figures.used} by ${loaders}`);
    assert.ok(figures.windowMost <= 50, `${figures.windowMost} in one window`);
    assert.ok(
      figures.billedSecondsPer1000Calls <= 3 * one.billedSecondsPer1000Calls,
      `${figures.billedSecondsPer1000Calls} s by ${loaders}, ${one.billedSecondsPer1000Calls} s by one`,
    );
    assert.ok(
      figures.budgetWritesPerSendingSecond <= 6.5,
      `${figures.budgetWritesPerSendingSecond} writes/s`,
    );
  }
});

test('a vendor that counts per ten seconds: the same', async () => {
  const figures = await simulateRate({
    loaders: 4,
    requests: 100,
    perMs: 10_000,
    virtualMs: 600_000,
    wayJitterMs: 60,
  });
  assert.ok(figures.used >= 0.94, `used ${figures.used}`);
  assert.ok(figures.windowMost <= 100, `${figures.windowMost} in one window`);
});

test('a fast account: loaders share it, none shuts out the others, no window is above', async () => {
  const many = { requests: 1000, perMs: 1000, virtualMs: 20_000, workMs: 20 };
  const one = await simulateRate({ ...many, loaders: 1 });
  const two = await simulateRate({ ...many, loaders: 2 });
  assert.ok(two.calls > 1.8 * one.calls, `${one.calls} calls by one, ${two.calls} by two`);
  assert.ok(two.windowMost <= 1000, `${two.windowMost} in one window`);
  assert.ok(two.budgetWritesPerSendingSecond <= 2, `${two.budgetWritesPerSendingSecond} writes/s`);
});

test('windows are counted half open', () => {
  assert.equal(mostInWindow([0, 400, 1000, 1001], 1000), 3);
  assert.equal(mostInWindow([5, 5, 5], 1), 3);
  assert.equal(mostInWindow([], 10), 0);
});

const request = (over: Partial<SlotRequest> = {}): SlotRequest => ({
  count: 100,
  lane: 'bulk',
  isHolder: true,
  latestAt: Number.MAX_SAFE_INTEGER,
  usable: ({ count }) => count,
  newcomerSlots: ({ count }) => count,
  ...over,
});

test('a reservation is a second of slots, rounded up, follows the last one, and ends at the horizon', async () => {
  const t = await arrange({ lines: linesOf(1) });
  const ports = t.loader();
  const at = t.clock.now();
  const view = { ...freshView(), callMs: 0 };
  const first = await reserveSlots(ports, view, request());
  assert.ok(first.is === 'slots');
  assert.equal(first.slots.count, 97);
  assert.equal(first.slots.startAt, at);
  assert.ok(Math.abs(first.slots.stepMs - 10.357) < 0.001);
  const other = await reserveSlots(t.loader(), { ...freshView(), callMs: 0 }, request());
  assert.ok(other.is === 'slots' && Math.abs(other.slots.startAt - (at + 1004.64)) < 1);
  const third = await reserveSlots(ports, view, request());
  assert.ok(third.is === 'busy' && Math.abs(third.freeAt - (at + 2009.29)) < 1);
  // Express waits longer, a newcomer shorter.
  assert.equal(
    (await reserveSlots(t.loader(), freshView(), request({ lane: 'express', count: 1 }))).is,
    'slots',
  );
  assert.equal((await reserveSlots(t.loader(), freshView(), request({ isHolder: false }))).is, 'busy');
});

test('no slot lies at or past the deadline', async () => {
  const t = await arrange({ lines: linesOf(1) });
  const view = { ...freshView(), callMs: 0 };
  const got = await reserveSlots(t.loader(), view, request({ latestAt: t.clock.now() + 100 }));
  assert.ok(got.is === 'slots');
  assert.equal(got.slots.count, 10);
  assert.ok(got.slots.startAt + 9 * got.slots.stepMs < t.clock.now() + 100);
});

test('under express pressure bulk leaves a tenth of the time', async () => {
  const t = await arrange({ lines: linesOf(1) });
  const bulk = t.loader();
  const express = t.loader();
  const bulkView = freshView();
  const expressView = freshView();
  let slots = 0;
  const until = t.clock.now() + 60_000;
  while (t.clock.now() < until) {
    await reserveSlots(express, expressView, request({ lane: 'express', count: 1 }));
    const got = await reserveSlots(bulk, bulkView, request());
    if (got.is === 'slots') slots += got.slots.count;
    await t.clock.runUntil(t.clock.now() + 200);
  }
  // 60 s of 98 slots/s, nine tenths; the horizon lets it be two seconds ahead.
  assert.ok(slots <= 62.5 * 98 * 0.9, `${slots} slots`);
  assert.ok(slots >= 58 * 98 * 0.9, `${slots} slots`);
});

test('many throttle answers cut the rate once per window; it grows back by itself', async () => {
  const t = await arrange({ lines: linesOf(1), account: { rate: { requests: 50, perMs: 1000 } } });
  const ports = t.loader();
  const { account } = t;
  assert.ok(Math.abs(fullRate(account) - 48.276) < 0.001, `${fullRate(account)}`);
  await Promise.all(Array.from({ length: 50 }, () => slowDown(t.loader(), undefined, undefined)));
  const cut = budgetOf(t.state.peek(budgetKey('crm')));
  assert.ok(Math.abs((cut.rate ?? 0) - 33.793) < 0.01, `${cut.rate}`);
  assert.ok(Math.abs(cut.nextFreeAt - t.clock.now() - 1000) < 1);
  const rateAfter = (ms: number) => 1000 / slotMs(account, cut, t.clock.now() + ms);
  assert.ok(Math.abs(rateAfter(10_000) - 38.621) < 0.01, `${rateAfter(10_000)}`);
  assert.ok(Math.abs(rateAfter(60_000) - 48.276) < 0.01, `${rateAfter(60_000)}`);
  await t.clock.runUntil(t.clock.now() + 1001);
  await slowDown(ports, undefined, 500);
  assert.ok((budgetOf(t.state.peek(budgetKey('crm'))).rate ?? 0) < 25);
});

test('a hostile Retry-After is clamped to a day', async () => {
  const t = await arrange({ lines: linesOf(1) });
  const { freeAt } = await slowDown(t.loader(), undefined, 10 ** 12);
  assert.equal(freeAt - t.clock.now(), 86_400_000);
});

test('after a breaker closed the rate ramps: an eighth, a quarter, a half, all', () => {
  const account = { name: 'crm', rate: { requests: 50, perMs: 1000 } };
  const budget = budgetOf({ rampAt: 0 });
  const rates = [0, 15_000, 30_000, 45_000].map((now) => 1000 / slotMs(account, budget, now));
  assert.deepEqual(
    rates.map((rate) => Math.round(rate * 1000) / 1000),
    [6.034, 12.069, 24.138, 48.276],
  );
});

test('slots are void after 1.2% of the window; a fast account spreads them over a second at half the pace', () => {
  const slow = { name: 'crm', rate: { requests: 50, perMs: 1000 } };
  assert.equal(slotLatenessMs(slow), 12);
  const fast = { name: 'crm', rate: { requests: 10_000, perMs: 1000 } };
  assert.equal(slotLatenessMs(fast), 1000);
  assert.equal(Math.round(fullRate(fast)), 4864);
  const perMinute = { name: 'crm', rate: { requests: 600_000, perMs: 60_000 } };
  assert.equal(slotLatenessMs(perMinute), 720);
  assert.equal(Math.round(fullRate(perMinute)), 9798);
});

test('the breaker opens once per generation, twice as long each time, up to fifteen times', async () => {
  const t = await arrange({ lines: linesOf(1) });
  const ports = t.loader();
  const closed = await readBreaker(ports.state, 'crm');
  assert.equal(closed.state, 'closed');
  const trips = await Promise.all([1, 2, 3].map(() => tripBreaker(t.loader(), closed, 'timeout')));
  assert.deepEqual(
    trips.map(({ generation }) => generation),
    [1, 1, 1],
  );
  assert.equal(t.events.types().length, 1);
  const lengths: number[] = [];
  for (let round = 0; round < 6; round += 1) {
    const open = await readBreaker(ports.state, 'crm');
    lengths.push((open.openUntil - t.clock.now()) / 60_000);
    await t.clock.runUntil(open.openUntil);
    const tickets = await Promise.all([1, 2].map((n) => electProbe(t.loader(), open, `p${n}`, 10_000)));
    const ticket = tickets.find((one) => one !== undefined);
    assert.equal(tickets.filter((one) => one !== undefined).length, 1);
    assert.ok(ticket);
    await tripBreaker(ports, ticket, 'timeout');
  }
  assert.deepEqual(lengths, [1, 2, 4, 8, 15, 15]);
});

test('a probe whose owner died is due again, and makes a new generation', async () => {
  const t = await arrange({ lines: linesOf(1) });
  const ports = t.loader();
  const open = await tripBreaker(ports, await readBreaker(ports.state, 'crm'), 'timeout');
  assert.equal(probeDue(open, t.clock.now()), false);
  await t.clock.runUntil(open.openUntil);
  const first = await electProbe(ports, open, 'a', 10_000);
  assert.equal(await electProbe(ports, await readBreaker(ports.state, 'crm'), 'b', 10_000), undefined);
  await t.clock.runUntil(t.clock.now() + 10_000);
  const second = await electProbe(ports, await readBreaker(ports.state, 'crm'), 'b', 10_000);
  assert.equal((second?.generation ?? 0) - (first?.generation ?? 0), 1);
});

test('a closer that died between its two writes leaves a mark that anyone removes', async () => {
  const t = await arrange({ lines: linesOf(3) });
  t.state.seed(budgetKey('crm'), { breaker: 4 });
  t.state.seed(breakerKey('crm'), { state: 'closed', generation: 5, opens: 0 });
  await unmarkClosed(t.loader(), await readBreaker(t.state, 'crm'));
  assert.equal(t.state.peek(budgetKey('crm'))?.breaker, undefined);
  assert.deepEqual(await t.load(t.loader()), { is: 'done' });
});
