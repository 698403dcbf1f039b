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

const ACTS: readonly (readonly [sql: string, code: string])[] = [
  ['', 'not_a_select'],
  [';', 'not_a_select'],
  ['-- only a comment', 'not_a_select'],
  ['drop table customers', 'not_a_select'],
  ['insert into t select 1', 'not_a_select'],
  ['update t set a = 1', 'not_a_select'],
  ['delete from t', 'not_a_select'],
  ['truncate t', 'not_a_select'],
  ['merge into t using u on t.id = u.id when matched then delete', 'not_a_select'],
  ["unload ('select 1') to 's3://elsewhere/' iam_role 'arn:aws:iam::1:role/x'", 'not_a_select'],
  ["copy t from 's3://elsewhere/x' iam_role default", 'not_a_select'],
  ['call p()', 'not_a_select'],
  ['execute p', 'not_a_select'],
  ['prepare p as select 1', 'not_a_select'],
  ['grant select on t to public', 'not_a_select'],
  ['create table t as select 1', 'not_a_select'],
  ["set query_group to 'x'", 'not_a_select'],
  ['show search_path', 'not_a_select'],
  ['explain select 1', 'not_a_select'],
  ['begin; drop table t; commit', 'not_a_select'],
  ['values (1)', 'not_a_select'],
  ['table customers', 'not_a_select'],
  ['select 1; drop table customers', 'more_than_one_statement'],
  ['select 1;select 2', 'more_than_one_statement'],
  ['select 1;-- x\ndrop table t', 'more_than_one_statement'],
  ['select 1; /* x */ delete from t;', 'more_than_one_statement'],
  ["select ';'; drop table t --'", 'more_than_one_statement'],
  ['select 1 -- x\r; drop table t', 'more_than_one_statement'],
  ["select '\\'; drop table t; --'", 'ambiguous_quote'],
  ["select 'a\\' from t", 'ambiguous_quote'],
  ["select E'\\'; drop table t; --'", 'ambiguous_quote'],
  ["select 'never closed", 'unreadable_sql'],
  ['select "never closed', 'unreadable_sql'],
  ['select 1 /* never closed', 'unfinished_comment'],
  ['select 1 /* a /* b */ ; drop table t */', 'unfinished_comment'],
  ['select $$;$$', 'unreadable_sql'],
  ['select 1 \\; drop table t', 'unreadable_sql'],
  ['select 1 \u0000', 'unreadable_sql'],
  ['select `id` from t', 'unreadable_sql'],
  ['select 1) as model; drop table t; --', 'more_than_one_statement'],
  ['select 1) as model union select password from (select 1', 'unbalanced_parentheses'],
  ['select (1', 'unbalanced_parentheses'],
  ['select a[1)]', 'unbalanced_parentheses'],
  ['with x as (delete from t returning *) select * from x', 'not_only_reading'],
  ['with x as (insert into t values (1) returning *) select * from x', 'not_only_reading'],
  ['with x as (update t set a = 1 returning *) select * from x', 'not_only_reading'],
  ['with x as (select 1) delete from t', 'not_only_reading'],
  ['with x as (select 1) insert into t select * from x', 'not_only_reading'],
  ['with x as (select 1) update t set a = 1', 'not_only_reading'],
  ['with x as (select 1) merge into t using x on true when matched then delete', 'not_only_reading'],
  ['select * into stolen from customers', 'not_only_reading'],
  ['select * into temp stolen from customers', 'not_only_reading'],
  ['select * from customers for update', 'not_only_reading'],
  ['select pg_terminate_backend(1)', 'function_refused'],
  ['select pg_catalog.pg_cancel_backend(1)', 'function_refused'],
  ['select "pg_terminate_backend" (1)', 'function_refused'],
  ['select PG_SLEEP(10)', 'function_refused'],
  ["select set_config('search_path', 'x', false)", 'function_refused'],
  ["select nextval('s')", 'function_refused'],
  ["select lo_export(1, '/x')", 'function_refused'],
  ["select * from dblink('host=x', 'drop table t') as t(a int)", 'function_refused'],
  ["select query_to_xml('delete from t', true, true, '')", 'function_refused'],
  ['select :watermark', 'parameter_refused'],
  ['select id from t where id = ?', 'parameter_refused'],
  ['select * from tailrace_failed', 'reserved_name'],
  ['select * from "TAILRACE_work"', 'reserved_name'],
];

for (const [sql, code] of ACTS) {
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

const NOT_CHECKS: readonly (readonly [sql: string, code: string])[] = [
  ['', 'not_an_expression'],
  ['true, true', 'not_an_expression'],
  ['true as x', 'not_an_expression'],
  ['id in (select id from t)', 'not_an_expression'],
  ['true) then 1 end, (select 1', 'unbalanced_parentheses'],
  ['true; drop table t', 'more_than_one_statement'],
  ['true /*', 'unfinished_comment'],
  ["email = '\\' or 1=1 --'", 'ambiguous_quote'],
  ['pg_sleep(5) is null', 'function_refused'],
  ['id = :id', 'parameter_refused'],
];
for (const [sql, code] of NOT_CHECKS) {
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
