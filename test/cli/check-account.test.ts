/** What a loader tells about its account: names of the secret's members, never values, and a fresh look each time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as z from 'zod';
import { isCheckRequest } from '../../lambdas/check-request.ts';
import { Fault } from '../../shared/core/fault.ts';
import type { Context } from '../../shared/destinations/destination.ts';
import { checkAccount } from '../../shared/engine/check-account.ts';
import type { BoundDestination } from '../../shared/ports.ts';

const ACCOUNT = { name: 'crm', destination: 'memory' };
const signal = new AbortController().signal;

type Behaviour = {
  secret?: () => Promise<Readonly<Record<string, unknown>>>;
  check?: (object: string) => Promise<void>;
};

function bound({ secret, check }: Behaviour): BoundDestination & { readonly forgotten: () => number } {
  let forgotten = 0;
  const destination = {
    target: z.strictObject({ object: z.string().max(20) }),
    check: async (_context: unknown, { object }: { object: string }) => check?.(object),
  } as unknown as BoundDestination['destination'];
  return {
    destination,
    context: () => ({ secret: secret ?? (async () => ({ token: 'hush' })) }) as Context<unknown>,
    forgetSecret: () => {
      forgotten += 1;
    },
    forgotten: () => forgotten,
  };
}

test('members are told by name; what does not look like a name is not', async () => {
  const it = bound({ secret: async () => ({ token: 'hush', sk_live_51HxyzABCDEFGHIJKLMNOPQRSTUV: '' }) });
  const { secret } = await checkAccount(ACCOUNT, it, { targets: [], signal });
  assert.deepEqual(secret, { is: 'ok', value: '(an odd name), token' });
  assert.equal(it.forgotten(), 1, 'a secret kept from before proves nothing');
});

test('each place is asked by itself, and a fault of one does not hide another', async () => {
  const it = bound({
    check: async (object) => {
      if (object === 'gone')
        throw new Fault('config', 'table_not_found', 'no table gone', { remedy: 'make it' });
      if (object === 'slow') throw new Fault('transient', 'timed_out', 'no answer');
      if (object === 'odd') throw new TypeError('hush');
    },
  });
  const targets = ['gone', 'here', 'slow', 'odd', 'a name of more than twenty'].map((object) => ({
    object,
    options: {},
  }));
  const found = await checkAccount(ACCOUNT, it, { targets, signal });
  assert.deepEqual(
    found.targets.map(({ object, is, code }) => [object, is, code]),
    [
      ['gone', 'failed', 'table_not_found'],
      ['here', 'ok', undefined],
      ['slow', 'unclear', 'timed_out'],
      ['odd', 'failed', 'unexpected_error'],
      ['a name of more than twenty', 'failed', 'target_invalid'],
    ],
  );
  assert.equal(found.targets[0]?.remedy, 'make it');
  assert.ok(!JSON.stringify(found).includes('hush'));
});

test('an event of a queue is no check', () => {
  assert.equal(isCheckRequest({ Records: [] }), false);
  assert.equal(isCheckRequest({ verb: 'check', targets: [] }), true);
});
