/** The pacer of one loader process: it outlives its batches, so nothing that went wrong once may stay in it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../shared/core/fault.ts';
import { callsUnderWay } from '../../shared/engine/calls-under-way.ts';
import { slotPacer } from '../../shared/engine/reserve-slots-pacer.ts';
import type { StateStore } from '../../shared/ports.ts';
import { memoryTelemetry } from '../memory/memory-outside.ts';
import { memoryState } from '../memory/memory-state.ts';
import { virtualClock } from '../memory/virtual-clock.ts';
import { ACCOUNT } from './harness.ts';

const need = (clock: { now(): number }, remaining: number) => ({
  lane: 'express' as const,
  remaining,
  callsMax: 8,
  latestAt: clock.now() + 60_000,
  signal: new AbortController().signal,
});

test('a reservation ahead that failed is told once; the next batch of the process sends again', async () => {
  const clock = virtualClock();
  const memory = memoryState();
  let isDown = false;
  const update: StateStore['update'] = async (key, change) => {
    if (isDown) throw new Fault('transient', 'aws_unavailable', 'no answer');
    return memory.update(key, change);
  };
  const account = { ...ACCOUNT, rate: { requests: 10, perMs: 1000 } };
  const state = { ...memory, update };
  const pacer = slotPacer({ clock, state, account, telemetry: memoryTelemetry() }, callsUnderWay(clock));
  const takes = async (count: number): Promise<string[]> => {
    const taken: string[] = [];
    for (let at = 0; at < count; at += 1) {
      let isOver = false;
      void pacer.take(need(clock, 100)).then(
        ({ is }) => {
          isOver = taken.push(is) > 0;
        },
        ({ code }) => {
          isOver = taken.push(code) > 0;
        },
      );
      await clock.runWhile(clock.now() + 20_000, () => isOver);
    }
    return taken;
  };
  assert.deepEqual(await takes(1), ['go']);
  isDown = true;
  assert.ok((await takes(12)).includes('aws_unavailable'));
  isDown = false;
  assert.deepEqual(await takes(3), ['go', 'go', 'go']);
});

test('slots that were on their way when the account was told to wait are void', async () => {
  const clock = virtualClock();
  const memory = memoryState();
  const update: StateStore['update'] = async (key, change) => {
    const written = await memory.update(key, change);
    await clock.sleep(50);
    return written;
  };
  const state = { ...memory, update };
  const pacer = slotPacer(
    { clock, state, account: ACCOUNT, telemetry: memoryTelemetry() },
    callsUnderWay(clock),
  );
  const waiting = pacer.take(need(clock, 10));
  await clock.runUntil(clock.now() + 20);
  pacer.drop();
  memory.seed({ partition: 'BUDGET#crm', sort: '-' }, { nextFreeAt: clock.now() + 30_000 });
  await clock.runUntil(clock.now() + 40_000);
  const taken = await waiting;
  assert.equal(taken.is, 'busy');
});
