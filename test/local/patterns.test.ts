/** Event patterns: each operator that is here, and a refusal for those that are not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compilePattern } from '../../local/patterns.ts';

const matches = (pattern: object, event: object): boolean => compilePattern(pattern, 'Rule')(event);

test('members must all match, values one of a list', () => {
  const pattern = { source: ['a', 'b'], detail: { state: ['FINISHED'], tries: [1] } };
  assert.ok(matches(pattern, { source: 'b', detail: { state: 'FINISHED', tries: 1, more: true } }));
  assert.ok(!matches(pattern, { source: 'b', detail: { state: 'FAILED', tries: 1 } }));
  assert.ok(!matches(pattern, { source: 'b' }));
  assert.ok(matches({ list: ['x'] }, { list: ['w', 'x'] }));
});

test('operators', () => {
  assert.ok(matches({ name: [{ prefix: 'tailrace/' }] }, { name: 'tailrace/local/x/1' }));
  assert.ok(!matches({ name: [{ prefix: 'tailrace/' }] }, { name: 'other' }));
  assert.ok(matches({ name: [{ suffix: '.json' }] }, { name: 'a.json' }));
  assert.ok(matches({ name: [{ exists: false }] }, {}));
  assert.ok(!matches({ name: [{ exists: true }] }, {}));
  assert.ok(matches({ name: [{ 'anything-but': ['a', 'b'] }] }, { name: 'c' }));
  assert.ok(!matches({ name: [{ 'anything-but': { prefix: 'a' } }] }, { name: 'ab' }));
  assert.ok(matches({ $or: [{ a: ['1'] }, { b: ['2'] }] }, { b: '2' }));
});

test('an operator that is not here is refused with the rule that has it', () => {
  assert.throws(
    () => compilePattern({ cost: [{ numeric: ['>', 5] }] }, 'Expensive'),
    /Expensive: pattern .*numeric.* is not implemented here/,
  );
});
