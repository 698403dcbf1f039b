/**
 * Stage `local` of the CDK app, run: an owner is told of a rejected row once, not again within the hour, and when it has
 * healed; an edit, a hold with its approval, and every run are in the audit bucket, and nothing there can be changed.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import type { Environment } from '../../cli/environment.ts';
import { invoke } from '../../cli/invoke.ts';
import { writeDefinition } from '../../cli/push.ts';
import { environments } from '../../infra/environments.ts';
import type { EnvironmentSettings } from '../../infra/settings.ts';
import { synthesize } from '../../infra/synthesize.ts';
import type { Notification } from '../../local/services/sns.ts';
import { type LocalStack, startStack } from '../../local/stack.ts';
import { dynamoDefinitions } from '../../shared/aws/dynamo-definitions.ts';
import { s3Audit } from '../../shared/aws/s3-audit.ts';
import type { SyncStatus } from '../../shared/engine/sync-status.ts';

const WAIT_MS_MAX = 120_000;
const SYNC = 'people-to-crm';
const OPERATOR = 'arn:aws:iam::000000000000:user/operator';
const directory = mkdtempSync(path.join(tmpdir(), 'tailrace-owners-'));

let sink: Server;
let stack: LocalStack;
let environment: Environment;
let s3: S3Client;
let documents: DynamoDBDocumentClient;

/** Rejects whoever has a `.bad` address, quoting it as careless vendors do, in the code as well. */
function answerTo(body: string): string {
  const { rows } = JSON.parse(body) as { rows: { email: string }[] };
  const failed = rows.flatMap(({ email }, index) =>
    email.endsWith('.bad') ? [{ index, code: 'p7_example_bad', error: `${email} is no address` }] : [],
  );
  return JSON.stringify(failed.length > 0 ? { failed } : {});
}

before(async () => {
  sink = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(answerTo(body));
    });
  });
  await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve));
  const { port } = sink.address() as AddressInfo;
  const assembly = path.join(directory, 'cdk.out');
  const { stackName } = synthesize({ name: 'local', settings: stageWith(port) }, assembly);
  const secrets = { 'tailrace/local/crm': { token: 'anything' } };
  stack = await startStack({
    assembly,
    stackName,
    dataDir: path.join(directory, 'data'),
    secrets,
    speed: 60,
  });
  connect();
  await stack.warehouse.sql(`
    create schema if not exists shop;
    create table shop.people as
      select i::bigint as id, 'p' || i || case when i = 7 then '@example.bad' else '@example.com' end as email
      from range(10) t(i);
  `);
});

after(async () => {
  await stack?.stop();
  sink.closeAllConnections();
  sink.close();
  rmSync(directory, { recursive: true, force: true });
});

function connect(): void {
  const { endpoint, region, credentials, outputs } = stack;
  const client = { endpoint, region, credentials };
  const dynamodb = new DynamoDBClient(client);
  documents = DynamoDBDocumentClient.from(dynamodb, { marshallOptions: { removeUndefinedValues: true } });
  s3 = new S3Client({ ...client, forcePathStyle: true });
  const definitionsTable = outputs.DefinitionsTable ?? '';
  environment = {
    name: 'local',
    definitionsTable,
    apiFunction: outputs.ApiFunction ?? '',
    definitions: dynamoDefinitions(dynamodb, {
      definitions: definitionsTable,
      state: outputs.StateTable ?? '',
    }),
    dynamodb: documents,
    lambda: new LambdaClient(client),
  };
}

/** The stage with one account, whose vendor listens on this port, and hardly any grace. */
function stageWith(port: number): EnvironmentSettings {
  const { local } = environments;
  assert.ok(local);
  const account = {
    name: 'crm',
    destination: 'http',
    settings: { url: `http://127.0.0.1:${port}/crm`, auth: { by: 'bearer' } },
    rate: { requests: 100, perMs: 1000 },
    requestRowsMax: 200,
    allow: [{ host: '127.0.0.1', port }],
  };
  return { ...local, accounts: [account], timing: { ...local.timing, graceMs: 7000 } };
}

