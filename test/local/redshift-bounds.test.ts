/** What a model's SQL must not reach through the local warehouse: files of the machine, its memory, its settings. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { type LocalRedshift, startRedshift } from '../../local/redshift/endpoint.ts';

const stored = new Map<string, Uint8Array>();
let folder: string;
let secret: string;
let redshift: LocalRedshift;

before(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'tailrace-bounds-'));
  secret = path.join(folder, 'secret.csv');
  writeFileSync(secret, 'a\nhidden\n');
  redshift = await startRedshift({
    dataDir: path.join(folder, 'warehouse'),
    // Reading JSON takes 32 MB for each thread, whatever is in it.
    memoryMegabytes: 256,
    s3: {
      put: async (_, key, body) => void stored.set(key, Buffer.from(body)),
      get: async (_, key) => stored.get(key),
      occupied: async () => false,
    },
    onEvent: () => undefined,
  });
});
after(async () => {
  await redshift.close();
  rmSync(folder, { recursive: true });
});

type Described = { readonly Status: string; readonly Error?: string; readonly ResultRows: number };

async function run(sql: string): Promise<Described> {
  const input = { Database: 'dev', WorkgroupName: 'local', Sql: sql, WaitTimeSeconds: 30 };
  const { Id } = JSON.parse(await redshift.call('ExecuteStatement', input)) as { Id: string };
  return JSON.parse(await redshift.call('DescribeStatement', { Id, WaitTimeSeconds: 30 })) as Described;
}

test('a statement reads, lists and writes no file, and loads nothing', async () => {
  const statements = [
    `select a from read_csv('${secret}')`,
    `select content from read_text('${secret}')`,
    `select content from read_blob('${secret}')`,
    `select * from read_csv('file://${secret}')`,
    `select * from glob('${folder}/*')`,
    `select * from '${secret}'`,
    `attach '${folder}/other.duckdb'`,
    `create table t as select * from read_csv('http://127.0.0.1:9/')`,
    'install httpfs',
  ];
  for (const sql of statements) {
    const { Status, Error: error } = await run(sql);
    assert.equal(Status, 'FAILED', sql);
    assert.match(error ?? '', /disabled by configuration|does not exist/, sql);
  }
});

test('UNLOAD and COPY still work, through their own folder', async () => {
  const unload = await run(
    `unload ('select ''x'' as a union all select ''y''') to 's3://bucket/out/' iam_role 'r' format as json manifest verbose encrypted`,
  );
  assert.deepEqual([unload.Status, unload.ResultRows], ['FINISHED', 2]);
  await run('create table copied (a varchar(10))');
  const copy = await run(
    `copy copied from 's3://bucket/out/manifest' iam_role 'r' manifest format as json 'auto'`,
  );
  assert.deepEqual([copy.Status, copy.ResultRows], ['FINISHED', 2], copy.Error);
});

test('no statement lifts the bounds; a time zone can be set', async () => {
  for (const sql of [
    `set memory_limit = '90GB'`,
    'set enable_external_access = true',
    `set allowed_directories = ['/']`,
    'reset lock_configuration',
  ]) {
    const { Status, Error: error } = await run(sql);
    assert.equal(Status, 'FAILED', sql);
    assert.match(error ?? '', /Cannot change|has been locked|cannot be/i, sql);
  }
  assert.equal((await run(`set timezone to 'UTC'`)).Status, 'FINISHED');
});

test('a model without end fails with the limit that it met, and the next statement runs', async () => {
  const endless = await run(
    'create temp table seen as select i as customer_id from generate_series(1, 9000000000) t(i)',
  );
  assert.equal(endless.Status, 'FAILED');
  assert.equal(
    endless.Error,
    'ERROR: Out of memory: the local warehouse gives its statements 256 MiB of memory and 512 MiB of disk; this one needs more',
  );
  assert.equal((await run('select 1')).Status, 'FINISHED');
});

test('the limits of a stack are stated ones, not a share of the machine', async () => {
  const usual = await startRedshift({
    s3: { put: async () => undefined, get: async () => undefined, occupied: async () => false },
    onEvent: () => undefined,
  });
  const settings = await usual.sql(
    `select name, value from duckdb_settings() where name in ('memory_limit', 'max_temp_directory_size') order by name`,
  );
  await usual.close();
  assert.deepEqual(settings, [
    { name: 'max_temp_directory_size', value: '4.0 GiB' },
    { name: 'memory_limit', value: '2.0 GiB' },
  ]);
});
