/** The local stack, looked at with unmodified SDK clients: functions, permissions, sources, rules, schedules. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient, ListRulesCommand, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import {
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { GetScheduleCommand, ListSchedulesCommand, SchedulerClient } from '@aws-sdk/client-scheduler';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { GetQueueAttributesCommand, SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { type Fixture, startFixture } from './fixture.ts';

let fixture: Fixture;
before(async () => {
  fixture = await startFixture();
});
after(() => fixture.close());

const onTable = (command: string, input: object) => ({
  call: {
    api: 'dynamodb',
    client: 'DynamoDBClient',
    command,
    input: { TableName: fixture.stack.outputs.Table, ...input },
  },
});
const onBucket = (command: string, Key: string, more: { input?: object; extra?: object } = {}) => ({
  call: {
    api: 's3',
    client: 'S3Client',
    command,
    input: { Bucket: fixture.stack.outputs.Bucket, Key, ...more.input },
    ...more.extra,
  },
});

test('a function runs warm, with its own variables and time limit, and nothing of this process', async () => {
  const first = await fixture.probe({});
  const second = await fixture.probe({});
  assert.equal(second.answer.invocations, (first.answer.invocations ?? 0) + 1);
  assert.equal(first.answer.home, undefined);
  assert.ok((first.answer.remainingMs ?? 0) > 1000 && (first.answer.remainingMs ?? 0) <= 2000);
});

test('a function that throws, hangs or exits answers with a FunctionError', async () => {
  const thrown = await fixture.probe({ fail: 'no such luck' });
  assert.equal(thrown.error, 'Unhandled');
  assert.equal(thrown.answer.errorType, 'TypeError');
  assert.equal(thrown.answer.errorMessage, 'no such luck');
  assert.equal((await fixture.probe({ exit: true })).answer.errorType, 'Runtime.ExitError');
  assert.equal((await fixture.probe({ hang: true })).answer.errorType, 'Sandbox.Timedout');
});

test('a call that the role does not allow is refused with the statement that is missing', async () => {
  const { answer } = await fixture.probe(
    onTable('GetItemCommand', { Key: { source: { S: 'mine' }, id: { S: '1' } } }),
  );
  assert.equal(answer.name, 'AccessDeniedException');
  assert.match(
    answer.message ?? '',
    /^Probe may not dynamodb:GetItem on arn:aws:dynamodb:.*:table\/Fixture-Table; missing in its role: \{"Effect":"Allow","Action":"dynamodb:GetItem"/,
  );
});

test('leading keys, object prefixes, event sources and an explicit deny are respected', async () => {
  const put = (source: string) =>
    onTable('PutItemCommand', { Item: { source: { S: source }, id: { S: 'x' } } });
  assert.equal((await fixture.probe(put('team-7'))).answer.ok, true);
  assert.equal((await fixture.probe(put('theirs'))).answer.name, 'AccessDeniedException');
  const object = (key: string) => onBucket('PutObjectCommand', key, { input: { Body: 'x' } });
  assert.equal((await fixture.probe(object('runs/1'))).answer.ok, true);
  assert.equal((await fixture.probe(object('elsewhere/1'))).answer.name, 'AccessDenied');
  assert.equal((await fixture.probe(object('runs/secret/1'))).answer.name, 'AccessDenied');
  const event = (Source: string) => ({
    call: {
      api: 'eventbridge',
      client: 'EventBridgeClient',
      command: 'PutEventsCommand',
      input: { Entries: [{ Source, DetailType: 'Test', Detail: '{"name":"b"}', EventBusName: 'fixture' }] },
    },
  });
  assert.equal((await fixture.probe(event('fixture'))).answer.ok, true);
  assert.equal((await fixture.probe(event('someone.else'))).answer.name, 'AccessDeniedException');
});

test('a role may be taken on by whom it trusts, and then its permissions count', async () => {
  await fixture.probe(onBucket('PutObjectCommand', 'runs/read-me', { input: { Body: 'hello' } }));
  const read = (as?: string) =>
    onBucket('GetObjectCommand', 'runs/read-me', { extra: as === undefined ? {} : { as } });
  assert.equal((await fixture.probe(read())).answer.name, 'AccessDenied');
  const reader = await fixture.probe(read('arn:aws:iam::000000000000:role/Fixture-ReaderRole'));
  assert.deepEqual(reader.answer.output, { body: 'hello' });
  const other = await fixture.probe(read('arn:aws:iam::000000000000:role/Fixture-CollectorRole'));
  assert.equal(other.answer.errorType, 'AccessDenied');
});

test('an encrypted secret needs the key as well as the secret', async () => {
  const get = {
    api: 'secrets',
    client: 'SecretsManagerClient',
    command: 'GetSecretValueCommand',
    input: { SecretId: 'fixture/secret' },
  };
  const { answer } = await fixture.probe({ call: get });
  assert.equal(answer.name, 'AccessDeniedException');
  assert.match(answer.message ?? '', /kms:Decrypt/);
  const operator = await new SecretsManagerClient(fixture.client).send(new GetSecretValueCommand(get.input));
  assert.equal(operator.SecretString, '{"token":"open sesame"}');
});

test('a failed condition gives back the item that it met', async () => {
  const create = (id: string) =>
    onTable('PutItemCommand', {
      Item: { source: { S: 'team-1' }, id: { S: id }, by: { S: 'second' } },
      ConditionExpression: 'attribute_not_exists(id)',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    });
  const first = { source: { S: 'team-1' }, id: { S: 'taken' }, by: { S: 'first' } };
  await new DynamoDBClient(fixture.client).send(
    new PutItemCommand({ TableName: fixture.stack.outputs.Table, Item: first }),
  );
  const { answer } = await fixture.probe(create('taken'));
  assert.equal(answer.name, 'ConditionalCheckFailedException');
  assert.deepEqual(answer.item, first);
});

test('messages are delivered in batches; what fails alone comes again and ends among the dead letters', async () => {
  const sqs = new SQSClient(fixture.client);
  const bodies = ['good 1', 'good 2', 'refuse me', 'good 3'];
  const Entries = bodies.map((MessageBody, at) => ({ Id: String(at), MessageBody, MessageGroupId: 'group' }));
  await sqs.send(new SendMessageBatchCommand({ QueueUrl: fixture.stack.outputs.Queue, Entries }));
  const seen = await fixture.seen('aws:sqs', 5);
  assert.deepEqual(seen.map(({ body }) => body).toSorted(), [
    'good 1',
    'good 2',
    'good 3',
    'refuse me',
    'refuse me',
  ]);
  assert.match(JSON.stringify(seen[0]), /"MessageGroupId":"group"/);
  assert.equal(await depth(sqs, fixture.stack.outputs.DeadLetters, '1'), '1');
  assert.equal(await depth(sqs, fixture.stack.outputs.Queue, '0'), '0');
});

/** Messages in a queue, once they are as many as expected. */
async function depth(
  sqs: SQSClient,
  QueueUrl: string | undefined,
  expected: string,
): Promise<string | undefined> {
  for (let tries = 0; ; tries += 1) {
    const { Attributes } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }),
    );
    const found = Attributes?.ApproximateNumberOfMessages;
    if (found === expected || tries === 200) return found;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

