/**
 * What every queue must do. `received` gives everything that waits in a lane of the account and takes it away. Where
 * the consumer's side is at hand, what Lambda's poller sees of a lane is asked too: standard queues give no order,
 * give a message again when its visibility ends, count receives, and give up.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { BatchMessage, Lane } from '../../shared/core/message.ts';
import type { Queue } from '../../shared/ports.ts';

export type OpenedQueue = {
  readonly queue: Queue;
  readonly account: string;
  received(lane: Lane): Promise<readonly BatchMessage[]>;
  readonly consumer?: Consumer;
  /** Messages that match are not taken by the next calls; undefined ends it. */
  refuse?(match: ((message: BatchMessage) => boolean) | undefined): void;
  /** The next call is done, and its answer does not come. */
  loseNextAnswer?(): void;
  close(): Promise<void>;
};

export type Taken = {
  readonly message: BatchMessage;
  readonly receiveCount: number;
  /** Takes it away for good. */
  remove(): Promise<void>;
  /** Hides it for so long from now; no error when it has been received again. */
  hide(ms: number): Promise<void>;
};

/** The queue's other end. A message that was received RECEIVES_MAX times without a removal is dead. */
export type Consumer = {
  take(lane: Lane, max: number, visibilityMs: number): Promise<readonly Taken[]>;
  takeDead(): Promise<readonly BatchMessage[]>;
  /** Lets time pass. */
  pass(ms: number): Promise<void>;
};

/** Of the queues that are opened with a consumer. */
export const RECEIVES_MAX = 3;

export function queueContract(name: string, open: () => Promise<OpenedQueue>): void {
  const opened = open();
  after(async () => (await opened).close());
  const plain = (label: string, run: (queue: OpenedQueue) => Promise<void>): void => {
    test(`${name}: ${label}`, async () => run(await opened));
  };
  for (const [label, run] of SENDING) plain(label, run);
  for (const [label, run] of RECEIVING) {
    plain(label, async (queue) => {
      if (queue.consumer !== undefined) await run(queue, queue.consumer);
    });
  }
}

type Case<Run> = readonly [label: string, run: Run];

const SENDING: readonly Case<(queue: OpenedQueue) => Promise<void>>[] = [
  [
    'what was taken arrives in its lane, as it was sent',
    async ({ queue, account, received }) => {
      const sent = messages('lanes', 2);
      assert.deepEqual(await queue.send(account, 'express', sent), []);
      assert.deepEqual(await received('bulk'), []);
      assert.deepEqual(inOrder(await received('express')), sent);
    },
  ],
  [
    'more than ten in one call all arrive',
    async ({ queue, account, received }) => {
      const sent = messages('many', 47);
      assert.deepEqual(await queue.send(account, 'bulk', sent), []);
      assert.deepEqual(inOrder(await received('bulk')), sent);
    },
  ],
  [
    'nothing to send is no call that fails',
    async ({ queue, account }) => assert.deepEqual(await queue.send(account, 'bulk', []), []),
  ],
  [
    'the same message twice arrives twice',
    async ({ queue, account, received }) => {
      const sent = messages('twice', 1);
      await queue.send(account, 'bulk', sent);
      await queue.send(account, 'bulk', sent);
      assert.equal((await received('bulk')).length, 2);
    },
  ],
  [
    'an account that does not exist is a fault',
    async ({ queue }) => {
      await assert.rejects(queue.send('no-such-account', 'bulk', messages('none', 1)), { name: 'Fault' });
    },
  ],
  [
    'of a call that was partly taken the others come back, and may be sent again',
    async ({ queue, account, received, refuse }) => {
      if (refuse === undefined) return;
      const sent = messages('partly', 23);
      refuse(({ ordinal }) => ordinal % 5 === 0);
      const refused = await queue.send(account, 'bulk', sent);
      refuse(undefined);
      assert.deepEqual(
        inOrder(refused).map(({ ordinal }) => ordinal),
        [0, 5, 10, 15, 20],
      );
      assert.equal((await received('bulk')).length, 18);
      assert.deepEqual(await queue.send(account, 'bulk', refused), []);
      assert.deepEqual(inOrder(await received('bulk')), inOrder(refused));
    },
  ],
  [
    'a send whose answer was lost was done: its repeat makes duplicates',
    async ({ queue, account, received, loseNextAnswer }) => {
      if (loseNextAnswer === undefined) return;
      const sent = messages('lost', 3);
      loseNextAnswer();
      await assert.rejects(queue.send(account, 'bulk', sent), { name: 'Fault', kind: 'transient' });
      await queue.send(account, 'bulk', sent);
      const ordinals = inOrder(await received('bulk')).map(({ ordinal }) => ordinal);
      assert.deepEqual(ordinals, [0, 0, 1, 1, 2, 2]);
    },
  ],
];

