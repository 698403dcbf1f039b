/** A slot that is late when what must be written before the call is written: void, and another one taken. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StateStore } from '../../shared/ports.ts';
import { arrange, linesOf } from './harness.ts';

const ROWS = 24;
const WINDOW_MS = 1000;

/** Class C, ten requests a second, one row each: every call has a claim before it. Gives moments of calls, and writes. */
async function sentWith(claimMs: (nth: number) => number) {
  const sentAt: number[] = [];
  const t = await arrange({
    lines: linesOf(ROWS),
    classes: { upsert: 'unsafe' },
    account: { rate: { requests: 10, perMs: WINDOW_MS }, requestRowsMax: 1 },
    answer: async ({ rows }) => {
      sentAt.push(t.clock.now());
      return rows.map(({ key }) => ({ key, is: 'accepted' }));
    },
  });
  let claims = 0;
  const update: StateStore['update'] = async (key, change) => {
    const isClaim = key.partition.startsWith('SHARD#') && change.setIfAbsent === undefined;
    if (isClaim) {
      claims += 1;
      await t.clock.sleep(claimMs(claims));
    }
    return t.state.update(key, change);
  };
  await t.deliver(20, () => t.loader({ state: { ...t.state, update } }));
  return { sentAt, claims, voided: t.telemetry.counted('slots_void') };
}

const shortestMs = (sentAt: readonly number[]): number =>
  Math.min(...sentAt.slice(10).map((at, index) => at - (sentAt[index] ?? 0)));

test('slow writes before calls do not bring two windows together', async () => {
  const { sentAt, claims } = await sentWith((nth) => (nth % 12 === 1 ? 95 : 1));
  assert.equal(sentAt.length, ROWS);
  assert.equal(claims, ROWS, 'what was written for a void slot stands');
  assert.ok(shortestMs(sentAt) >= WINDOW_MS, `eleven requests within ${shortestMs(sentAt)} ms`);
});

test('each request voids one slot at most, however slow every write is', async () => {
  const { sentAt, claims, voided } = await sentWith(() => 400);
  assert.equal(sentAt.length, ROWS);
  assert.equal(claims, ROWS);
  assert.ok(shortestMs(sentAt) >= WINDOW_MS);
  assert.ok(voided >= ROWS, `${voided} slots were counted as void`);
});

test('a write that is as quick as it should be costs no slot', async () => {
  const { sentAt, voided } = await sentWith(() => 10);
  assert.equal(sentAt.length, ROWS);
  assert.equal(voided, 0);
});
