/**
 * What every queue must do. `received` gives everything that waits in a lane of the account and takes it away.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { BatchMessage, Lane } from '../../shared/core/message.ts';
import type { Queue } from '../../shared/ports.ts';

export type OpenedQueue = {
  readonly queue: Queue;
  readonly account: string;
  received(lane: Lane): Promise<readonly BatchMessage[]>;
  close(): Promise<void>;
};

export function queueContract(name: string, open: () => Promise<OpenedQueue>): void {
  const opened = open();
  after(async () => (await opened).close());

  test(`${name}: what was taken arrives in its lane, as it was sent`, async () => {
    const { queue, account, received } = await opened;
    const sent = messages('lanes', 2);
    assert.deepEqual(await queue.send(account, 'express', sent), []);
    assert.deepEqual(await received('bulk'), []);
    assert.deepEqual(inOrder(await received('express')), sent);
  });

  test(`${name}: more than ten in one call all arrive`, async () => {
    const { queue, account, received } = await opened;
    const sent = messages('many', 47);
    assert.deepEqual(await queue.send(account, 'bulk', sent), []);
    assert.deepEqual(inOrder(await received('bulk')), sent);
  });

  test(`${name}: nothing to send is no call that fails`, async () => {
    const { queue, account } = await opened;
    assert.deepEqual(await queue.send(account, 'bulk', []), []);
  });

  test(`${name}: the same message twice arrives twice`, async () => {
    const { queue, account, received } = await opened;
    const sent = messages('twice', 1);
    await queue.send(account, 'bulk', sent);
    await queue.send(account, 'bulk', sent);
    assert.equal((await received('bulk')).length, 2);
  });

  test(`${name}: an account that does not exist is a fault`, async () => {
    const { queue } = await opened;
    await assert.rejects(queue.send('no-such-account', 'bulk', messages('none', 1)), { name: 'Fault' });
  });
}

const messages = (syncId: string, count: number): BatchMessage[] =>
  Array.from({ length: count }, (_, ordinal) => ({ v: 1, syncId, epoch: 3, shard: 0, ordinal }));

const inOrder = (received: readonly BatchMessage[]): BatchMessage[] =>
  received.toSorted((a, b) => a.ordinal - b.ordinal);