const DEFINITION = {
  syncId: SYNC,
  owner: 'growth@example.org',
  schedule: { every: '100 days' },
  model: { sql: 'select id, email from shop.people', primaryKey: ['id'], changes: { by: 'diff' } },
  destination: { account: 'crm', object: 'contacts', mode: 'upsert', matchOn: 'email' },
  fields: [{ to: 'email', from: 'email' }],
};

async function until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + WAIT_MS_MAX;
  for (;;) {
    const found = await ask();
    if (found !== undefined) return found;
    const denied = JSON.stringify(stack.stats().permissions.denials);
    assert.ok(Date.now() < end, `waited ${WAIT_MS_MAX} ms in vain: ${what}; denied: ${denied}`);
    await sleep(100);
  }
}

async function status(): Promise<SyncStatus | undefined> {
  const { syncs } = await invoke(environment, { verb: 'status', syncId: SYNC });
  return (syncs as readonly SyncStatus[])[0];
}

/** Starts a run as soon as the grace of the last is over, and gives it when it is in that phase. */
async function run(epoch: number, phase: 'idle' | 'held'): Promise<SyncStatus> {
  await until(`start of run ${epoch}`, async () => {
    if (((await status())?.epoch ?? 0) >= epoch) return true;
    return invoke(environment, { verb: 'run', syncId: SYNC }).then(
      () => true,
      () => undefined,
    );
  });
  return until(`run ${epoch} ${phase}`, async () => {
    const sync = await status();
    return sync?.epoch === epoch && sync.phase === phase ? sync : undefined;
  });
}

const messages = (): readonly Notification[] =>
  stack.notifications.filter(({ topicArn }) => topicArn === stack.outputs.OwnerTopic);

async function records(prefix: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const bucket = stack.outputs.AuditBucket ?? '';
  const found: Record<string, unknown>[] = [];
  for await (const Key of s3Audit(s3, bucket).names(prefix, '')) {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key }));
    found.push({ key: Key, ...JSON.parse((await Body?.transformToString()) ?? '') });
  }
  return found;
}

const record = (prefix: string, like: Readonly<Record<string, unknown>>) =>
  until(`${prefix} ${JSON.stringify(like)}`, async () =>
    (await records(prefix)).find((one) =>
      Object.entries(like).every(([name, value]) => JSON.stringify(one[name]) === JSON.stringify(value)),
    ),
  );

test('a rejected row is told to its owner once', async () => {
  assert.equal((await writeDefinition(environment, SYNC, DEFINITION)).state, 'accepted');
  await until('the first run', async () => {
    const sync = await status();
    return sync?.epoch === 1 && sync.phase === 'idle' ? true : undefined;
  });
  const message = await until('a message', async () => messages()[0]);
  assert.equal(message.subject, '[local] people-to-crm: 1 row not delivered');
  assert.deepEqual(message.attributes, {
    owner: 'growth@example.org',
    syncId: SYNC,
    environment: 'local',
    kind: 'rows',
  });
  assert.match(message.message, /^1 row is not at the destination after run 1:$/m);
  assert.match(message.message, /for a reason of its own, which its failure record has \(rejected\)/);
});

test('a second row is not told within the hour; that all rows are delivered is', async () => {
  await stack.warehouse.sql("update shop.people set email = 'p8@example.bad' where id = 8");
  await run(2, 'idle');
  await invokeAsAws('NotifyOwners', {});
  assert.equal(messages().length, 1);
  await stack.warehouse.sql(
    "update shop.people set email = 'mended' || id || '@example.com' where id in (7, 8)",
  );
  await run(3, 'idle');
  const healed = await until('the second message', async () => messages()[1]);
  assert.equal(healed.subject, '[local] people-to-crm: all rows are delivered again');
  assert.equal(healed.attributes?.kind, 'healed');
  assert.match(healed.message, /run 3 left none behind/);
});

