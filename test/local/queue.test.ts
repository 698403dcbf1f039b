/** The queue behind SQS and asynchronous invocations: visibility, receipts, dead letters, restarts. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { type LocalQueue, openQueue, type QueueSettings } from '../../local/queue.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'tailrace-queue-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const open = (name: string, more: Partial<QueueSettings> = {}): LocalQueue =>
  openQueue(
    {
      name,
      arn: `arn:aws:sqs:us-east-1:000000000000:${name}`,
      visibilityMs: 60_000,
      delayMs: 0,
      retentionMs: 3_600_000,
      receivesMax: Number.POSITIVE_INFINITY,
      deadLetters: () => undefined,
      ...more,
    },
    path.join(directory, `${name}.ndjson`),
  );

test('a received message is hidden until its time, then comes again with a new receipt', async () => {
  const queue = open('visibility');
  queue.send('one');
  const [first] = queue.receive(10, 30);
  assert.equal(first?.receives, 1);
  assert.deepEqual(queue.receive(10), []);
  await queue.wait(5000);
  const [second] = queue.receive(10);
  assert.equal(second?.receives, 2);
  assert.equal(queue.remove(first?.receipt ?? ''), false);
  assert.equal(queue.remove(second?.receipt ?? ''), true);
  assert.deepEqual(queue.counts(), { ready: 0, hidden: 0 });
  queue.close();
});

test('visibility can be shortened and lengthened by the holder only', async () => {
  const queue = open('change');
  queue.send('one');
  const [held] = queue.receive(1);
  assert.equal(queue.changeVisibility('nobody#1', 0), false);
  assert.equal(queue.changeVisibility(held?.receipt ?? '', 0), true);
  assert.equal(queue.receive(1).length, 1);
  queue.close();
});

test('a message received too often goes to the dead letters instead', () => {
  const dead = open('dead');
  const queue = open('mortal', { receivesMax: 2, deadLetters: () => dead });
  queue.send('poison', { groupId: 'g' });
  for (let round = 0; round < 2; round += 1) {
    const [message] = queue.receive(1);
    queue.changeVisibility(message?.receipt ?? '', 0);
  }
  assert.deepEqual(queue.receive(1), []);
  const [buried] = dead.receive(1);
  assert.deepEqual([buried?.body, buried?.groupId, buried?.receives], ['poison', 'g', 1]);
  queue.close();
  dead.close();
});

test('a restart keeps what was not deleted, hidden messages hidden; a torn last line is dropped', () => {
  const queue = open('lasting');
  for (const body of ['kept', 'hidden', 'deleted']) queue.send(body);
  const received = queue.receive(3);
  for (const { body, receipt } of received) {
    if (body === 'deleted') queue.remove(receipt);
    if (body === 'kept') queue.changeVisibility(receipt, 0);
  }
  queue.close();
  appendFileSync(path.join(directory, 'lasting.ndjson'), '{"s":"torn","b":"half');
  const again = open('lasting');
  assert.deepEqual(again.counts(), { ready: 1, hidden: 1 });
  assert.deepEqual(
    again.receive(10).map(({ body, receives }) => [body, receives]),
    [['kept', 2]],
  );
  again.close();
  const visible = open('lasting', { startVisible: true });
  assert.deepEqual(
    visible
      .receive(10)
      .map(({ body }) => body)
      .toSorted(),
    ['hidden', 'kept'],
  );
  visible.close();
});

test('the journal is compacted and loses nothing', () => {
  const queue = open('busy');
  queue.send('survivor');
  const [survivor] = queue.receive(1);
  for (let round = 0; round < 3000; round += 1) {
    queue.send('passing');
    const [message] = queue.receive(1);
    queue.remove(message?.receipt ?? '');
  }
  queue.changeVisibility(survivor?.receipt ?? '', 0);
  queue.close();
  const again = open('busy');
  assert.deepEqual(
    again.receive(10).map(({ body, receives }) => [body, receives]),
    [['survivor', 2]],
  );
  again.close();
});
