/** The audit hears of what people ask for before it is done, and of what came of it; of mere looks it hears nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiAnswer } from '../../lambdas/api-answers.ts';
import { type Asked, audited } from '../../lambdas/audited.ts';
import { Fault } from '../../shared/core/fault.ts';
import { memoryPorts } from '../memory/memory-ports.ts';

const BY = 'arn:aws:iam::111111111111:user/ben';

async function asked(request: Asked, work: () => Promise<ApiAnswer>) {
  const ports = memoryPorts();
  const order: string[] = [];
  ports.events.onPublish(({ type, detail }) => void order.push(`${type} ${detail.by} ${detail.ok ?? ''}`));
  const answer = await audited(ports, request, 'r-1', async () => {
    order.push('work');
    return work();
  }).catch((error: Fault) => error.code);
  return { answer, order, published: ports.events.published };
}

test('asked, done, answered, in this order', async () => {
  const { order, published, answer } = await asked(
    { verb: 'approve', syncId: 'people', planHash: 'abcdef12', by: BY },
    async () => ({ ok: true, is: 'approved', epoch: 4 }),
  );
  assert.deepEqual(order, [`Operator Asked ${BY} `, 'work', `Operator Answered ${BY} true`]);
  assert.deepEqual(answer, { ok: true, is: 'approved', epoch: 4 });
  const { at: _, ...detail } = published[1]?.detail ?? {};
  assert.deepEqual(detail, {
    requestId: 'r-1',
    verb: 'approve',
    syncId: 'people',
    planHash: 'abcdef12',
    by: BY,
    ok: true,
    epoch: 4,
  });
});

test('a refusal and a failure are answers too', async () => {
  const refused = await asked({ verb: 'run', syncId: 'people' }, async () => ({
    ok: false,
    code: 'paused',
    message: 'no',
    remedy: 'wait',
  }));
  assert.deepEqual([refused.published[1]?.detail.ok, refused.published[1]?.detail.code], [false, 'paused']);
  assert.equal(refused.published[0]?.detail.by, null);
  const failed = await asked({ verb: 'run', syncId: 'people' }, async () => {
    throw new Fault('transient', 'aws_unavailable', 'no');
  });
  assert.equal(failed.answer, 'aws_unavailable');
  assert.deepEqual(
    [failed.published[1]?.detail.ok, failed.published[1]?.detail.code],
    [false, 'aws_unavailable'],
  );
});

test('looking is not recorded', async () => {
  const { order } = await asked({ verb: 'status', syncId: 'people' }, async () => ({ ok: true }));
  assert.deepEqual(order, ['work']);
});
