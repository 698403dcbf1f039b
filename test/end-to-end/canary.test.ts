/** The scanner that guards logs, state and messages would see a leak: each canary, planted in each spelling. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { drawCanaries } from './canaries.ts';
import { findLeaks } from './scanner.ts';

const canaries = drawCanaries(7);
const { secrets, people } = canaries;
const found = (text: string): readonly string[] =>
  findLeaks(canaries.all, [{ where: 'a log', text }]).map(({ canary }) => canary);

test('a clean text has no leak, and neither have other people', () => {
  const line = JSON.stringify({ level: 'INFO', message: 'tick', syncId: 'people-to-crm', epoch: 3 });
  assert.deepEqual(found(line), []);
  assert.deepEqual(found(JSON.stringify(drawCanaries(8))), []);
});

test('the same seed gives the same canaries, all of them different', () => {
  assert.deepEqual(drawCanaries(7), canaries);
  assert.equal(new Set(canaries.all.map(({ value }) => value)).size, 14);
});

const { username, password } = secrets;
const planted: readonly [as: string, text: string, canary: string][] = [
  ['as it is', `pushed ${people.email}@example.net`, 'person email'],
  ['in capitals', `NO ROW OF ${people.familyName.toUpperCase()}`, 'person familyName'],
  ['in JSON', JSON.stringify({ message: `bad credentials ${password}` }), 'secret password'],
  ['in JSON in JSON', JSON.stringify({ body: JSON.stringify({ password }) }), 'secret password'],
  ['in a URL', `https://x.example/?q=${encodeURIComponent(secrets.clientSecret)}`, 'secret clientSecret'],
  ['in a form', new URLSearchParams({ a: secrets.clientSecret }).toString(), 'secret clientSecret'],
  ['in hex', Buffer.from(`a=${secrets.signingKey}`).toString('hex'), 'secret signingKey'],
  ['a number', `{"phone":${people.phone}}`, 'person phone'],
  ['a key in a message', `{"k":"key-${people.key}-17"}`, 'person key'],
  ['a database URL', `postgres://app:${secrets.databasePassword}@db/app`, 'secret databasePassword'],
];
for (const [as, text, canary] of planted) {
  test(`a leak is seen: ${as}`, () => assert.ok(found(text).includes(canary), text));
}

test('a leak is seen: Authorization: Basic', () => {
  const header = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  assert.deepEqual(found(`{"headers":{"authorization":"${header}"}}`), [
    'secret username',
    'secret password',
  ]);
});

test('property: whatever stands around it, base64 hides no canary', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...canaries.all),
      fc.string(),
      fc.string(),
      fc.constantFrom('base64', 'base64url', 'hex'),
      ({ name, value }, before, after, encoding) => {
        const text = Buffer.from(before + value + after).toString(encoding as 'hex');
        assert.ok(found(text).includes(name), text);
      },
    ),
    { numRuns: 300 },
  );
});
