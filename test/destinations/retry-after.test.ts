import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { retryAfterMs, waitMs } from '../../shared/destinations/retry-after.ts';

/** Sun, 22 Nov 2026 12:00:00 GMT */
const NOW = 1_795_348_800_000;
const DAY_MS = 86_400_000;

const CASES: readonly [string | undefined, number | undefined][] = [
  ['0', 0],
  ['1', 1000],
  ['120', 120_000],
  [' 7 ', 7000],
  ['0.25', 250],
  ['86400', DAY_MS],
  ['86401', DAY_MS],
  ['999999999999', DAY_MS],
  ['Sun, 22 Nov 2026 12:00:30 GMT', 30_000],
  ['Sunday, 22-Nov-26 12:00:30 GMT', 30_000],
  ['Sun Nov 22 12:00:30 2026', 30_000],
  ['Sun, 22 Nov 2026 11:59:00 GMT', 0],
  ['Sun, 22 Nov 2099 12:00:00 GMT', DAY_MS],
  [undefined, undefined],
  ['', undefined],
  ['-1', undefined],
  ['1e9', undefined],
  ['Infinity', undefined],
  ['soon', undefined],
  ['2026-11-22T12:00:30Z', undefined],
  ['Sun, 99 Nov 2026 12:00:30 GMT', undefined],
];

for (const [value, expected] of CASES) {
  test(`Retry-After ${value} is ${expected} ms`, () => {
    assert.equal(retryAfterMs(value, NOW), expected);
  });
}

test('any text gives nothing, or a wait within a day', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.nat().map(String)), (text) => {
      const wait = retryAfterMs(text, NOW);
      return wait === undefined || (wait >= 0 && wait <= DAY_MS);
    }),
  );
});

test('a wait in a body is clamped, anything but a number is nothing', () => {
  assert.deepEqual([5000, -1, 1e12, Number.NaN, '5000', null].map(waitMs), [
    5000,
    0,
    DAY_MS,
    undefined,
    undefined,
    undefined,
  ]);
});
