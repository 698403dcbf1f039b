/** A stack that is killed without warning and started again has everything that it had accepted. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import {
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { seen } from './fixture.ts';

type Running = {
  readonly child: ChildProcess;
  readonly client: {
    endpoint: string;
    region: string;
    credentials: { accessKeyId: string; secretAccessKey: string };
  };
  readonly outputs: Readonly<Record<string, string>>;
  readonly rows: unknown;
};

const directory = mkdtempSync(path.join(tmpdir(), 'tailrace-restart-'));
const children = new Set<ChildProcess>();
after(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

async function start(): Promise<Running> {
  const script = fileURLToPath(new URL('./run-fixture.ts', import.meta.url));
  const child = spawn(process.execPath, [script, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  const { outputs, rows, ...client } = JSON.parse(line) as Running & Running['client'];
  return { child, client: client as Running['client'], outputs, rows };
}

async function kill({ child }: Running): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

test('items, objects, messages, asynchronous events and the warehouse survive kill -9', async () => {
  const first = await start();
  const item = { source: { S: 'other' }, id: { S: '1' } };
  const QueueUrl = first.outputs.DeadLetters;
  const sqs = new SQSClient(first.client);
  await new DynamoDBClient(first.client).send(
    new PutItemCommand({ TableName: first.outputs.Table, Item: item }),
  );
  await new S3Client(first.client).send(
    new PutObjectCommand({ Bucket: first.outputs.Bucket, Key: 'a/b', Body: 'object' }),
  );
  for (const MessageBody of ['held', 'waiting'])
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
  await sqs.send(new ReceiveMessageCommand({ QueueUrl, VisibilityTimeout: 600 }));
  await new LambdaClient(first.client).send(
    new InvokeCommand({
      FunctionName: first.outputs.Collector,
      InvocationType: 'Event',
      Payload: '{"source":"later"}',
    }),
  );
  await kill(first);

  const second = await start();
  const dynamodb = new DynamoDBClient(second.client);
  const { Item } = await dynamodb.send(new GetItemCommand({ TableName: second.outputs.Table, Key: item }));
  assert.deepEqual(Item, item);
  const { Body } = await new S3Client(second.client).send(
    new GetObjectCommand({ Bucket: second.outputs.Bucket, Key: 'a/b' }),
  );
  assert.equal(await Body?.transformToString(), 'object');
  const { Attributes } = await new SQSClient(second.client).send(
    new GetQueueAttributesCommand({ QueueUrl: second.outputs.DeadLetters, AttributeNames: ['All'] }),
  );
  assert.equal(Attributes?.ApproximateNumberOfMessages, '1');
  assert.equal(Attributes?.ApproximateNumberOfMessagesNotVisible, '1');
  const later = await seen(dynamodb, second.outputs.Seen ?? '', 'later', 1);
  assert.ok(later.length >= 1);
  assert.deepEqual([first.rows, second.rows], [[{ n: 1 }], [{ n: 2 }]]);
  await kill(second);
});
