/** How long a run may take: the stall after a silence that the destination asked for, and the cap without the hold. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { breakerKey, budgetKey } from '../../shared/core/names.ts';
import { slowDown } from '../../shared/engine/adapt-rate.ts';
import { approveHold } from '../../shared/engine/approve-hold.ts';
import { readRun, sendingSince, syncOf } from '../../shared/engine/sync-state.ts';
import { type Bench, bench, loading, people, SYNC, signal } from './bench.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const CRM = {
  ...{ name: 'crm', destination: 'scripted', rate: { requests: 100, perMs: 1000 } },
  ...{ requestRowsMax: 10, requestsInFlight: 4 },
};

/** The sweep comes every minute; how many minutes went by before the run was given up, at most `minutes`. */
async function givenUpAfter(one: Bench, minutes: number): Promise<number | undefined> {
  for (let minute = 1; minute <= minutes; minute += 1) {
    await one.pass(MINUTE_MS);
    await one.sweep();
    if ((await one.sync()).phase === 'idle') return minute;
  }
  return undefined;
}

test('a destination asks for four hours of silence: half an hour is left when they are over', async () => {
  const one = await loading();
  one.ports.state.seed(budgetKey('crm'), { nextFreeAt: one.ports.clock.now() + 4 * HOUR_MS });
  const minutes = await givenUpAfter(one, 400);
  assert.ok(minutes !== undefined && minutes >= 270 && minutes <= 272, `${minutes}`);
  assert.equal((await readRun(one.ports.state, SYNC, 1))?.result?.code, 'run_stalled');
});

test('half an hour of silence that begins with the run: it has its half hour from the end of that on', async () => {
  const one = await loading();
  await one.pass(3000);
  await slowDown({ ...one.ports, account: CRM }, undefined, 30 * MINUTE_MS);
  const minutes = await givenUpAfter(one, 100);
  assert.ok(minutes !== undefined && minutes >= 60 && minutes <= 62, `${minutes}`);
});

test('a breaker that is open until later, or closed a moment ago, leaves the run its half hour', async () => {
  const one = await loading();
  const openUntil = one.ports.clock.now() + 40 * MINUTE_MS;
  const open = { state: 'open', generation: 1, opens: 1, openUntil };
  one.ports.state.seed(breakerKey('crm'), open);
  assert.equal(await givenUpAfter(one, 35), undefined);
  assert.equal((await one.sync()).deadline, openUntil + 30 * MINUTE_MS);
  const closed = await loading();
  const rampAt = closed.ports.clock.now() + 29 * MINUTE_MS;
  closed.ports.state.seed(budgetKey('crm'), { rampAt });
  const minutes = await givenUpAfter(closed, 100);
  assert.ok(minutes !== undefined && minutes >= 60 && minutes <= 63, `${minutes}`);
});

/** Days from the first send until a run is given up that was held for `heldDays`, and whose breaker stays open. */
async function daysOfSending(heldDays: number): Promise<number> {
  const one = await bench({ destination: { mode: 'mirror' } });
  one.rows(people(10));
  await one.whole();
  one.rows([]);
  await one.start();
  assert.deepEqual(await one.fan(2), { is: 'held' });
  await one.pass(heldDays * DAY_MS);
  const planHash = (await one.sync()).hold?.planHash ?? '';
  const approved = await approveHold(one.ports, { syncId: SYNC, planHash, signal: signal() });
  assert.deepEqual(approved, { is: 'approved', epoch: 2 });
  const approvedAt = one.ports.clock.now();
  one.ports.state.seed(breakerKey('crm'), { state: 'open', generation: 1, openUntil: 1, opens: 1 });
  while ((await one.sync()).phase === 'loading') {
    await one.pass(DAY_MS / 2);
    await one.sweep();
    await one.fan(2);
  }
  assert.equal((await readRun(one.ports.state, SYNC, 2))?.result?.code, 'run_too_old');
  return (one.ports.clock.now() - approvedAt) / DAY_MS;
}

test('a hold takes nothing of the ten days of sending, however late it was approved', async () => {
  assert.deepEqual([await daysOfSending(0), await daysOfSending(6.9)], [10.5, 10.5]);
});

test('since when a run sends: one of a former version has its beginning; what an older one left behind does not count', () => {
  const since = (parts: Record<string, number>) => sendingSince(syncOf({ epoch: 1, ...parts }, SYNC));
  assert.equal(since({ startedAt: 5, loadingSince: 9 }), 9);
  assert.equal(since({ startedAt: 5 }), 5);
  assert.equal(since({ startedAt: 5, loadingSince: 3 }), 5);
  assert.equal(since({}), undefined);
});
