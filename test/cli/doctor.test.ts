/**
 * The doctor on the local stack: all is well, then one thing after another is taken away, and each is found with the
 * command that mends it. The checkout may be edited meanwhile, so `release` has tests of its own.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateScheduleCommand, GetScheduleCommand } from '@aws-sdk/client-scheduler';
import { AssumeRoleCommand } from '@aws-sdk/client-sts';
import { DeleteCommand, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import type { Check } from '../../cli/doctor-check.ts';
import { examine } from '../../cli/doctor-examine.ts';
import { type Subject, subjectOf } from '../../cli/doctor-subject.ts';
import { type DoctorStack, startDoctorStack } from './doctor-stack.ts';

let it: DoctorStack;
let subject: Subject;
before(async () => {
  it = await startDoctorStack();
  subject = subjectOf('local', it.stack);
  await it.stack.warehouse.sql(
    `create schema shop; create table shop.people as select 1::bigint as id, 'zoe@example.com' as email`,
  );
});
after(() => it?.close());

const definition = (syncId: string, more: object = {}) => ({
  syncId,
  item: 'definition',
  owner: 'growth@example.com',
  schedule: { every: '1 hour' },
  model: { sql: 'select id, email from shop.people', primaryKey: ['id'], changes: { by: 'diff' } },
  destination: { account: 'crm', object: 'contacts', mode: 'upsert', matchOn: 'email' },
  fields: [{ to: 'email', from: 'email' }],
  ...more,
});

/** Writes a definition and waits until it has its answer. */
async function write(item: ReturnType<typeof definition>): Promise<void> {
  const { documents } = subject.clients;
  const TableName = it.stack.outputs.DefinitionsTable;
  await documents.send(new PutCommand({ TableName, Item: item }));
  for (let turn = 0; turn < 600; turn += 1) {
    const Key = { syncId: item.syncId, item: 'status' };
    if ((await documents.send(new GetCommand({ TableName, Key }))).Item !== undefined) return;
    await sleep(50);
  }
  assert.fail(`${item.syncId} was not answered`);
}

async function remove(syncId: string): Promise<void> {
  const { documents } = subject.clients;
  for (const item of ['definition', 'status']) {
    const Key = { syncId, item };
    await documents.send(new DeleteCommand({ TableName: it.stack.outputs.DefinitionsTable, Key }));
  }
  const Key = { partition: 'ACCEPTED', sort: syncId };
  await documents.send(new DeleteCommand({ TableName: it.stack.outputs.StateTable, Key }));
}

const found = async (of: Subject = subject): Promise<readonly Check[]> =>
  (await examine(of)).filter(({ name }) => name !== 'release');
const unwell = (checks: readonly Check[]): readonly string[] =>
  checks.filter(({ state }) => state !== 'ok').map(({ name, state, value }) => `${name} ${state}: ${value}`);
const one = (checks: readonly Check[], name: string): Check =>
  checks.find((check) => check.name === name && check.state !== 'ok') ?? assert.fail(`${name} is well`);

test('a fresh environment is well, with and without a sync, and no call of a function was refused', async () => {
  assert.deepEqual(unwell(await found()), []);
  await write(definition('people-to-crm'));
  const checks = await found();
  assert.deepEqual(unwell(checks), []);
  const values = new Map(checks.map(({ name, value }) => [name, value]));
  assert.equal(values.get('models'), '1 of 1');
  assert.equal(values.get('schedules'), '1 there');
  assert.equal(values.get('crm'), '1 place; secret: token');
  assert.equal(values.get('unload'), 'one row written');
  assert.deepEqual(it.stack.stats().permissions.denials, []);
});

