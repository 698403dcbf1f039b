/** Every type comes out as its one exact text, the same by UNLOAD and by pages; keys are injective; long lines are invalid. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Column } from '../../shared/core/stage.ts';
import { makeRequest, makeSync } from './make-sync.ts';
import { type Fixture, openFixture, WAYS } from './warehouse-fixture.ts';

const VALUES: readonly (readonly [sql: string, text: string | null])[] = [
  ['cast(9007199254740993 as bigint)', '9007199254740993'],
  ['cast(-9223372036854775807 as bigint)', '-9223372036854775807'],
  ['cast(7 as smallint)', '7'],
  [
    "cast('12345678901234567890123456789012.345678' as decimal(38,6))",
    '12345678901234567890123456789012.345678',
  ],
  ['cast(1.10 as decimal(18,2))', '1.10'],
  ['cast(0.1 as double)', '0.1'],
  ['true', 'true'],
  ['false', 'false'],
  ['cast(null as boolean)', null],
  ["''", ''],
  ['cast(null as varchar)', null],
  ['\'naïve 漢字 🙂 "quoted" back\\slash\'', 'naïve 漢字 🙂 "quoted" back\\slash'],
  ["'line' || chr(10) || 'break' || chr(9) || chr(1)", 'line\nbreak\t\u0001'],
  ["date '2026-02-28'", '2026-02-28'],
  ["timestamp '2026-02-28 01:02:03.000004'", '2026-02-28 01:02:03.000004'],
  ["timestamp '2026-02-28'", '2026-02-28 00:00:00.000000'],
  ["timestamptz '2026-02-28 01:00:00+05:30'", '2026-02-27 19:30:00.000000Z'],
  [
    `cast('{"a":[1,2.50,9007199254740993],"b":null,"c":"é"}' as json)`,
    '{"a":[1,2.50,9007199254740993],"b":null,"c":"é"}',
  ],
  ["cast('\\xDE\\xAD' as blob)", 'dead'],
];

for (const way of WAYS) {
  describe(`values by ${way}`, () => {
    let it: Fixture;
    before(async () => {
      it = await openFixture(way);
    });
    after(() => it.close());
    const sql = `select 1 as id, ${VALUES.map(([value], index) => `${value} as v${index}`).join(', ')}`;

    test('describe gives Redshift names of types', async () => {
      await it.sql(`create or replace table odd as ${sql}`);
      const columns = await it.warehouse.describe('select * from odd;');
      assert.deepEqual(
        columns.map((column) => column.type),
        'int4 int8 int8 int2 numeric numeric float8 bool bool bool varchar varchar varchar varchar date timestamp timestamp timestamptz super varbyte'.split(
          ' ',
        ),
      );
    });

    test('texts are exact', async () => {
      const columns = await it.warehouse.describe('select * from odd');
      const fields = VALUES.map((_, index) => ({ to: `f${index}`, from: `v${index}` }));
      const sync = makeSync({ sql: 'select * from odd', fields, matchOn: 'f0', changes: { by: 'all' } });
      const run = await it.extract(makeRequest(sync, { columns }));
      const [line] = run.lines;
      assert.deepEqual(
        VALUES.map((_, index) => line?.[`c${index}`]),
        VALUES.map(([, text]) => text),
      );
    });

    test('composite keys are injective', async () => {
      await it.sql(
        `create or replace table pairs (a varchar, b varchar, email varchar);
         insert into pairs values ('x|y', 'z', '1'), ('x', 'y|z', '2'), ('x~', '1y', '3'), ('x', '~1y', '4'), ('', '', '5'), ('x', null, '6')`,
      );
      const columns: Column[] = ['a', 'b', 'email'].map((name) => ({ name, type: 'varchar' }));
      const sync = makeSync({
        sql: 'select * from pairs',
        primaryKey: ['a', 'b'],
        fields: [{ to: 'email', from: 'email' }],
        changes: { by: 'all' },
      });
      const run = await it.extract(makeRequest(sync, { epoch: 2, columns }));
      assert.deepEqual(
        run.lines.map((line) => line.k),
        [null, 'x|~01y', 'x|y~1z', 'x~0|1y', 'x~1y|z', '|'].toSorted((p, q) =>
          (p ?? '') < (q ?? '') ? -1 : 1,
        ),
      );
    });

    test('lines and keys over their limits are invalid, their neighbours go', async () => {
      await it.sql(
        `create or replace table long (id varchar, email varchar, note varchar, attrs json);
         insert into long values
           ('fits', 'a', repeat('x', 59700), null), ('long', 'b', repeat('x', 59950), null),
           ('escapes', 'c', repeat('"', 30000), null), ('controls', 'd', repeat(chr(1), 10100), null),
           ('wide', 'e', repeat('é', 30000), null), ('super', 'f', null, to_json(repeat('x', 70000))),
           (repeat('k', 513), 'g', 'x', null), (repeat('k', 512), 'h', 'x', null), ('', 'i', 'x', null)`,
      );
      const columns: Column[] = [
        { name: 'id', type: 'varchar' },
        { name: 'email', type: 'varchar' },
        { name: 'note', type: 'varchar' },
        { name: 'attrs', type: 'super' },
      ];
      const fields = ['email', 'note', 'attrs'].map((name) => ({ to: name, from: name }));
      const sync = makeSync({ sql: 'select * from long', fields, changes: { by: 'all' } });
      const run = await it.extract(makeRequest(sync, { epoch: 3, columns }));
      const codes = Object.fromEntries(run.lines.map((line) => [line.k?.slice(0, 8) ?? line.e, line.e]));
      assert.deepEqual(codes, {
        fits: null,
        long: 'row_too_long',
        escapes: 'row_too_long',
        controls: 'row_too_long',
        wide: 'row_too_long',
        super: 'row_too_long',
        key_too_long: 'key_too_long',
        kkkkkkkk: null,
        empty_key: 'empty_key',
      });
      for (const line of run.lines) assert.ok(Buffer.byteLength(JSON.stringify(line)) <= 60_000);
    });
  });
}

test('the fingerprint tells null from empty, and one column from its neighbour', async () => {
  const it = await openFixture('unload');
  await it.sql(
    `create table near (id int, a varchar, b varchar);
     insert into near values (1, null, ''), (2, '', null), (3, 'ab', 'c'), (4, 'a', 'bc'), (5, '+1:a', 'b'), (6, null, null), (7, '-', '-')`,
  );
  const columns = [
    { name: 'id', type: 'int4' },
    { name: 'a', type: 'varchar' },
    { name: 'b', type: 'varchar' },
  ];
  const fields = [
    { to: 'a', from: 'a' },
    { to: 'b', from: 'b' },
  ];
  const sync = makeSync({ sql: 'select * from near', fields, matchOn: 'c', changes: { by: 'all' } });
  const run = await it.extract(makeRequest(sync, { columns }));
  assert.equal(new Set(run.lines.map((line) => line.f)).size, 7);
  const retyped = columns.map((column) => (column.name === 'a' ? { ...column, type: 'bpchar' } : column));
  const same = await it.extract(makeRequest(sync, { epoch: 2, columns: retyped }));
  assert.deepEqual(
    same.lines.map((line) => line.f),
    run.lines.map((line) => line.f),
    'char and varchar are one family',
  );
  const request = makeRequest(sync, { epoch: 3, columns });
  const remapped = await it.extract({
    ...request,
    definition: { ...request.definition, mappingVersion: 'm2' },
  });
  assert.ok(
    remapped.lines.every((line, place) => line.f !== run.lines[place]?.f),
    'a new mapping sends every row',
  );
  await it.close();
});
