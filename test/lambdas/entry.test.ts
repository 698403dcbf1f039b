/** Around a handler: the signal fires in time, nothing outlives the handler, errors leave as a code. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Context } from 'aws-lambda';
import { type Call, entry } from '../../lambdas/entry.ts';
import { powertoolsTelemetry } from '../../shared/aws/powertools-telemetry.ts';
import { Fault } from '../../shared/core/fault.ts';

const context = (leftMs: number): Context =>
  ({ awsRequestId: 'r-1', functionName: 'f', getRemainingTimeInMillis: () => leftMs }) as Context;

let built = 0;
const ports = () => {
  built += 1;
  return { telemetry: powertoolsTelemetry('dev') };
};

test('ports are built once, at the first event', async () => {
  built = 0;
  const handler = entry(ports, async (_, event: number) => event + 1);
  assert.equal(built, 0);
  assert.equal(await handler(1, context(60_000)), 2);
  assert.equal(await handler(2, context(60_000)), 3);
  assert.equal(built, 1);
});

test('the deadline leaves a tenth of the time, from half a second to five seconds', async () => {
  const left = async (leftMs: number): Promise<number> => {
    const before = Date.now();
    const handler = entry(ports, async (_, __: unknown, { deadlineAt }: Call) => deadlineAt);
    return Math.round(((await handler({}, context(leftMs))) - before) / 100) / 10;
  };
  assert.equal(await left(6000), 5.4);
  assert.equal(await left(3000), 2.5);
  assert.equal(await left(900_000), 895);
});

test('the signal aborts at the deadline, and in any case when the handler is done', async () => {
  const waited = entry(ports, async (_, __: unknown, { signal }: Call) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    return signal.aborted;
  });
  assert.equal(await waited({}, context(520)), true);
  let kept: AbortSignal | undefined;
  const quick = entry(ports, async (_, __: unknown, { signal }: Call) => {
    kept = signal;
    return signal.aborted;
  });
  assert.equal(await quick({}, context(60_000)), false);
  assert.equal(kept?.aborted, true);
});

test('a handler that overruns its time is left to the hard timeout: nothing answers while its work goes on', async () => {
  let isOver = false;
  const overruns = entry(ports, async () => {
    await new Promise((resolve) => setTimeout(resolve, 200));
    isOver = true;
  });
  await overruns({}, context(20)).catch(() => undefined);
  assert.ok(isOver);
});

test('an error leaves as its code: no message, no stack, no cause', async () => {
  const handler = entry(ports, async () => {
    throw new Fault('config', 'secret_missing', 'hunter2', { cause: new Error('hunter2') });
  });
  await assert.rejects(handler({}, context(60_000)), (error: Error) => {
    assert.deepEqual([error.name, error.message, error.stack], ['Fault.config', 'secret_missing', '']);
    assert.doesNotMatch(JSON.stringify(error, Object.getOwnPropertyNames(error)), /hunter2/);
    return true;
  });
});
