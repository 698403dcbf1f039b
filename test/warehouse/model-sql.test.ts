/**
 * A corpus of models and checks: those that read, and those that try to do more. The token guard and the real
 * parser must both let the first through; the guard alone must stop the second.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Sync } from '../../shared/core/sync.ts';
import { modelFaults } from '../../shared/warehouse/model-sql.ts';
import { parseModel } from '../../shared/warehouse/parse-model.ts';
import { modelText } from '../../shared/warehouse/sql-tokens.ts';
import { SQL_THAT_ACTS, SQL_THAT_IS_NO_CHECK } from '../corpus/sql-payloads.ts';
import { makeSync } from './make-sync.ts';

const withSql = (sql: string): Sync => makeSync({ sql });
const withCheck = (sql: string): Sync => makeSync({ checks: [{ name: 'c', sql, otherwise: 'exclude' }] });
const codes = (sync: Sync): string[] => modelFaults(sync).map((fault) => fault.code);

const READS: readonly string[] = [
  'select id, email from customers',
  'select id from customers;',
  'select id from customers; -- the end',
  'select id from customers -- no newline at the end',
  '/* head */ select id /* middle; drop table x */ from customers',
  "select id, 'a;b' as x, 'it''s' as y from customers",
  'with a as (select 1 as id) select * from a',
  'with a as (select 1 as id), b as (select * from a) select b.id from b union all select id from a',
  '(select 1 as id) union (select 2 as id)',
  'select "update", "delete" from "drop table"',
  'select close, comment, load from prices where close > 1 and comment is not null',
  'select max(close), lower(comment), coalesce(load, 0) as load from prices group by comment',
  "select replace(email, 'a', 'b') as email from customers",
  "select id::varchar, at::timestamp at time zone 'UTC' as at from customers",
  'select dateadd(day, -7, getdate()) as d, datediff(day, a, b) as n from t',
  'select id, row_number() over (partition by email order by id desc) as place from customers',
  'select c.attrs.plan.name, c.attrs.items[0] from customers as c',
  "select case when a = 'update' then 1 else 0 end as x from t",
  'select extract(year from at) as y, cast(id as varchar) as k from t',
  'select id from t where exists (select 1 from u where u.id = t.id) order by id limit 10',
  "select listagg(email, ',') within group (order by email) as emails from customers",
  'select id from customers as "show"',
];

for (const sql of READS) {
  test(`reads: ${sql}`, async () => {
    assert.deepEqual(codes(withSql(sql)), []);
    assert.deepEqual(await parseModel(withSql(sql)), []);
  });
}

for (const [sql, code] of SQL_THAT_ACTS) {
  test(`refused, ${code}: ${JSON.stringify(sql)}`, () => {
    const [fault, ...more] = modelFaults(withSql(sql));
    assert.equal(fault?.code, code);
    assert.equal(fault?.path, 'model.sql');
    assert.ok((fault?.remedy ?? '') !== '');
    assert.deepEqual(more, []);
  });
}

test('the parser finds what acts within a SELECT', async () => {
  for (const sql of [
    'with x as (delete from t returning *) select * from x',
    'select 1; drop table t',
    'select (',
  ]) {
    assert.notDeepEqual(await parseModel(withSql(sql)), [], sql);
  }
});

const EXPRESSIONS = [
  'ltv >= 0',
  'email is not null',
  "email like '%@%'",
  'ltv between 0 and 5 -- note',
  'a in (1, 2)',
];
for (const sql of EXPRESSIONS) {
  test(`a check: ${sql}`, async () => {
    assert.deepEqual(codes(withCheck(sql)), []);
    assert.deepEqual(await parseModel(withCheck(sql)), []);
  });
}

for (const [sql, code] of SQL_THAT_IS_NO_CHECK) {
  test(`no check, ${code}: ${JSON.stringify(sql)}`, () => {
    const [fault] = modelFaults(withCheck(sql));
    assert.equal(fault?.code, code);
    assert.equal(fault?.path, 'checks[0].sql');
  });
}

test('the semicolon at the end goes, with the comment after it', () => {
  assert.equal(modelText('select 1 ; -- x'), 'select 1');
  assert.equal(modelText('select 1; ;'), 'select 1');
  assert.equal(modelText("select ';' -- x"), "select ';' -- x");
});
