/** Changes by diff, through the adapter, on real data, both ways. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { StageLine } from '../../shared/core/stage.ts';
import { makeRequest, makeSync } from './make-sync.ts';
import { ended, type Fixture, openFixture, WAYS } from './warehouse-fixture.ts';

const brief = (lines: readonly StageLine[]): string[] =>
  lines.map((line) => [line.k, line.o, line.e, line.n, line.x, line.c0, line.c1].map(String).join(' '));

for (const way of WAYS) {
  describe(`diff by ${way}`, () => {
    let it: Fixture;
    const mirror = makeSync({ mode: 'mirror' });
    before(async () => {
      it = await openFixture(way);
    });
    after(() => it.close());
    const people = (rows: string): Promise<unknown> =>
      it.sql(
        `create or replace table people (id bigint, email varchar, ltv decimal(18,2), updated_at timestamp);
         delete from people; ${rows === '' ? '' : `insert into people values ${rows}`}`,
      );
    const reset = (): Promise<unknown> =>
      it.sql(
        'drop table if exists tailrace.delta_people_to_crm; drop table if exists tailrace.snapshot_people_to_crm; drop table if exists tailrace.marker_people_to_crm',
      );
    let epochs = 0;
    const nextEpoch = (): number => {
      epochs += 1;
      return epochs;
    };

    test('a first run adds every row, a second what differs, and removes what has left', async () => {
      await reset();
      await people(`(1, 'a@x', 1.10, null), (2, 'b@x', 2.00, null), (3, 'c@x', null, null)`);
      const first = nextEpoch();
      const one = await it.extract(makeRequest(mirror, { epoch: first }));
      assert.deepEqual(brief(one.lines), [
        '1 a null 0 0 a@x 1.10',
        '2 a null 0 0 b@x 2.00',
        '3 a null 0 0 c@x null',
      ]);
      assert.deepEqual(one.counts, {
        modelRows: 3,
        extracted: 3,
        unchanged: 0,
        added: 3,
        changed: 0,
        removed: 0,
        invalid: 0,
        nullKeys: 0,
        carried: 0,
        hi: null,
        checks: [],
      });
      await people(`(1, 'a@x', 1.11, null), (2, 'b@x', 2.00, null), (4, 'd@x', 4.00, null)`);
      const two = await it.extract(makeRequest(mirror, { epoch: nextEpoch(), snapshotEpoch: first }));
      assert.deepEqual(brief(two.lines), [
        '1 c null 0 1 a@x 1.11',
        '3 r null 0 1 c@x null',
        '4 a null 0 0 d@x 4.00',
      ]);
      assert.equal(two.counts.unchanged, 1);
      assert.equal(two.lines[1]?.f, null);
    });

    test('the same epoch again is the same statement; another is not', async () => {
      await reset();
      await people(`(1, 'a@x', 1, null)`);
      const request = makeRequest(mirror, { epoch: nextEpoch() });
      const [one, two] = [await it.warehouse.submit(request), await it.warehouse.submit(request)];
      assert.equal(one.statementId, two.statementId);
      await ended(it.warehouse, one.statementId);
      const other = await it.warehouse.submit(makeRequest(mirror, { epoch: nextEpoch() }));
      assert.notEqual(other.statementId, one.statementId);
      await ended(it.warehouse, other.statementId);
    });

    test('a run that was fenced changes nothing for the next, until it is dirty', async () => {
      await reset();
      await people(`(1, 'a@x', 1, null)`);
      const first = nextEpoch();
      await it.extract(makeRequest(mirror, { epoch: first }));
      await people(`(1, 'a@x', 2, null)`);
      const fenced = nextEpoch();
      await it.extract(makeRequest(mirror, { epoch: fenced, snapshotEpoch: first }));
      await people(`(1, 'a@x', 1, null)`);
      const clean = await it.extract(
        makeRequest(mirror, { epoch: nextEpoch(), snapshotEpoch: first, dirty: [fenced] }),
      );
      assert.deepEqual(
        brief(clean.lines),
        ['1 c null 0 1 a@x 1.00'],
        'ABA: sent although it equals the snapshot',
      );
    });

    test('a row that an abandoned run added and that left again is removed', async () => {
      await reset();
      await people(`(1, 'a@x', 1, null)`);
      const first = nextEpoch();
      await it.extract(makeRequest(mirror, { epoch: first }));
      await people(`(1, 'a@x', 1, null), (2, 'b@x', 1, null)`);
      const fenced = nextEpoch();
      await it.extract(makeRequest(mirror, { epoch: fenced, snapshotEpoch: first }));
      await people(`(1, 'a@x', 1, null)`);
      const next = await it.extract(
        makeRequest(mirror, { epoch: nextEpoch(), snapshotEpoch: first, dirty: [fenced] }),
      );
      assert.deepEqual(brief(next.lines), ['2 r null 0 1 b@x null']);
    });

    test('a row that an abandoned run sent is removed by that name, even when it was invalid in between', async () => {
      await reset();
      const checked = makeSync({
        ...{ mode: 'mirror', matchOn: 'email' },
        checks: [{ name: 'ltv is not negative', sql: 'ltv >= 0', otherwise: 'exclude' }],
      });
      await people(`(1, 'a@x', 1, null)`);
      const first = nextEpoch();
      await it.extract(makeRequest(checked, { epoch: first }));
      await people(`(1, 'a@x', 1, null), (2, 'b@x', 1, null)`);
      const fenced = nextEpoch();
      await it.extract(makeRequest(checked, { epoch: fenced, snapshotEpoch: first }));
      await people(`(1, 'a@x', 1, null), (2, 'c@x', -1, null)`);
      const invalid = nextEpoch();
      const refused = await it.extract(
        makeRequest(checked, { epoch: invalid, snapshotEpoch: first, dirty: [fenced] }),
      );
      assert.deepEqual(brief(refused.lines), ['2 i check:ltv is not negative 0 1 null null']);
      const failures = await it.failures('people-to-crm', invalid, [
        {
          ...{ row_key: '2', fingerprint: refused.lines[0]?.f ?? null, kind: 'invalid' },
          ...{ code: 'check:ltv is not negative', attempts: '1', quarantined: '0', applied: '1' },
          ...{ since_epoch: String(invalid), reason: 'r' },
        },
      ]);
      await people(`(1, 'a@x', 1, null)`);
      const gone = await it.extract(
        makeRequest(checked, { epoch: nextEpoch(), snapshotEpoch: invalid, failures }),
      );
      assert.deepEqual(brief(gone.lines), ['2 r null 1 1 b@x null']);
    });

    test('removed: ignore sends no removal, and a dirty key that left is sent when it returns', async () => {
      await reset();
      const ignore = makeSync({});
      await people(`(1, 'a@x', 1, null), (2, 'b@x', 1, null)`);
      const first = nextEpoch();
      await it.extract(makeRequest(ignore, { epoch: first }));
      await people(`(1, 'a@x', 2, null), (2, 'b@x', 1, null)`);
      const fenced = nextEpoch();
      await it.extract(makeRequest(ignore, { epoch: fenced, snapshotEpoch: first }));
      await people('');
      const empty = nextEpoch();
      const none = await it.extract(
        makeRequest(ignore, { epoch: empty, snapshotEpoch: first, dirty: [fenced] }),
      );
      assert.deepEqual(brief(none.lines), []);
      assert.equal(none.counts.extracted, 0);
      await people(`(1, 'a@x', 1, null), (2, 'b@x', 1, null)`);
      const back = await it.extract(makeRequest(ignore, { epoch: nextEpoch(), snapshotEpoch: empty }));
      assert.deepEqual(brief(back.lines), ['1 a null 0 0 a@x 1.00']);
    });

    test('removed: ignore, a failed key that left is sent when it returns with its old value', async () => {
      await reset();
      const ignore = makeSync({});
      await people(`(1, 'a@x', 1, null), (2, 'b@x', 1, null)`);
      const first = nextEpoch();
      await it.extract(makeRequest(ignore, { epoch: first }));
      await people(`(1, 'a@x', 2, null), (2, 'b@x', 1, null)`);
      const second = nextEpoch();
      await it.extract(makeRequest(ignore, { epoch: second, snapshotEpoch: first }));
      const unanswered = { row_key: '1', fingerprint: 'f', code: 'no_answer', applied: '1' } as const;
      const failures = await it.failures('people-to-crm', second, [unanswered]);
      await people(`(2, 'b@x', 1, null)`);
      const third = nextEpoch();
      await it.extract(makeRequest(ignore, { epoch: third, snapshotEpoch: second, failures }));
      await people(`(1, 'a@x', 1, null), (2, 'b@x', 1, null)`);
      const back = await it.extract(makeRequest(ignore, { epoch: nextEpoch(), snapshotEpoch: third }));
      assert.deepEqual(brief(back.lines), ['1 a null 0 0 a@x 1.00'], 'the destination may hold 2.00');
    });

    test('insert: a key that is held is not forgotten, or its return would insert it twice', async () => {
      await reset();
      const insert = makeSync({ mode: 'insert' });
      await people(`(1, 'a@x', 1, null)`);
      const first = nextEpoch();
      await it.extract(makeRequest(insert, { epoch: first }));
      await people(`(1, 'a@x', 2, null)`);
      const fenced = nextEpoch();
      await it.extract(makeRequest(insert, { epoch: fenced, snapshotEpoch: first }));
      await people('');
      const empty = nextEpoch();
      await it.extract(makeRequest(insert, { epoch: empty, snapshotEpoch: first, dirty: [fenced] }));
      await people(`(1, 'a@x', 2, null)`);
      const back = await it.extract(makeRequest(insert, { epoch: nextEpoch(), snapshotEpoch: empty }));
      assert.deepEqual(brief(back.lines), ['1 c null 0 1 a@x 2.00'], 'insert mode skips what changed');
    });

    test('a statement of an abandoned run that comes late fails and leaves the delta of a later run', async () => {
      await reset();
      await people(`(1, 'a@x', 1, null)`);
      const first = nextEpoch();
      await it.extract(makeRequest(mirror, { epoch: first }));
      const [forward, late, later] = [nextEpoch(), nextEpoch(), nextEpoch()];
      await it.extract(makeRequest(mirror, { epoch: forward, snapshotEpoch: first }));
      await people(`(1, 'a@x', 1, null), (2, 'b@x', 1, null)`);
      await it.extract(makeRequest(mirror, { epoch: later, snapshotEpoch: first }));
      await assert.rejects(
        it.extract(makeRequest(mirror, { epoch: late, snapshotEpoch: first })),
        /run_superseded/,
      );
      await people(`(1, 'a@x', 1, null)`);
      const next = await it.extract(makeRequest(mirror, { epoch: nextEpoch(), snapshotEpoch: later }));
      assert.deepEqual(brief(next.lines), ['2 r null 0 1 b@x null']);
    });

    test('duplicates, null and empty keys, failed checks and shared match values are invalid, not absent', async () => {
      await reset();
      const sync = makeSync({
        mode: 'mirror',
        sql: 'select cast(id as varchar) as id, email, ltv from people',
        checks: [
          { name: 'ltv: not negative', sql: 'ltv >= 0', otherwise: 'exclude' },
          { name: 'emails are filled', sql: 'email is not null', otherwise: 'hold', whenMoreThan: 0 },
        ],
      });
      const columns = [
        { name: 'id', type: 'varchar' },
        { name: 'email', type: 'varchar' },
        { name: 'ltv', type: 'numeric' },
      ];
      await people(`(1, 'a@x', 1, null), (2, 'b@x', 1, null), (3, 'c@x', 1, null), (4, 'd@x', 1, null)`);
      const first = nextEpoch();
      await it.extract(makeRequest(sync, { epoch: first, columns }));
      await people(
        `(1, 'a@x', 1, null), (1, 'a2@x', 1, null), (2, 'b@x', -1, null), (3, 'same@x', 1, null), (4, 'same@x', 1, null), (null, null, 1, null), (5, null, null, null)`,
      );
      const two = await it.extract(makeRequest(sync, { epoch: nextEpoch(), snapshotEpoch: first, columns }));
      assert.deepEqual(brief(two.lines), [
        'null i null_key 0 0 null null',
        '1 i duplicate_key 0 1 null null',
        '2 i check:ltv: not negative 0 1 null null',
        '3 i duplicate_match 0 1 null null',
        '4 i duplicate_match 0 1 null null',
        '5 a null 0 0 null null',
      ]);
      assert.deepEqual(two.counts, {
        modelRows: 7,
        extracted: 6,
        unchanged: 0,
        added: 1,
        changed: 0,
        removed: 0,
        invalid: 5,
        nullKeys: 1,
        carried: 0,
        hi: null,
        checks: [{ name: 'emails are filled', rows: 2 }],
      });
    });

    test('a failed key is tried again with the value of now; a quarantined one only when it has changed', async () => {
      await reset();
      await people(`(1, 'a@x', 1, null), (2, 'b@x', 1, null), (3, 'c@x', 1, null)`);
      const first = nextEpoch();
      const one = await it.extract(makeRequest(mirror, { epoch: first }));
      const f = (place: number): string | null => one.lines[place]?.f ?? null;
      const failures = await it.failures('people-to-crm', first, [
        { row_key: '1', fingerprint: f(0), attempts: '1' },
        { row_key: '2', fingerprint: f(1), attempts: '5', quarantined: '1', since_epoch: '7' },
        { row_key: '3', fingerprint: f(2), attempts: '5', quarantined: '1' },
      ]);
      await people(`(1, 'a@x', 1, null), (2, 'b@x', 1, null), (3, 'c@x', 9, null)`);
      const two = await it.extract(
        makeRequest(mirror, { epoch: nextEpoch(), snapshotEpoch: first, failures }),
      );
      assert.deepEqual(brief(two.lines), ['1 a null 1 0 a@x 1.00', '3 a null 5 0 c@x 9.00']);
      assert.equal(two.counts.carried, 1);
      assert.equal(two.counts.unchanged, 0);
      assert.deepEqual(two.carried, [
        {
          row_key: '2',
          fingerprint: f(1),
          kind: 'rejected',
          code: 'refused',
          attempts: '5',
          quarantined: '1',
          applied: '0',
          since_epoch: '7',
          reason: '',
        },
      ]);
    });

    test('an invalid row is carried while it is the same, and sent when it is mended', async () => {
      await reset();
      const sync = makeSync({
        mode: 'mirror',
        checks: [{ name: 'c', sql: 'ltv >= 0', otherwise: 'exclude' }],
      });
      await people(`(1, 'a@x', -1, null), (2, 'b@x', 1, null), (2, 'b@x', 1, null)`);
      const first = nextEpoch();
      const one = await it.extract(makeRequest(sync, { epoch: first }));
      assert.deepEqual(brief(one.lines), ['1 i check:c 0 0 null null', '2 i duplicate_key 0 0 null null']);
      const failures = await it.failures('people-to-crm', first, [
        {
          row_key: '1',
          kind: 'invalid',
          code: 'check:c',
          fingerprint: one.lines[0]?.f ?? null,
          quarantined: '1',
        },
        { row_key: '2', kind: 'invalid', code: 'duplicate_key', fingerprint: null },
      ]);
      const same = await it.extract(
        makeRequest(sync, { epoch: nextEpoch(), snapshotEpoch: first, failures }),
      );
      assert.deepEqual(brief(same.lines), []);
      assert.equal(same.counts.carried, 2);
      assert.equal(same.counts.unchanged, 0);
      // The check is gone, the value is not: a new definition of the same mapping.
      const mended = makeSync({ mode: 'mirror' });
      await people(`(1, 'a@x', -1, null), (2, 'b@x', 1, null)`);
      const next = await it.extract(
        makeRequest(mended, { epoch: nextEpoch(), snapshotEpoch: first, failures }),
      );
      assert.deepEqual(brief(next.lines), ['1 a null 1 0 a@x -1.00', '2 a null 1 0 b@x 1.00']);
    });

    test('dirty beats quarantine', async () => {
      await reset();
      await people(`(1, 'a@x', 1, null)`);
      const first = nextEpoch();
      const one = await it.extract(makeRequest(mirror, { epoch: first }));
      const failures = await it.failures('people-to-crm', first, [
        { row_key: '1', fingerprint: one.lines[0]?.f ?? null, quarantined: '1' },
      ]);
      await people(`(1, 'a@x', 2, null)`);
      const fenced = nextEpoch();
      await it.extract(makeRequest(mirror, { epoch: fenced, snapshotEpoch: first, failures }));
      await people(`(1, 'a@x', 1, null)`);
      const next = await it.extract(
        makeRequest(mirror, { epoch: nextEpoch(), snapshotEpoch: first, failures, dirty: [fenced] }),
      );
      assert.deepEqual(brief(next.lines), ['1 a null 1 1 a@x 1.00']);
    });

    test('a key that was never applied is dropped, not removed', async () => {
      await reset();
      await people(`(1, 'a@x', 1, null), (2, 'b@x', 1, null)`);
      const first = nextEpoch();
      await it.extract(makeRequest(mirror, { epoch: first }));
      const failures = await it.failures('people-to-crm', first, [
        { row_key: '1', applied: '0' },
        { row_key: '2', applied: '1' },
      ]);
      await people(`(3, 'c@x', 1, null)`);
      const next = await it.extract(
        makeRequest(mirror, { epoch: nextEpoch(), snapshotEpoch: first, failures }),
      );
      assert.deepEqual(brief(next.lines), ['2 r null 1 1 b@x null', '3 a null 0 0 c@x 1.00']);
      assert.equal(next.counts.carried, 0);
    });

    test('a removal that is refused for good is carried until the row returns', async () => {
      await reset();
      await people(`(1, 'a@x', 1, null), (2, 'b@x', 1, null)`);
      const first = nextEpoch();
      await it.extract(makeRequest(mirror, { epoch: first }));
      await people(`(2, 'b@x', 1, null)`);
      const second = nextEpoch();
      const removal = await it.extract(makeRequest(mirror, { epoch: second, snapshotEpoch: first }));
      assert.deepEqual(brief(removal.lines), ['1 r null 0 1 a@x null']);
      const failures = await it.failures('people-to-crm', second, [
        { row_key: '1', fingerprint: null, quarantined: '1', applied: '1' },
      ]);
      const third = nextEpoch();
      const quiet = await it.extract(makeRequest(mirror, { epoch: third, snapshotEpoch: second, failures }));
      assert.deepEqual([brief(quiet.lines), quiet.counts.carried], [[], 1]);
      await people(`(1, 'a@x', 1, null), (2, 'b@x', 1, null)`);
      const back = await it.extract(
        makeRequest(mirror, { epoch: nextEpoch(), snapshotEpoch: second, failures }),
      );
      assert.deepEqual(brief(back.lines), ['1 c null 1 1 a@x 1.00']);
    });

    test('a failure set with a line too few fails the transaction, by name', async () => {
      await reset();
      await people(`(1, 'a@x', 1, null)`);
      const first = nextEpoch();
      await it.extract(makeRequest(mirror, { epoch: first }));
      const failures = await it.failures('people-to-crm', first, [{ row_key: '1' }]);
      const request = makeRequest(mirror, {
        epoch: nextEpoch(),
        snapshotEpoch: first,
        failures: { ...failures, count: 2 },
      });
      await assert.rejects(it.extract(request), /^Error: failure_set_mismatch/);
      const [marker] = await it.sql('select epoch from tailrace.marker_people_to_crm where epoch >= 0');
      assert.equal(marker?.epoch, '0', 'rolled back');
    });

    test('two records of one key count as lines and load as one', async () => {
      await reset();
      await people(`(1, 'a@x', 1, null)`);
      const first = nextEpoch();
      const one = await it.extract(makeRequest(mirror, { epoch: first }));
      const fingerprint = one.lines[0]?.f ?? null;
      const failures = await it.failures('people-to-crm', first, [
        { row_key: '1', fingerprint, quarantined: '1', applied: '1', attempts: '1' },
        { row_key: '1', fingerprint, quarantined: '0', applied: '0', attempts: '2' },
      ]);
      const two = await it.extract(
        makeRequest(mirror, { epoch: nextEpoch(), snapshotEpoch: first, failures }),
      );
      assert.deepEqual(brief(two.lines), ['1 c null 2 1 a@x 1.00']);
    });

    test('row keys of every character come back from the failure set as they went in', async () => {
      await reset();
      const keys = [
        "o'neil",
        'back\\slash',
        "\\'; drop table people; --",
        'naïve 漢字 🙂',
        ' lead',
        ':watermark',
        'a"b',
      ];
      const sync = makeSync({ mode: 'mirror', sql: 'select name as id, ltv, email from names' });
      const columns = [
        { name: 'id', type: 'varchar' },
        { name: 'ltv', type: 'int4' },
        { name: 'email', type: 'varchar' },
      ];
      await it.sql('create or replace table names (name varchar, ltv int, email varchar)');
      for (const key of keys)
        await it.sql(`insert into names values ('${key.replaceAll("'", "''")}', 1, null)`);
      const first = nextEpoch();
      const one = await it.extract(makeRequest(sync, { epoch: first, columns }));
      assert.deepEqual(one.lines.map((line) => line.k).toSorted(), keys.toSorted());
      const failures = await it.failures(
        'people-to-crm',
        first,
        one.lines.map((line) => ({ row_key: line.k ?? '', fingerprint: line.f, quarantined: '1' as const })),
      );
      const two = await it.extract(
        makeRequest(sync, { epoch: nextEpoch(), snapshotEpoch: first, failures, columns }),
      );
      assert.deepEqual(two.carried.map((record) => record.row_key).toSorted(), keys.toSorted());
      assert.equal(two.lines.length, 0);
    });

    test('a key that is perhaps held is sent when it returns, whatever its value', async () => {
      await reset();
      const ignore = makeSync({});
      await people(`(9, 'z@x', 1, null)`);
      const first = nextEpoch();
      await it.extract(makeRequest(ignore, { epoch: first }));
      await people(`(1, 'a@x', 1, null), (9, 'z@x', 1, null)`);
      const fenced = nextEpoch();
      await it.extract(makeRequest(ignore, { epoch: fenced, snapshotEpoch: first }));
      const refused = nextEpoch();
      const again = await it.extract(
        makeRequest(ignore, { epoch: refused, snapshotEpoch: first, dirty: [fenced] }),
      );
      assert.deepEqual(brief(again.lines), ['1 a null 0 1 a@x 1.00']);
      const failures = await it.failures('people-to-crm', refused, [{ row_key: '1', applied: '1' }]);
      await people(`(9, 'z@x', 1, null)`);
      const gone = nextEpoch();
      const quiet = await it.extract(makeRequest(ignore, { epoch: gone, snapshotEpoch: refused, failures }));
      assert.deepEqual([brief(quiet.lines), quiet.counts.carried], [[], 0]);
      await people(`(1, 'a@x', 1, null), (9, 'z@x', 1, null)`);
      const back = await it.extract(makeRequest(ignore, { epoch: nextEpoch(), snapshotEpoch: gone }));
      assert.deepEqual(brief(back.lines), ['1 c null 0 1 a@x 1.00']);
    });

    test('starting afresh forgets the snapshot and keeps dirty keys', async () => {
      await reset();
      await people(`(1, 'a@x', 1, null)`);
      const first = nextEpoch();
      await it.extract(makeRequest(mirror, { epoch: first }));
      await people(`(2, 'b@x', 1, null)`);
      const afresh = await it.extract(
        makeRequest(mirror, { epoch: nextEpoch(), snapshotEpoch: 0, dirty: [first] }),
      );
      assert.deepEqual(brief(afresh.lines), ['1 r null 0 1 a@x null', '2 a null 0 0 b@x 1.00']);
    });
  });
}