test("a table's stream reaches the function that its filter admits, with both images", async () => {
  const dynamodb = new DynamoDBClient(fixture.client);
  const TableName = fixture.stack.outputs.Table;
  const item = (source: string, value: string) => ({
    source: { S: source },
    id: { S: '1' },
    value: { S: value },
  });
  for (const Item of [item('mine', 'a'), item('other', 'a'), item('mine', 'b'), item('mine', 'b')])
    await dynamodb.send(new PutItemCommand({ TableName, Item }));
  const records = await fixture.seen('aws:dynamodb', 2);
  const byName = new Map(
    records.map((record) => [record.eventName, record.dynamodb as Record<string, unknown>]),
  );
  assert.deepEqual([...byName.keys()].toSorted(), ['INSERT', 'MODIFY']);
  assert.deepEqual(byName.get('MODIFY')?.OldImage, item('mine', 'a'));
  assert.deepEqual(byName.get('MODIFY')?.NewImage, item('mine', 'b'));
  assert.deepEqual(byName.get('INSERT')?.Keys, { source: { S: 'mine' }, id: { S: '1' } });
});

test('a rule passes on the events that its pattern matches', async () => {
  const events = new EventBridgeClient(fixture.client);
  const entry = (Source: string, name: string) => ({
    Source,
    DetailType: 'Test',
    Detail: JSON.stringify({ name }),
    EventBusName: 'fixture',
  });
  const Entries = [entry('fixture', 'b/1'), entry('other', 'a/1'), entry('fixture', 'a/1')];
  await events.send(new PutEventsCommand({ Entries }));
  const [seen, ...more] = await fixture.seen('fixture', 1);
  assert.deepEqual(more, []);
  assert.deepEqual(seen?.detail, { name: 'a/1' });
  assert.equal(seen?.['detail-type'], 'Test');
});

