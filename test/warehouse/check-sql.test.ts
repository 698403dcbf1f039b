/** The probes of a check: they run, they leave nothing but one object and its manifest, and a refusal is understood. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { RedshiftDataClient } from '@aws-sdk/client-redshift-data';
import { parse } from '@polyglot-sql/sdk';
import { redshiftProbe } from '../../shared/aws/redshift-probe.ts';
import { Fault } from '../../shared/core/fault.ts';
import type { WarehouseProbe } from '../../shared/ports.ts';
import {
  copySql,
  engineSchemaSql,
  IDENTITY_SQL,
  refusalOf,
  TEMPORARY_TABLE_SQL,
  unloadSql,
} from '../../shared/warehouse/check-sql.ts';
import { type Fixture, openFixture, type Way } from './warehouse-fixture.ts';

const UNLOAD = {
  bucket: 'staging',
  role: 'arn:aws:iam::000000000000:role/unload',
  kmsKeyId: 'arn:aws:kms:us-east-1:000000000000:key/1',
};

let it: Fixture;
before(async () => {
  it = await openFixture('unload');
});
after(() => it.close());

function probeBy(extraction: Way): WarehouseProbe {
  const client = new RedshiftDataClient({
    endpoint: it.redshift.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'TEST', secretAccessKey: 'test' },
  });
  const settings = {
    environment: 'local',
    kind: 'serverless',
    workgroup: 'local',
    database: 'dev',
    schema: 'tailrace',
    extraction,
    unloadRole: UNLOAD.role,
    stageKey: UNLOAD.kmsKeyId,
  } as const;
  return redshiftProbe({ client, objects: it.objects, settings });
}

const messageOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => assert.fail('it should have failed'),
    (error: unknown) => {
      assert.ok(error instanceof Fault, String(error));
      return error.message;
    },
  );

test('a real parser reads the probes in the dialect of Redshift; UNLOAD and COPY have the words of an extraction', () => {
  const moving = [
    ...unloadSql(UNLOAD, 'runs/0-doctor/abc/stage/0-doctor/'),
    ...copySql(UNLOAD, 'runs/0-doctor/abc/stage/0-doctor/'),
  ];
  const all = [IDENTITY_SQL, ...TEMPORARY_TABLE_SQL, ...engineSchemaSql('tailrace', 'abc'), ...moving];
  const golden = readFileSync(path.join(import.meta.dirname, 'golden', 'diff-unload.sql'), 'utf8');
  let words = 0;
  for (const sql of all) {
    if (/^(?:copy|unload)/.test(sql)) {
      for (const line of sql.split('\n').slice(2)) assert.ok(golden.includes(line), line);
      words += 1;
    } else assert.ok(parse(sql, 'redshift' as never).success, sql);
  }
  assert.equal(words, 2);
});

test('the probes pass on a warehouse that is well, and leave one row in the stage and no table', async () => {
  const probe = probeBy('unload');
  const { user, statementTimeoutMs } = await probe.identity();
  assert.deepEqual([user, statementTimeoutMs], ['duckdb', 0]);
  await probe.temporaryTables();
  await probe.engineSchema('abc');
  assert.equal(await probe.unload('abc'), true);
  await probe.copy('abc');
  assert.deepEqual([...it.stored.keys()].toSorted(), [
    'runs/0-doctor/abc/stage/0-doctor/0000_part_00.json',
    'runs/0-doctor/abc/stage/0-doctor/manifest',
  ]);
  assert.equal(
    Buffer.from(it.stored.get('runs/0-doctor/abc/stage/0-doctor/0000_part_00.json') ?? [])
      .toString()
      .trim(),
    '{"n":1}',
  );
  assert.deepEqual(
    await it.sql(
      "select table_name from duckdb_tables() where table_name like '%probe%' or table_name like 'doctor%'",
    ),
    [],
  );
});

test('where rows are paged nothing is unloaded', async () => {
  const probe = probeBy('pages');
  it.stored.clear();
  assert.equal(await probe.unload('paged'), false);
  await probe.copy('paged');
  assert.equal(it.stored.size, 0);
});

test('a stage that cannot be written, read back or is not what was written fails the probe', async () => {
  const probe = probeBy('unload');
  it.stored.set('runs/0-doctor/twice/stage/0-doctor/manifest', Buffer.from('{}'));
  assert.match(await messageOf(probe.unload('twice')), /not empty/);
  assert.equal(refusalOf(await messageOf(probe.copy('never'))), 'bucket_refused');
});

test('without the engine’s own schema only that probe fails', async () => {
  await it.sql('drop schema tailrace cascade');
  const probe = probeBy('unload');
  assert.equal(refusalOf(await messageOf(probe.engineSchema('abc'))), 'absent');
  await probe.temporaryTables();
  await it.sql('create schema tailrace');
});

test('the words of Redshift are told apart', () => {
  const said: Readonly<Record<string, string>> = {
    'ERROR: permission denied for schema tailrace': 'denied',
    'ERROR: permission denied for relation customers': 'denied',
    'ERROR: permission denied to create temporary tables in database "analytics"': 'denied',
    'ERROR: schema "tailrace" does not exist': 'absent',
    'ERROR: relation "analytics.customers" does not exist': 'absent',
    'ERROR: The requested role arn:aws:iam::111111111111:role/x is not associated to cluster':
      'role_not_attached',
    'ERROR: Not authorized to get credentials of role arn:aws:iam::111111111111:role/x': 'role_not_trusted',
    'ERROR: User arn:aws:redshift:eu-west-1:111111111111:dbuser:a/b is not authorized to assume IAM Role arn:aws:iam::111111111111:role/x':
      'role_not_trusted',
    'ERROR: User does not have ASSUMEROLE permission on role arn:aws:iam::111111111111:role/x':
      'role_not_trusted',
    'ERROR: S3ServiceException:Access Denied,Status 403,Error AccessDenied': 'bucket_refused',
    'ERROR: S3ServiceException:User is not authorized to perform: kms:GenerateDataKey,Status 403':
      'key_refused',
    'ERROR: division by zero': 'other',
  };
  for (const [text, refusal] of Object.entries(said)) assert.equal(refusalOf(text), refusal, text);
});
