/** What happens when functions fail: asynchronous retries and their destination, streams that halve, killed environments. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { startAsyncInvocations } from '../../local/functions/async-invocations.ts';
import type { InvokeResult } from '../../local/functions/environment.ts';
import type { LocalFunction } from '../../local/functions/function.ts';
import { startStreamSource, streamRecord } from '../../local/functions/stream-source.ts';
import { openAsyncQueue } from '../../local/wiring/queues.ts';
import { type Fixture, startFixture } from './fixture.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'tailrace-failures-'));
let fixture: Fixture;
before(async () => {
  fixture = await startFixture();
});
after(async () => {
  await fixture.close();
  rmSync(directory, { recursive: true, force: true });
});

/** A function that answers as told, one invocation at a time. */
function scripted(answer: (event: string) => InvokeResult): { target: LocalFunction; events: string[] } {
  const events: string[] = [];
  const target = {
    hasSlot: true,
    slot: async () => {},
    invoke: async (event: string) => {
      events.push(event);
      return answer(event);
    },
  } as unknown as LocalFunction;
  return { target, events };
}
const failed: InvokeResult = { is: 'error', payload: '{"errorMessage":"no"}' };
const fine: InvokeResult = { is: 'result', payload: 'null' };

test('an asynchronous event is tried again as often as told, then handed on', async () => {
  const { target, events } = scripted((event) => (event === '"good"' ? fine : failed));
  const queue = openAsyncQueue('retries', directory);
  const buried = Promise.withResolvers<unknown[]>();
  const later = startAsyncInvocations(target, queue, {
    retriesMax: 2,
    eventAgeMsMax: 60_000,
    retryMs: 10,
    bury: (...all) => buried.resolve(all),
  });
  later.accept('"bad"');
  later.accept('"good"');
  assert.deepEqual(await buried.promise, ['"bad"', failed, 3]);
  assert.deepEqual(events.toSorted(), ['"bad"', '"bad"', '"bad"', '"good"']);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(later.pending(), 0);
  later.stop();
  queue.close();
});

test('a batch of stream records with one bad record is halved until only that one is handed on', async () => {
  const { target } = scripted((event) => (event.includes('bad') ? failed : fine));
  const buried = Promise.withResolvers<string[]>();
  const source = startStreamSource(target, {
    file: path.join(directory, 'stream.ndjson'),
    batchSize: 4,
    retriesMax: 2,
    bisect: true,
    partial: false,
    filters: [],
    retryMs: 1,
    bury: (records) => buried.resolve(records.map(({ dynamodb }) => JSON.stringify(dynamodb.NewImage))),
  });
  const stream = { arn: 'arn', region: 'us-east-1', keys: ['id'], view: 'NEW_AND_OLD_IMAGES' };
  for (const id of ['a', 'b', 'bad', 'c']) {
    const record = streamRecord(stream, undefined, { id: { S: id } });
    if (record !== undefined) source.append(record);
  }
  assert.deepEqual(await buried.promise, ['{"id":{"S":"bad"}}']);
  while (source.pending() > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  source.stop();
  source.close();
});

test('a write that was under way when the stack stopped is told after the next start', async () => {
  const told = Promise.withResolvers<string>();
  const { target } = scripted((event) => {
    told.resolve(event);
    return fine;
  });
  const settings = {
    ...{ file: path.join(directory, 'stopped.ndjson'), batchSize: 4, retriesMax: 2, bisect: true },
    ...{ partial: false, filters: [], bury: undefined },
  };
  const stopped = startStreamSource(target, settings);
  stopped.stop();
  const stream = { arn: 'arn', region: 'us-east-1', keys: ['id'], view: 'NEW_AND_OLD_IMAGES' };
  const record = streamRecord(stream, undefined, { id: { S: 'late' } });
  assert.ok(record !== undefined);
  stopped.append(record);
  stopped.close();
  const next = startStreamSource(target, settings);
  assert.match(await told.promise, /late/);
  while (next.pending() > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  next.stop();
  next.close();
});

test('a killed environment fails its invocation; the next one starts anew', async () => {
  await fixture.probe({});
  const hanging = new LambdaClient(fixture.client).send(
    new InvokeCommand({ FunctionName: fixture.stack.outputs.Probe, Payload: '{"hang":true}' }),
  );
  while (fixture.stack.stats().calls['lambda.Invoke'] !== 2)
    await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(fixture.stack.kill('Probe'), 1);
  const { FunctionError, Payload } = await hanging;
  assert.equal(FunctionError, 'Unhandled');
  assert.match(Buffer.from(Payload ?? []).toString(), /Runtime.Killed/);
  assert.equal((await fixture.probe({})).answer.invocations, 1);
});