test('a rate schedule fires at once, with the scheduled time filled in', async () => {
  const [seen] = await fixture.seen('schedule', 1);
  assert.match(String(seen?.at), /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/);
  const scheduler = new SchedulerClient(fixture.client);
  const { Schedules } = await scheduler.send(new ListSchedulesCommand({ GroupName: 'fixture' }));
  assert.deepEqual(
    Schedules?.map(({ Name }) => Name),
    ['Fixture-Schedule'],
  );
  const missing = scheduler.send(new GetScheduleCommand({ GroupName: 'fixture', Name: 'none' }));
  await assert.rejects(missing, { name: 'ResourceNotFoundException' });
});

test('objects: ranges, listings page by page, large bodies, a missing key', async () => {
  const s3 = new S3Client(fixture.client);
  const Bucket = fixture.stack.outputs.Bucket;
  const large = Buffer.alloc(20 * 1024 * 1024, 'abcdefghij');
  await s3.send(new PutObjectCommand({ Bucket, Key: 'big/file', Body: large }));
  const keys = ['list/a', 'list/a/b', 'list/ü x', 'list/z'];
  for (const Key of keys) await s3.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
  const range = await s3.send(
    new GetObjectCommand({ Bucket, Key: 'big/file', Range: 'bytes=10485759-10485763' }),
  );
  assert.equal(await range.Body?.transformToString(), 'jabcd');
  assert.equal((await s3.send(new HeadObjectCommand({ Bucket, Key: 'big/file' }))).ContentLength, 20_971_520);
  const first = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'list/', MaxKeys: 3 }));
  const rest = await s3.send(
    new ListObjectsV2Command({ Bucket, Prefix: 'list/', ContinuationToken: first.NextContinuationToken }),
  );
  assert.deepEqual(
    [...(first.Contents ?? []), ...(rest.Contents ?? [])].map(({ Key }) => Key),
    ['list/a', 'list/a/b', 'list/z', 'list/ü x'],
  );
  assert.equal(rest.IsTruncated, false);
  await assert.rejects(s3.send(new GetObjectCommand({ Bucket, Key: 'none' })), { name: 'NoSuchKey' });
});

test('what is not here says so: a service, an action, a parameter; a stranger is not served', async () => {
  const { endpoint } = fixture.stack;
  const dynamodb = new DynamoDBClient(fixture.client);
  const key = { TableName: fixture.stack.outputs.Table, Key: { source: { S: 'a' }, id: { S: 'b' } } };
  const parameter = dynamodb.send(new GetItemCommand({ ...key, AttributesToGet: ['id'] }));
  await assert.rejects(parameter, /parameter AttributesToGet of dynamodb:GetItem is not implemented here/);
  await assert.rejects(
    new EventBridgeClient(fixture.client).send(new ListRulesCommand()),
    /events:ListRules is not implemented here/,
  );
  const authorization =
    'AWS4-HMAC-SHA256 Credential=AKIALOCALOPERATOR000/20260101/us-east-1/kinesis/aws4_request, X';
  const service = await fetch(endpoint, { headers: { authorization } });
  assert.equal(service.status, 501);
  assert.match(await service.text(), /service kinesis is not implemented here/);
  const credentials = { accessKeyId: 'AKIAUNKNOWN', secretAccessKey: 'x' };
  const stranger = new STSClient({ ...fixture.client, credentials });
  await assert.rejects(
    stranger.send(new AssumeRoleCommand({ RoleArn: 'arn:aws:iam::0:role/x', RoleSessionName: 'x' })),
    {
      name: 'UnrecognizedClientException',
    },
  );
});

test('statistics: calls, write units by kind of item, the statements that were used', () => {
  const { calls, dynamodb, functions, permissions } = fixture.stack.stats();
  assert.ok((calls['dynamodb.PutItem'] ?? 0) > 0);
  assert.deepEqual(dynamodb.writes.Table?.mine, { requests: 3, units: 3 });
  assert.ok((functions.Probe?.coldStarts ?? 0) >= 3);
  assert.deepEqual(permissions.statements['ProbeRole.Inline[0]'], ['dynamodb:PutItem']);
  assert.ok(
    permissions.denials.some(({ caller, action }) => caller === 'Probe' && action === 's3:GetObject'),
  );
});
