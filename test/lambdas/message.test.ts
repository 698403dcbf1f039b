/** Messages as they lie in queues: what was sent before a deploy is read after it, what comes too early goes back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { messageOf } from '../../lambdas/messages.ts';
import type { LambdaTelemetry } from '../../shared/aws/powertools-telemetry.ts';
import { type MessageFormat, readMessage } from '../../shared/core/message.ts';

/** As version 1 has been sent: never to be changed, queues keep such bodies for two weeks. */
const FIRST = '{"v":1,"syncId":"contacts","epoch":7,"shard":2,"ordinal":63}';
const READ = { v: 1, syncId: 'contacts', epoch: 7, shard: 2, ordinal: 63 };

test('a message of version 1 is read', () => {
  assert.deepEqual(readMessage(FIRST), READ);
});

test('the version before is read by its own format, any older one is foreign', () => {
  const formats: Record<number, MessageFormat> = { 2: () => ({ ...READ, v: 1 }), 3: () => undefined };
  assert.deepEqual(readMessage('{"v":2,"batch":"contacts/7/2/63"}', formats), READ);
  assert.equal(readMessage('{"v":3}', formats), 'foreign');
  assert.equal(readMessage(FIRST, formats), 'foreign');
});

for (const [name, body] of [
  ['no JSON', '{"v":1'],
  ['no object', '7'],
  ['no version', '{"syncId":"contacts","epoch":7,"shard":2,"ordinal":63}'],
  ['a version that is no number', '{"v":"2"}'],
  ['an attribute too many', FIRST.replace('"v":1', '"v":1,"url":"https://elsewhere"')],
  ['a sync that cannot be one', FIRST.replace('contacts', '../contacts')],
] as const) {
  test(`foreign: ${name}`, () => {
    assert.equal(readMessage(body), 'foreign');
  });
}

test('of a later version: a loader gives it back, a foreign one it drops', () => {
  const lines: unknown[] = [];
  const telemetry = {
    log: (_: string, code: string) => lines.push(code),
    count: () => undefined,
  } as unknown as LambdaTelemetry;
  const record = (body: string) => ({ body, messageId: 'm-1' }) as Parameters<typeof messageOf>[1];
  assert.throws(() => messageOf(telemetry, record('{"v":2,"batch":"contacts/7/2/63"}')));
  assert.equal(messageOf(telemetry, record('hello')), undefined);
  assert.deepEqual(messageOf(telemetry, record(FIRST)), READ);
  assert.deepEqual(lines, ['message_of_a_later_version', 'message_refused']);
});