test('who wrote the definition is recorded; an edit by something that does not say it has no author', async () => {
  const created = await record(`definitions/${SYNC}/`, { kind: 'definition', change: 'created' });
  assert.equal((created.by as { principal: string }).principal, OPERATOR);
  const { Item } = await documents.send(
    new GetCommand({ TableName: environment.definitionsTable, Key: { syncId: SYNC, item: 'definition' } }),
  );
  // As in the console: the whole item is written back, the old claim with it.
  const edited = { ...Item, purpose: 'another one' };
  await documents.send(new PutCommand({ TableName: environment.definitionsTable, Item: edited }));
  const changed = await record(`definitions/${SYNC}/`, { kind: 'definition', change: 'changed' });
  assert.deepEqual([changed.by, changed.fields, changed.before], [null, ['purpose'], created.after]);
  const answered = await record(`definitions/${SYNC}/`, { kind: 'definition_answer', version: 2 });
  assert.deepEqual([answered.state, answered.answers], ['accepted', changed.after]);
});

test('a hold is approved by somebody, and the audit has who, which plan, and what came of it', async () => {
  await stack.warehouse.sql('delete from shop.people');
  const { hold } = await run(4, 'held');
  const planHash = hold?.planHash ?? '';
  await invoke(environment, { verb: 'approve', syncId: SYNC, planHash });
  const asked = await record(`operations/${SYNC}/`, { kind: 'operation_asked', verb: 'approve' });
  assert.deepEqual([asked.by, asked.planHash], [OPERATOR, planHash]);
  const answered = await record(`operations/${SYNC}/`, { kind: 'operation_answered', verb: 'approve' });
  assert.deepEqual([answered.ok, answered.epoch, answered.requestId], [true, 4, asked.requestId]);
});

test('every run is recorded with its counts and the hash of its definition', async () => {
  const first = await record(`runs/${SYNC}/`, { epoch: 1 });
  assert.equal(first.ended, 'committed');
  assert.deepEqual(first.counts, { rows: 10, accepted: 9, rejected: 1, invalid: 0, skipped: 0, dead: 0 });
  assert.match((first.definition as { hash: string }).hash, /^[0-9a-f]{64}$/);
  assert.equal((first.manifest as { rows: number }).rows, 10);
  for (const epoch of [2, 3, 4]) await record(`runs/${SYNC}/`, { epoch, ended: 'committed' });
});

test('a lost event is made good: the daily look writes the run that is missing', async () => {
  const Bucket = stack.outputs.AuditBucket;
  await s3.send(new DeleteObjectCommand({ Bucket, Key: `runs/${SYNC}/0000000002.json` }));
  await invokeAsAws('RecordAudit', {});
  const made = await record(`runs/${SYNC}/`, { epoch: 2 });
  assert.equal(made.ended, 'committed');
});

test('what is written is never written over, and a repeat of an event is no second record', async () => {
  const Bucket = stack.outputs.AuditBucket;
  const again = new PutObjectCommand({
    Bucket,
    Key: `runs/${SYNC}/0000000001.json`,
    Body: '',
    IfNoneMatch: '*',
  });
  await assert.rejects(s3.send(again), { name: 'PreconditionFailed' });
  const before = await records('');
  await invokeAsAws('RecordAudit', { 'detail-type': 'Run Committed', detail: { syncId: SYNC, epoch: 3 } });
  assert.deepEqual(await records(''), before);
});

test('no call was refused, and no row is in a message, a notice or a record', async () => {
  assert.deepEqual(stack.stats().permissions.denials, []);
  const { Item: notice } = await documents.send(
    new GetCommand({ TableName: stack.outputs.StateTable, Key: { partition: 'NOTICE', sort: SYNC } }),
  );
  assert.ok(notice);
  const texts = [JSON.stringify(messages()), JSON.stringify(notice), JSON.stringify(await records(''))];
  for (const text of texts) assert.doesNotMatch(text, /p\d@|mended\d|example\.bad|p7_example/);
});

async function invokeAsAws(part: string, event: object): Promise<void> {
  const id = Object.keys(stack.stats().functions).find((one) => one.startsWith(part)) ?? assert.fail(part);
  const FunctionName = `${stack.outputs.ApiFunction?.replace(/Api[0-9A-F]{8}.*$/, '')}${id}`;
  const answer = await environment.lambda.send(
    new InvokeCommand({ FunctionName, Payload: Buffer.from(JSON.stringify(event)) }),
  );
  assert.equal(answer.FunctionError, undefined, Buffer.from(answer.Payload ?? []).toString());
}
