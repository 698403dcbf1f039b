/**
 * The statements of each mode and way, word for word: a change of the SQL is seen in review. `GOLDEN=write` writes them
 * anew. A real parser reads each statement in Redshift's dialect.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { parse } from '@polyglot-sql/sdk';
import { Fault } from '../../shared/core/fault.ts';
import type { FailureRecord } from '../../shared/core/stage.ts';
import type { ExtractionRequest } from '../../shared/ports.ts';
import {
  type ExtractionWay,
  extractionStatements,
  forgetStatements,
  resultPlaces,
} from '../../shared/warehouse/extraction-sql.ts';
import { makeRequest, makeSync, PEOPLE } from './make-sync.ts';

const record: FailureRecord = {
  row_key: "o'neil \\",
  fingerprint: null,
  kind: 'invalid',
  code: 'check:ltv',
  attempts: '1',
  quarantined: '0',
  applied: '1',
  since_epoch: '4',
  reason: 'never written into SQL',
};
const WAYS: readonly ExtractionWay[] = [
  {
    is: 'unload',
    bucket: 'staging',
    role: 'arn:aws:iam::000000000000:role/unload',
    kmsKeyId: 'arn:aws:kms:us-east-1:000000000000:key/1',
  },
  { is: 'pages', failures: [record] },
];

const checks = [
  { name: 'ltv is not negative', sql: 'ltv >= 0', otherwise: 'exclude' },
  { name: 'emails are filled', sql: 'email is not null', otherwise: 'hold', whenMoreThan: '5%' },
];
const parts = {
  epoch: 9,
  snapshotEpoch: 7,
  dirty: [8],
  failures: { manifest: 'kept/people-to-crm/0000000007/failures.manifest', count: 1 },
};
const REQUESTS: Readonly<Record<string, ExtractionRequest>> = {
  cursor: makeRequest(makeSync({ checks, changes: { by: 'cursor', column: 'updated_at', lagSeconds: 60 } }), {
    ...parts,
    watermark: '2026-01-01 00:00:00.000000',
  }),
  diff: makeRequest(makeSync({ checks, mode: 'mirror' }), parts),
  'first-diff': makeRequest(makeSync({ primaryKey: ['id', 'email'] })),
  all: makeRequest(makeSync({ checks, changes: { by: 'all' } }), parts),
  'folded-names': makeRequest(
    makeSync({
      mode: 'mirror',
      fields: [{ to: 'email', from: 'email', as: { trim: true, lowercase: true } }],
    }),
    parts,
  ),
  'all-with-removals': makeRequest(makeSync({ changes: { by: 'all' }, removed: 'clear' }), parts),
};

for (const [name, request] of Object.entries(REQUESTS)) {
  for (const way of WAYS) {
    test(`${name} by ${way.is}`, () => {
      const { sqls, parameters } = extractionStatements(request, way, 'tailrace', 's3://staging/');
      const text = `${[...sqls, `-- parameters: ${JSON.stringify(parameters)}`].join(';\n\n')}\n`;
      const file = path.join(import.meta.dirname, 'golden', `${name}-${way.is}.sql`);
      if (process.env.GOLDEN === 'write') writeFileSync(file, text);
      assert.equal(text, readFileSync(file, 'utf8'));
      assert.ok(sqls.length <= 40);
      for (const sql of sqls) {
        if (/^(?:copy|unload)/.test(sql)) continue;
        const parsed = parse(sql, 'redshift' as Parameters<typeof parse>[1]);
        assert.ok(parsed.success, `${sql}: ${String(parsed.error)}`);
      }
    });
  }
}

test('nothing that came with data or definitions stands in the text as it came', () => {
  const odd = makeSync({
    sql: 'select id, email, ltv, updated_at from people',
    fields: [{ to: 'email', from: 'em"ail' }],
    checks: [{ name: "c'; drop table people; --", sql: 'ltv >= 0', otherwise: 'exclude' }],
  });
  const columns = [...PEOPLE, { name: 'em"ail', type: 'varchar' }];
  const all = extractionStatements(
    makeRequest(odd, { ...parts, columns }),
    { is: 'pages', failures: [record] },
    'tail"race',
    "s3://it's/",
  ).sqls.join('\n');
  assert.ok(!all.includes('drop table people'));
  assert.ok(!all.includes("o'neil"));
  assert.ok(!all.includes('never written'));
  assert.ok(all.includes('"em""ail"'));
  assert.ok(all.includes('"tail""race"."delta_people_to_crm"'));
});

test('parameters are bound only where a watermark is', () => {
  const [unload] = WAYS;
  assert.ok(unload !== undefined);
  const cursor = REQUESTS.cursor;
  assert.ok(cursor !== undefined);
  assert.deepEqual(extractionStatements(cursor, unload, 's', 'home').parameters, [
    { name: 'watermark', value: '2026-01-01 00:00:00.000000' },
  ]);
  const first = extractionStatements({ ...cursor, watermark: null }, unload, 's', 'home');
  assert.deepEqual(first.parameters, []);
  assert.ok(!first.sqls.join('').includes(':watermark'));
});

test('with the largest failure set that is taken by pages, a mirror still fits into one batch', () => {
  const records = Array.from({ length: 1150 }, (_, index) => ({
    ...record,
    row_key: `${index}`.padEnd(500, 'k'),
  }));
  const failures = { manifest: 'm', count: records.length };
  const request = makeRequest(makeSync({ checks, mode: 'mirror' }), { ...parts, failures });
  const { sqls } = extractionStatements(request, { is: 'pages', failures: records }, 's', 'home');
  assert.equal(sqls.filter((sql) => sql.startsWith('insert into "tailrace_failed_lines"')).length, 8);
  assert.equal(sqls.length, 40);
});

test('results are the last statements', () => {
  assert.deepEqual(resultPlaces(31), { counts: 31, carried: 30, slices: [26, 27, 28, 29] });
});

test('forget drops the three tables of the sync', () => {
  assert.deepEqual(forgetStatements('tailrace', 'people-to-crm'), [
    'drop table if exists "tailrace"."delta_people_to_crm"',
    'drop table if exists "tailrace"."snapshot_people_to_crm"',
    'drop table if exists "tailrace"."marker_people_to_crm"',
  ]);
});

const faultOf = (request: ExtractionRequest, way: ExtractionWay = { is: 'pages', failures: [] }): string => {
  try {
    extractionStatements(request, way, 'tailrace', 'home');
    return 'none';
  } catch (error) {
    return error instanceof Fault ? `${error.kind} ${error.code} ${error.path ?? ''}` : String(error);
  }
};

test('what does not fit is a config fault with a path', () => {
  const columns = (type: string) =>
    PEOPLE.map((column) =>
      column.name === 'id' || column.name === 'updated_at' ? { ...column, type } : column,
    );
  const cursor = makeSync({ changes: { by: 'cursor', column: 'updated_at' } });
  assert.equal(
    faultOf(makeRequest(makeSync({ primaryKey: ['nope'] }))),
    'config column_missing model.primaryKey[0]',
  );
  assert.equal(
    faultOf(makeRequest(makeSync(), { columns: columns('float8') })),
    'config key_type model.primaryKey',
  );
  assert.equal(
    faultOf(makeRequest(cursor, { columns: columns('date') })),
    'config cursor_type model.changes.column',
  );
  assert.equal(
    faultOf(makeRequest(makeSync(), { columns: columns('geometry') })),
    'config unsupported_column_type model.sql',
  );
  const twice = [...PEOPLE, { name: 'email', type: 'varchar' }];
  assert.equal(faultOf(makeRequest(makeSync(), { columns: twice })), 'config column_ambiguous fields');
  const long = makeSync({ sql: `select id, email, ltv from people where email <> '${'x'.repeat(99_000)}'` });
  assert.equal(faultOf(makeRequest(long)), 'config sql_too_long model.sql');
  const many = Array.from({ length: 20_000 }, (_, index) => ({ ...record, row_key: `key-${index}` }));
  assert.equal(
    faultOf(makeRequest(makeSync(), { ...parts, failures: { manifest: 'm', count: many.length } }), {
      is: 'pages',
      failures: many,
    }),
    'config failure_set_too_large ',
  );
});
