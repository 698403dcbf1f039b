/** Changes by cursor, through the adapter, with temporary tables only. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { StageLine } from '../../shared/core/stage.ts';
import { makeRequest, makeSync } from './make-sync.ts';
import { type Fixture, openFixture, WAYS } from './warehouse-fixture.ts';

const brief = (lines: readonly StageLine[]): string[] =>
  lines.map((line) => [line.k, line.o, line.e, line.n, line.x, line.c0].map(String).join(' '));
const changes = { by: 'cursor', column: 'updated_at', lagSeconds: 60 };

for (const way of WAYS) {
  describe(`cursor by ${way}`, () => {
    let it: Fixture;
    const sync = makeSync({ changes });
    before(async () => {
      it = await openFixture(way);
      await it.sql('create table people (id bigint, email varchar, ltv decimal(18,2), updated_at timestamp)');
    });
    after(() => it.close());
    const people = async (rows: string): Promise<void> => {
      await it.sql('delete from people');
      await it.sql(`insert into people values ${rows}`);
    };
    let epoch = 0;
    const next = (): number => {
      epoch += 1;
      return epoch;
    };

    test('takes the half-open window: the tie at the watermark is in, what is newer than the lag is not', async () => {
      await people(
        `(1, 'before', 1, timestamp '2026-01-01 00:00:00.123455'), (2, 'tie', 1, timestamp '2026-01-01 00:00:00.123456'),
         (3, 'after', 1, timestamp '2026-01-02'), (4, 'young', 1, (now() at time zone 'UTC') - interval 30 second),
         (5, 'future', 1, timestamp '2999-01-01')`,
      );
      const run = await it.extract(
        makeRequest(sync, { epoch: next(), watermark: '2026-01-01 00:00:00.123456' }),
      );
      assert.deepEqual(brief(run.lines), ['2 a null 0 0 tie', '3 a null 0 0 after']);
      const { hi, ...counts } = run.counts;
      assert.match(hi ?? '', /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/);
      const age = Date.now() - Date.parse(`${hi?.replace(' ', 'T')}Z`);
      assert.ok(age >= 59_000 && age < 90_000, `hi is the transaction's start minus the lag, got ${age} ms`);
      assert.deepEqual(counts, {
        modelRows: 5,
        extracted: 2,
        unchanged: 3,
        added: 2,
        changed: 0,
        removed: 0,
        invalid: 0,
        nullKeys: 0,
        carried: 0,
        checks: [],
      });
    });

    test('a first run takes everything up to the bound, and rows without a cursor are invalid', async () => {
      await people(
        `(1, 'a', 1, timestamp '2020-01-01'), (2, 'b', 1, null), (null, 'c', 1, timestamp '2020-01-01')`,
      );
      const run = await it.extract(makeRequest(sync, { epoch: next() }));
      assert.deepEqual(brief(run.lines), [
        'null i null_key 0 0 null',
        '1 a null 0 0 a',
        '2 i null_cursor 0 0 null',
      ]);
      assert.equal(run.counts.nullKeys, 1);
    });

    test('current rows of failed keys are taken wherever their cursor is; absent ones are kept', async () => {
      await people(`(1, 'old', 1, timestamp '2020-01-01'), (2, 'quiet', 1, timestamp '2020-01-01')`);
      const seen = await it.extract(makeRequest(sync, { epoch: next() }));
      const failures = await it.failures('people-to-crm', 1, [
        { row_key: '1', attempts: '2' },
        { row_key: '2', attempts: '5', quarantined: '1', fingerprint: seen.lines[1]?.f ?? null },
        { row_key: '3', attempts: '1', since_epoch: '4' },
      ]);
      const request = { watermark: '2026-01-01 00:00:00.000000', failures };
      const run = await it.extract(makeRequest(sync, { epoch: next(), ...request }));
      assert.deepEqual(brief(run.lines), ['1 a null 2 0 old']);
      assert.deepEqual(run.carried.map((record) => record.row_key).toSorted(), ['2', '3']);
      assert.deepEqual([run.counts.carried, run.counts.unchanged], [2, 0]);
      const dirty = await it.extract(makeRequest(sync, { epoch: next(), ...request, dirty: [2] }));
      assert.deepEqual(
        brief(dirty.lines),
        ['1 a null 2 0 old', '2 a null 5 0 quiet'],
        'quarantine is ignored',
      );
      assert.deepEqual(
        dirty.carried.map((record) => record.row_key),
        ['3'],
      );
    });

    test('a key or match value that a row outside of the window shares is invalid', async () => {
      await people(
        `(1, 'x', 1, timestamp '2020-01-01'), (1, 'y', 1, timestamp '2026-02-01'),
         (2, 'same', 1, timestamp '2020-01-01'), (3, 'same', 1, timestamp '2026-02-01')`,
      );
      const run = await it.extract(
        makeRequest(sync, { epoch: next(), watermark: '2026-01-01 00:00:00.000000' }),
      );
      assert.deepEqual(brief(run.lines), ['1 i duplicate_key 0 0 null', '3 i duplicate_match 0 0 null']);
    });

    test('a timestamptz cursor is compared at UTC', async () => {
      await it.sql(
        `create or replace table zoned as select 1 as id, 'a' as email, 1 as ltv, timestamptz '2026-01-01 02:00:00+02' as updated_at`,
      );
      const zoned = makeSync({ changes, sql: 'select * from zoned' });
      const columns = [
        { name: 'id', type: 'int4' },
        { name: 'email', type: 'varchar' },
        { name: 'ltv', type: 'int4' },
        { name: 'updated_at', type: 'timestamptz' },
      ];
      const at = async (watermark: string): Promise<number> =>
        (await it.extract(makeRequest(zoned, { epoch: next(), columns, watermark }))).counts.extracted;
      assert.equal(await at('2026-01-01 00:00:00.000000'), 1);
      assert.equal(await at('2026-01-01 00:00:00.000001'), 0);
    });

    test('nothing is left in the warehouse', async () => {
      const tables = await it.sql(
        `select table_name from information_schema.tables where table_schema = 'tailrace'`,
      );
      assert.deepEqual(tables, []);
    });
  });
}
