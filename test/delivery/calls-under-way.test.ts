/** How many slots a loader has calls for, by hand-made clocks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callsUnderWay } from '../../shared/engine/calls-under-way.ts';

const at = (now: number) => {
  const clock = { at: now, now: () => clock.at };
  return clock;
};
const slots = (startAt: number, stepMs: number, count: number) => ({ startAt, stepMs, count });

/** A call of 100 ms, from the clock's moment on. */
async function call(calls: ReturnType<typeof callsUnderWay>, clock: { at: number }): Promise<void> {
  const tracked = calls.track(Promise.resolve());
  clock.at += 100;
  await tracked;
}

test('before the first answer every slot is thought to be of use', async () => {
  const clock = at(0);
  const calls = callsUnderWay(clock);
  assert.deepEqual([calls.isKnown(), calls.usable(slots(0, 10, 50), undefined, 4)], [false, 50]);
  await call(calls, clock);
  assert.deepEqual([calls.isKnown(), calls.usable(slots(100, 10, 50), undefined, 4)], [true, 4]);
});

test('calls as short as the pace asks for: every slot', async () => {
  const clock = at(0);
  const calls = callsUnderWay(clock);
  await call(calls, clock);
  assert.equal(calls.usable(slots(100, 25, 40), undefined, 4), 40);
});

test('calls that take longer: until as many are under way as may be', async () => {
  const clock = at(0);
  const calls = callsUnderWay(clock);
  await call(calls, clock);
  assert.equal(calls.usable(slots(100, 20, 40), undefined, 4), 4);
});

test('a call that is under way takes a place until it is expected to end, and one that is late may end any moment', async () => {
  const clock = at(0);
  const calls = callsUnderWay(clock);
  await call(calls, clock);
  let end = (): void => undefined;
  const pending = calls.track(
    new Promise<void>((resolve) => {
      end = resolve;
    }),
  );
  assert.equal(calls.usable(slots(100, 20, 40), undefined, 4), 3);
  assert.equal(calls.usable(slots(200, 20, 40), undefined, 4), 4);
  clock.at = 1000;
  assert.equal(calls.usable(slots(1000, 20, 40), undefined, 4), 4);
  end();
  await pending;
});

test('slots that are held already go first', async () => {
  const clock = at(0);
  const calls = callsUnderWay(clock);
  await call(calls, clock);
  assert.equal(calls.usable(slots(140, 20, 40), slots(100, 20, 2), 4), 2);
  assert.equal(calls.usable(slots(180, 20, 1), slots(100, 20, 4), 4), 0);
});

test('a call that fails has ended', async () => {
  const clock = at(0);
  const calls = callsUnderWay(clock);
  await call(calls, clock);
  await assert.rejects(calls.track(Promise.reject(new Error('no'))), /no/);
  assert.equal(calls.usable(slots(200, 60, 9), undefined, 1), 1);
});