/** Not in step: the stack answers in this process. */
async function command(
  ...words: readonly string[]
): Promise<{ readonly code: number; readonly said: string }> {
  const child = spawn(process.execPath, [path.resolve('bin/tailrace.js'), 'doctor', ...words], {
    cwd: it.folder,
    env: { ...process.env, NO_COLOR: '1' },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  const [code] = (await once(child, 'close')) as [number];
  return { code, said };
}

test('the command says the same, for people and for programs, and its exit code is the verdict', async () => {
  const { code, said } = await command('--json');
  const { ok, environment, checks } = JSON.parse(said) as {
    ok: boolean;
    environment: string;
    checks: Check[];
  };
  assert.deepEqual([environment, code], ['local', ok ? 0 : 1]);
  assert.ok(checks.length >= 17, said);
  assert.match((await command()).said, /^✓ crm +1 place; secret: token · its secret and destination work$/m);
});

test('what is taken away is found, with what mends it', async () => {
  await write(
    definition('nowhere-to-crm', {
      model: { ...definition('').model, sql: 'select id, email from shop.no' },
    }),
  );
  await write(definition('wrong-to-crm', { fields: [] }));
  await it.stack.warehouse.sql('drop schema tailrace cascade');
  it.answer(401);
  const { scheduler } = subject.clients;
  const GroupName = it.stack.outputs.SyncSchedules;
  const { Target } = await scheduler.send(new GetScheduleCommand({ GroupName, Name: 'people-to-crm' }));
  const orphan = {
    GroupName,
    Name: 'gone',
    ScheduleExpression: 'rate(1 hour)',
    FlexibleTimeWindow: { Mode: 'OFF' },
  } as const;
  await scheduler.send(new CreateScheduleCommand({ ...orphan, Target, State: 'DISABLED' }));
  const checks = await found();
  assert.deepEqual(
    [...new Set(unwell(checks).map((line) => line.split(':')[0]))],
    ['engine schema missing', 'models missing', 'definitions missing', 'schedules missing', 'crm missing'],
  );
  assert.deepEqual(one(checks, 'engine schema').mend, [
    'CREATE SCHEMA tailrace AUTHORIZATION "IAMR:tailrace-local-warehouse";',
  ]);
  assert.match(one(checks, 'models').value, /^nowhere-to-crm: /);
  assert.match(one(checks, 'definitions').value, /^wrong-to-crm is refused: fields: /);
  assert.deepEqual(one(checks, 'definitions').mend, ['npx tailrace status wrong-to-crm']);
  assert.deepEqual(one(checks, 'schedules').mend, [
    'aws scheduler delete-schedule --group-name tailrace-local --name gone',
  ]);
  assert.deepEqual(one(checks, 'crm').mend, [
    'aws secretsmanager put-secret-value --secret-id tailrace/local/crm --secret-string file://secret.json',
    'Its members: docs/destinations/http.md',
  ]);
  const { code } = await command();
  assert.equal(code, 1);
});

test('without a sync that needs it the engine’s own schema may be absent', async () => {
  for (const syncId of ['people-to-crm', 'nowhere-to-crm', 'wrong-to-crm']) await remove(syncId);
  const schema = (await found()).find(({ name }) => name === 'engine schema');
  assert.deepEqual([schema?.state, schema?.value], ['ok', 'tailrace is not writable; no sync needs it']);
  await it.stack.warehouse.sql('create schema tailrace');
  it.answer(200);
});

test('a caller without permissions learns which ones, check by check', async () => {
  const { UnloadRole: RoleArn } = it.stack.outputs;
  const assumed = await subject.clients.sts.send(
    new AssumeRoleCommand({ RoleArn, RoleSessionName: 'nobody' }),
  );
  const { AccessKeyId: accessKeyId = '', SecretAccessKey: secretAccessKey = '' } = assumed.Credentials ?? {};
  const nobody = subjectOf('local', { ...it.stack, credentials: { accessKeyId, secretAccessKey } });
  const stack = one(await found(nobody), 'stack');
  assert.deepEqual([stack.state, stack.permission], ['unknown', 'cloudformation:DescribeStacks']);
  // With the stack's outputs at hand, everything else is refused as well.
  const half = { ...nobody, clients: { ...nobody.clients, cloudformation: subject.clients.cloudformation } };
  const lacked = (await found(half)).flatMap(({ permission }) => permission ?? []);
  assert.deepEqual(lacked, [
    'lambda:GetAccountSettings',
    'lambda:InvokeFunction',
    'dynamodb:Query',
    'dynamodb:Scan',
    'scheduler:ListSchedules',
    'lambda:InvokeFunction',
  ]);
  const documented = readFileSync('docs/deploying.md', 'utf8');
  for (const permission of [
    ...lacked,
    'cloudformation:DescribeStacks',
    'sns:ListSubscriptionsByTopic',
    'kms:GetKeyPolicy',
  ]) {
    assert.ok(documented.includes(`\`${permission}\``), permission);
  }
});

test('an environment on AWS needs more than a laptop: bootstrap, a listener for alarms, a stack', async () => {
  const onAws = { ...subject, name: 'staging', settings: { ...subject.settings, local: false } };
  const checks = await found(onAws);
  assert.deepEqual(one(checks, 'bootstrap').mend, ['npx cdk bootstrap aws://000000000000/us-east-1']);
  assert.match(one(checks, 'alarms').mend.join(), /^aws sns subscribe --topic-arn arn:aws:sns:/);
  await write(definition('empty-to-crm', { fields: [] }));
  const refused = one(await found(onAws), 'definitions');
  assert.deepEqual(refused.mend, ['npx tailrace --env staging status empty-to-crm']);
  const gone = await found({ ...onAws, stackName: 'Tailrace-gone' });
  assert.deepEqual(one(gone, 'stack').mend[0], 'npx cdk deploy Tailrace-gone');
  assert.deepEqual(
    gone.map(({ name }) => name),
    ['credentials', 'bootstrap', 'concurrency', 'stack'],
  );
});

test('credentials of another account, or none, end the examination', async () => {
  const { aws } = subject.settings;
  const other = { ...subject, settings: { ...subject.settings, aws: { ...aws, account: '111111111111' } } };
  assert.deepEqual(unwell(await found(other)), [
    'credentials missing: for account 000000000000, not 111111111111',
  ]);
  const none = subjectOf('local', {
    ...it.stack,
    credentials: { accessKeyId: 'AKIANOBODY', secretAccessKey: 'x' },
  });
  const nowhere = await found(subjectOf('local', { ...it.stack, endpoint: 'http://127.0.0.1:9' }));
  assert.deepEqual(unwell(nowhere), ['credentials missing: nothing answers (ECONNREFUSED)']);
  assert.deepEqual(nowhere[0]?.mend, ['npm start -- --keep']);
  assert.deepEqual(unwell(await found(none)), [
    'credentials missing: none that work (UnrecognizedClientException)',
  ]);
});

test('a warehouse that is away is unknown, not missing, and nothing else is asked there', async () => {
  it.stack.warehouse.setAvailability('unreachable');
  const checks = await found();
  it.stack.warehouse.setAvailability('available');
  const { state, value } = one(checks, 'warehouse');
  assert.deepEqual([state, value], ['unknown', 'statement: the warehouse is paused or out of reach']);
  assert.ok(!checks.some(({ name }) => name === 'unload'));
});

test('no value of a secret or a row is in the report, a log or a state item', async () => {
  const logs = path.join(it.folder, '.tailrace', 'local', 'logs');
  const texts = readdirSync(logs).map((name) => readFileSync(path.join(logs, name), 'utf8'));
  assert.ok(texts.join('').includes('"verb":"check"'), 'there are logs to look at');
  for (const canary of ['a-secret-value', 'zoe@example.com']) {
    assert.ok(![...texts, JSON.stringify(await found())].some((text) => text.includes(canary)), canary);
  }
});
