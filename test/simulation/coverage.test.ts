/** Which pairs of fault and phase are asked for: all, but for those that are named with a reason. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { impossible, PHASES, pairName, uncovered } from './coverage.ts';
import { FAULT_NAMES } from './fault-rates.ts';

const all = FAULT_NAMES.flatMap((name) => PHASES.map((phase) => pairName(name, phase)));
const seenBut = (...pairs: string[]) =>
  Object.fromEntries(all.filter((pair) => !pairs.includes(pair)).map((pair) => [pair, 1]));

test('a pair that is missing is named, a seldom one is not', () => {
  assert.deepEqual(uncovered(seenBut('throttled loading', 'lostPerCall held'), 1000), [
    'lostPerCall held',
    'throttled loading',
  ]);
  assert.deepEqual(uncovered(seenBut('eventLost held', 'eventTwice held'), 199_999), []);
});

test('200,000 histories must show each accident that is seldom, in one of its pairs', () => {
  assert.deepEqual(uncovered(seenBut('eventLost held', 'eventTwice held'), 200_000), [
    'eventLost held',
    'eventTwice held',
  ]);
  assert.deepEqual(uncovered(seenBut('eventTwice held'), 200_000), []);
});

test('a pair that cannot be and occurred is named', () => {
  assert.deepEqual(impossible({ 'throttled loading': 5, 'throttled held': 1 }), ['throttled held']);
});
