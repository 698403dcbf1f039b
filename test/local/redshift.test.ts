/** The local Data API by the SDK's own client: what the engine relies on, and what Redshift's SQL means in it. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import {
  BatchExecuteStatementCommand,
  CancelStatementCommand,
  DescribeStatementCommand,
  type DescribeStatementCommandOutput,
  ExecuteStatementCommand,
  GetStatementResultCommand,
  ListStatementsCommand,
  RedshiftDataClient,
} from '@aws-sdk/client-redshift-data';
import { type LocalRedshift, startRedshift } from '../../local/redshift/endpoint.ts';
import type { StatementEvent } from '../../local/redshift/statement-event.ts';

const stored = new Map<string, Uint8Array>();
const events: StatementEvent[] = [];
let redshift: LocalRedshift;
let client: RedshiftDataClient;
const base = { Database: 'dev', WorkgroupName: 'local' };
const WAIT = { WaitTimeSeconds: 30 };

before(async () => {
  redshift = await startRedshift({
    s3: {
      put: async (bucket, key, body) => void stored.set(`${bucket}/${key}`, Buffer.from(body)),
      get: async (bucket, key) => stored.get(`${bucket}/${key}`),
      occupied: async (bucket, prefix) =>
        [...stored.keys()].some((key) => key.startsWith(`${bucket}/${prefix}`)),
    },
    onEvent: (event) => events.push(event),
  });
  client = new RedshiftDataClient({
    endpoint: redshift.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'TEST', secretAccessKey: 'test' },
  });
});
after(() => redshift.close());
beforeEach(() => {
  stored.clear();
  events.length = 0;
});

const batch = async (
  sqls: readonly string[],
  more: object = {},
): Promise<DescribeStatementCommandOutput & { Id: string }> => {
  const command = new BatchExecuteStatementCommand({ ...base, ...WAIT, Sqls: [...sqls], ...more });
  const { Id = '' } = await client.send(command);
  return { ...(await client.send(new DescribeStatementCommand({ Id, ...WAIT }))), Id };
};
const rows = async (sql: string, parameters?: { name: string; value: string }[]): Promise<unknown[][]> => {
  const input = {
    ...base,
    ...WAIT,
    Sql: sql,
    ...(parameters === undefined ? {} : { Parameters: parameters }),
  };
  const { Id } = await client.send(new ExecuteStatementCommand(input));
  const found = await client.send(new DescribeStatementCommand({ Id }));
  assert.equal(found.Status, 'FINISHED', found.Error);
  const { Records = [] } = await client.send(new GetStatementResultCommand({ Id }));
  return Records.map((record) =>
    record.map((field) => (field.isNull === true ? null : Object.values(field)[0])),
  );
};
const named = (name: string) => (error: unknown) => error instanceof Error && error.name === name;

describe('statements', () => {
  test('a batch is one transaction: what failed, what finished, what never ran', async () => {
    const done = await batch([
      'create table t1 (a int)',
      'insert into t1 values (1), (2)',
      'select * from t1 order by a',
    ]);
    assert.equal(done.Status, 'FINISHED');
    assert.deepEqual(
      done.SubStatements?.map((sub) => [sub.Id, sub.Status, sub.ResultRows, sub.HasResultSet]),
      [
        [`${done.Id}:1`, 'FINISHED', 0, false],
        [`${done.Id}:2`, 'FINISHED', 2, false],
        [`${done.Id}:3`, 'FINISHED', 2, true],
      ],
    );
    const failed = await batch([
      'insert into t1 values (3)',
      "select cast('no_number' as integer)",
      'select 1',
    ]);
    assert.equal(failed.Status, 'FAILED');
    assert.match(failed.Error ?? '', /no_number/);
    assert.deepEqual(
      failed.SubStatements?.map((sub) => sub.Status),
      ['FINISHED', 'FAILED', 'ABORTED'],
    );
    assert.deepEqual(await rows('select count(*) from t1'), [[2]]);
  });

  test('temporary tables live as long as the batch', async () => {
    const sqls = ['create temp table own (a int)', 'insert into own values (1)', 'select a from own'];
    assert.equal((await batch(sqls)).Status, 'FINISHED');
    assert.equal((await batch(sqls)).Status, 'FINISHED');
    assert.equal((await batch(['select a from own'])).Status, 'FAILED');
  });

  test('a client token names a statement', async () => {
    const send = (ClientToken: string) =>
      client.send(new ExecuteStatementCommand({ ...base, ...WAIT, Sql: 'select 1', ClientToken }));
    assert.equal((await send('one')).Id, (await send('one')).Id);
    assert.notEqual((await send('one')).Id, (await send('two')).Id);
  });

  test('an end is announced only for statements WithEvent', async () => {
    await batch(['select 1'], { StatementName: 'quiet' });
    const { Id } = await batch(['select 1'], { StatementName: 'loud', WithEvent: true });
    const failed = await batch(['select nothing'], { StatementName: 'failed', WithEvent: true });
    assert.deepEqual(
      events.map(({ source, 'detail-type': type, detail }) => [
        source,
        type,
        detail.statementName,
        detail.statementId,
        detail.state,
      ]),
      [
        ['aws.redshift-data', 'Redshift Data Statement Status Change', 'loud', Id, 'FINISHED'],
        ['aws.redshift-data', 'Redshift Data Statement Status Change', 'failed', failed.Id, 'FAILED'],
      ],
    );
  });

  test('a running statement is cancelled, an ended one is not', async () => {
    const sql = 'select count(*) from range(100000) as a(x), range(1000000) as b(y) where (x * y) % 7 = 3';
    const { Id } = await client.send(new ExecuteStatementCommand({ ...base, Sql: sql, WithEvent: true }));
    assert.equal(
      (await client.send(new DescribeStatementCommand({ Id }))).Status?.replace('SUBMITTED', 'STARTED'),
      'STARTED',
    );
    assert.equal((await client.send(new CancelStatementCommand({ Id }))).Status, true);
    const ended = await client.send(new DescribeStatementCommand({ Id, ...WAIT }));
    assert.equal(ended.Status, 'ABORTED');
    await assert.rejects(client.send(new CancelStatementCommand({ Id })), named('ValidationException'));
    const list = await client.send(new ListStatementsCommand({ Status: 'ABORTED' }));
    assert.ok(list.Statements?.some((statement) => statement.Id === Id));
  });

  test('errors have the shapes of AWS', async () => {
    await assert.rejects(
      client.send(new DescribeStatementCommand({ Id: 'none' })),
      named('ResourceNotFoundException'),
    );
    const { Id } = await batch(['create table if not exists none_here (a int)']);
    await assert.rejects(
      client.send(new GetStatementResultCommand({ Id })),
      named('ResourceNotFoundException'),
    );
    await assert.rejects(
      client.send(
        new BatchExecuteStatementCommand({ ...base, Sqls: Array.from({ length: 41 }, () => 'select 1') }),
      ),
      named('ValidationException'),
    );
  });

  test('parameters are bound as values; an idle or a missing one fails the call', async () => {
    const parameters = [{ name: 'name', value: "x'; drop table t1; --" }];
    assert.deepEqual(await rows('select :name as v, length(:name) as n', parameters), [
      ["x'; drop table t1; --", 21],
    ]);
    assert.deepEqual(await rows("select ':name' as v, 1::int as n"), [[':name', 1]]);
    await assert.rejects(rows('select 1', parameters), named('ValidationException'));
    await assert.rejects(rows('select :name'), named('ValidationException'));
  });

  test('a long result comes in pages', async () => {
    const { Id } = await batch(['select cast(i as varchar) as i from range(12000) as r(i)']);
    const found: string[] = [];
    let token: string | undefined;
    let pages = 0;
    do {
      const page = await client.send(
        new GetStatementResultCommand({
          Id: `${Id}:1`,
          ...(token === undefined ? {} : { NextToken: token }),
        }),
      );
      assert.equal(page.TotalNumRows, 12_000);
      found.push(...(page.Records ?? []).map((record) => record[0]?.stringValue ?? ''));
      token = page.NextToken;
      pages += 1;
    } while (token !== undefined);
    assert.ok(pages > 1);
    assert.equal(new Set(found).size, 12_000);
  });

  test('paused refuses, unreachable fails the statement, and both end', async () => {
    redshift.setAvailability('paused');
    await assert.rejects(rows('select 1'), named('ValidationException'));
    redshift.setAvailability('unreachable');
    const failed = await batch(['select 1']);
    assert.deepEqual(
      [failed.Status, failed.Error],
      ['FAILED', 'ERROR: Connection to the warehouse timed out'],
    );
    redshift.setAvailability('available');
    assert.deepEqual(await rows('select 1'), [[1]]);
  });
});

describe('UNLOAD', () => {
  const unload = (select: string, to = 's3://stage/run/'): string =>
    `unload ('${select}') to '${to}' iam_role 'arn:aws:iam::1:role/x' format as json manifest verbose kms_key_id 'k' encrypted maxfilesize 64 mb`;

  test('writes lines in several files and a verbose manifest that counts them', async () => {
    const done = await batch([
      "create temp table many as select cast(i as varchar) as k, repeat('x', 200) as c0, cast(null as varchar) as c1 from range(100000) as r(i)",
      unload('select k, c0, c1 from many'),
    ]);
    assert.equal(done.Status, 'FINISHED', done.Error);
    assert.equal(done.SubStatements?.[1]?.ResultRows, 100_000);
    const manifest = JSON.parse(Buffer.from(stored.get('stage/run/manifest') ?? []).toString());
    assert.ok(manifest.entries.length > 1);
    let lines = 0;
    for (const { url, meta } of manifest.entries) {
      const body = Buffer.from(stored.get(url.replace('s3://', '')) ?? []);
      assert.equal(body.length, meta.content_length);
      const text = body.toString().trimEnd().split('\n');
      assert.equal(text.length, meta.record_count);
      assert.deepEqual(Object.keys(JSON.parse(text[0] ?? '')), ['k', 'c0', 'c1']);
      lines += text.length;
    }
    assert.equal(lines, 100_000);
  });

  test('refuses a place where something lies, and options that are not here', async () => {
    stored.set('stage/run/0000_part_00.json', Buffer.from('{}'));
    assert.match((await batch([unload('select 1 as a')])).Error ?? '', /not empty/);
    assert.match(
      (await batch([`${unload('select 1 as a', 's3://stage/b/')} allowoverwrite`])).Error ?? '',
      /allowoverwrite/,
    );
  });

  test('no rows leave an empty manifest and no file', async () => {
    assert.equal((await batch([unload('select 1 as a where 1 = 0')])).Status, 'FINISHED');
    assert.deepEqual([...stored.keys()], ['stage/run/manifest']);
  });

  test('COPY loads what a manifest names, by the names of columns', async () => {
    const put = (key: string, body: unknown): void =>
      void stored.set(`stage/${key}`, Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)));
    put('a.ndjson', '{"b":"2","a":"1","more":"x"}\n{"a":"","b":null}\n');
    put('m', { entries: [{ url: 's3://stage/a.ndjson', mandatory: true }] });
    const copy =
      "copy loaded from 's3://stage/m' iam_role 'r' manifest format as json 'auto' compupdate off statupdate off";
    const done = await batch([
      'create temp table loaded (a varchar(5), b varchar(5))',
      copy,
      'select a, b from loaded order by a',
    ]);
    assert.equal(done.Status, 'FINISHED', done.Error);
    const { Records } = await client.send(new GetStatementResultCommand({ Id: `${done.Id}:3` }));
    assert.deepEqual(Records, [
      [{ stringValue: '' }, { isNull: true }],
      [{ stringValue: '1' }, { stringValue: '2' }],
    ]);
    put('m', { entries: [{ url: 's3://stage/gone.ndjson', mandatory: true }] });
    assert.equal((await batch(['create temp table loaded (a varchar(5))', copy])).Status, 'FAILED');
  });
});

describe("Redshift's SQL", () => {
  const CASES: readonly (readonly [sql: string, value: unknown])[] = [
    ['select 7 / 2', 3],
    [
      "select to_char(timestamp '2026-01-02 03:04:05.000006', 'YYYY-MM-DD HH24:MI:SS.US')",
      '2026-01-02 03:04:05.000006',
    ],
    ["select to_char(date '2026-01-02', 'YYYY-MM-DD')", '2026-01-02'],
    ["select dateadd(day, -1, timestamp '2026-03-01')", '2026-02-28 00:00:00'],
    ["select dateadd(month, 1, date '2026-01-31')", '2026-02-28 00:00:00'],
    ["select datediff(day, date '2026-01-01', date '2026-03-01')", 59],
    ["select sha2('a', 256)", 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb'],
    ["select octet_length('é') + len('é')", 3],
    ["select nvl(null, 'x')", 'x'],
    ["select nvl2(null, 'x', 'y')", 'y'],
    ["select decode(1, 1, 'one', 'other')", 'one'],
    ["select json_extract_path_text('{\"a\":{\"b\":5}}', 'a', 'b')", '5'],
    ['select json_serialize(json_parse(\'{"a": 1}\'))', '{"a": 1}'],
    ["select from_varbyte(to_varbyte('c3a9', 'hex'), 'utf8')", 'é'],
    ["select charindex('b', 'abc')", 2],
    [
      "select listagg(x, '-') within group (order by x) from (select 'b' as x union all select 'a') as t",
      'a-b',
    ],
    [
      "select convert_timezone('UTC', 'Europe/Paris', timestamp '2026-07-01 12:00:00')",
      '2026-07-01 14:00:00',
    ],
    ['select x from (select 2 as x union all select 1 union all select null) as t order by x desc', null],
    ['select top 1 x from (select 1 as x) as t', 1],
  ];
  for (const [sql, value] of CASES) {
    test(sql, async () => {
      const [row] = await rows(sql);
      assert.deepEqual(row?.[0], value);
    });
  }

  test('now is a timestamp at UTC, the same throughout a transaction', async () => {
    const done = await batch(['select sysdate as a', 'select sysdate as a', 'select getdate() as a']);
    const texts: (string | undefined)[] = [];
    for (const place of [1, 2]) {
      const found = await client.send(new GetStatementResultCommand({ Id: `${done.Id}:${place}` }));
      assert.equal(found.ColumnMetadata?.[0]?.typeName, 'timestamp');
      texts.push(found.Records?.[0]?.[0]?.stringValue);
    }
    assert.equal(texts[0], texts[1]);
    assert.ok(Math.abs(Date.parse(`${texts[0]?.replace(' ', 'T')}Z`) - Date.now()) < 60_000);
  });

  test('attributes of tables are taken and mean nothing', async () => {
    const sql =
      'create table placed (a int, b varchar(10) encode zstd) diststyle key distkey(a) compound sortkey(a, b)';
    assert.equal((await batch([sql, 'drop table placed'])).Status, 'FINISHED');
  });

  test('labels are in lower case', async () => {
    const { Id } = await batch(['select 1 as "MixedCase"']);
    const found = await client.send(new GetStatementResultCommand({ Id }));
    assert.equal(found.ColumnMetadata?.[0]?.name, 'mixedcase');
  });
});
