/** What is said of a request that is none of ours: people mistype ids and hashes, and are not told of verbs then. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { invalidBecause, requestSchema } from '../../lambdas/api.ts';

const CASES = [
  [{ verb: 'approve', syncId: 'orders', planHash: 'wrong' }, 'another_plan'],
  [{ verb: 'discard', syncId: 'orders', planHash: '' }, 'another_plan'],
  [{ verb: 'run', syncId: 'Orders!' }, 'sync_id_invalid'],
  [{ verb: 'approve', syncId: 'Orders!', planHash: 'wrong' }, 'request_invalid'],
  [{ verb: 'fly' }, 'request_invalid'],
  [{ verb: 'run', syncId: 'orders', now: true }, 'request_invalid'],
  ['run', 'request_invalid'],
] as const;

for (const [request, code] of CASES) {
  test(`${JSON.stringify(request)} is refused: ${code}`, () => {
    const { success, error } = requestSchema.safeParse(request);
    assert.equal(success, false);
    assert.equal(error && invalidBecause(error), code);
  });
}