const SECOND_MS = 1000;

const RECEIVING: readonly Case<(queue: OpenedQueue, consumer: Consumer) => Promise<void>>[] = [
  [
    'a received message is hidden, and comes again with a higher count when its visibility ends',
    async ({ queue, account }, { take, pass }) => {
      await queue.send(account, 'bulk', messages('hidden', 1));
      const [first] = await take('bulk', 10, SECOND_MS);
      assert.equal(first?.receiveCount, 1);
      assert.deepEqual(await take('bulk', 10, SECOND_MS), []);
      await pass(SECOND_MS + 100);
      const [again] = await take('bulk', 10, SECOND_MS);
      assert.deepEqual([again?.receiveCount, again?.message], [2, messages('hidden', 1)[0]]);
      await again?.remove();
      await pass(SECOND_MS + 100);
      assert.deepEqual(await take('bulk', 10, SECOND_MS), []);
    },
  ],
  [
    'at most so many at once as were asked for; all arrive in the end, in whatever order',
    async ({ queue, account }, { take }) => {
      await queue.send(account, 'express', messages('some', 7));
      const seen: number[] = [];
      for (const most of [3, 3, 3]) {
        const taken = await take('express', most, 30 * SECOND_MS);
        assert.ok(taken.length <= most);
        for (const one of taken) {
          seen.push(one.message.ordinal);
          await one.remove();
        }
      }
      assert.deepEqual(seen.toSorted(), [0, 1, 2, 3, 4, 5, 6]);
    },
  ],
  [
    'a message that is handed back comes when it was asked to, not when its visibility would have ended',
    async ({ queue, account }, { take, pass }) => {
      await queue.send(account, 'bulk', messages('back', 1));
      const [first] = await take('bulk', 1, 30 * SECOND_MS);
      await first?.hide(SECOND_MS);
      assert.deepEqual(await take('bulk', 1, SECOND_MS), []);
      await pass(SECOND_MS + 100);
      const [again] = await take('bulk', 1, 30 * SECOND_MS);
      assert.equal(again?.receiveCount, 2);
      await again?.hide(0);
      const [third] = await take('bulk', 1, 30 * SECOND_MS);
      assert.equal(third?.receiveCount, 3);
      await third?.remove();
    },
  ],
  [
    'whoever held it before it was received again can neither hide nor remove it',
    async ({ queue, account }, { take, pass }) => {
      await queue.send(account, 'bulk', messages('stale', 1));
      const [stale] = await take('bulk', 1, 30 * SECOND_MS);
      await stale?.hide(0);
      const [holder] = await take('bulk', 1, SECOND_MS);
      await stale?.hide(30 * SECOND_MS);
      await stale?.remove();
      await pass(SECOND_MS + 100);
      const [again] = await take('bulk', 1, 30 * SECOND_MS);
      assert.deepEqual([holder?.receiveCount, again?.receiveCount], [2, 3]);
      await again?.remove();
    },
  ],
  [
    'receives that did nothing count too, and a message received too often is dead, body and all',
    async ({ queue, account }, { take, takeDead, pass }) => {
      await queue.send(account, 'bulk', messages('burned', 1));
      for (let receive = 1; receive <= RECEIVES_MAX; receive += 1) {
        const [taken] = await take('bulk', 1, SECOND_MS);
        assert.equal(taken?.receiveCount, receive);
        await taken?.hide(0);
      }
      assert.deepEqual(await take('bulk', 1, SECOND_MS), []);
      await pass(100);
      assert.deepEqual(await takeDead(), messages('burned', 1));
    },
  ],
];

const messages = (syncId: string, count: number): BatchMessage[] =>
  Array.from({ length: count }, (_, ordinal) => ({ v: 1, syncId, epoch: 3, shard: 0, ordinal }));

const inOrder = (received: readonly BatchMessage[]): BatchMessage[] =>
  received.toSorted((a, b) => a.ordinal - b.ordinal);
