/** Changes by taking everything: without removals on temporary tables, with removals beside a snapshot. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { StageLine } from '../../shared/core/stage.ts';
import { makeRequest, makeSync } from './make-sync.ts';
import { type Fixture, openFixture, WAYS } from './warehouse-fixture.ts';

const brief = (lines: readonly StageLine[]): string[] =>
  lines.map((line) => [line.k, line.o, line.x, line.c0].map(String).join(' '));
const changes = { by: 'all' };

for (const way of WAYS) {
  describe(`all by ${way}`, () => {
    let it: Fixture;
    before(async () => {
      it = await openFixture(way);
      await it.sql('create table people (id bigint, email varchar, ltv decimal(18,2), updated_at timestamp)');
    });
    after(() => it.close());
    const people = async (...ids: readonly number[]): Promise<void> => {
      await it.sql('delete from people');
      for (const id of ids) await it.sql(`insert into people values (${id}, 'p${id}', 1, null)`);
    };

    test('every row, every time', async () => {
      const sync = makeSync({ changes });
      await people(1, 2);
      for (const epoch of [1, 2]) {
        const run = await it.extract(makeRequest(sync, { epoch, snapshotEpoch: epoch - 1 }));
        assert.deepEqual(brief(run.lines), ['1 a 0 p1', '2 a 0 p2']);
      }
      assert.deepEqual(
        await it.sql(`select table_name from information_schema.tables where table_schema = 'tailrace'`),
        [],
      );
    });

    test('with removals what has left is removed', async () => {
      const sync = makeSync({ changes, removed: 'delete' });
      await people(1, 2);
      await it.extract(makeRequest(sync, { epoch: 11 }));
      await people(2, 3);
      const run = await it.extract(makeRequest(sync, { epoch: 12, snapshotEpoch: 11 }));
      assert.deepEqual(brief(run.lines), ['1 r 1 p1', '2 c 1 p2', '3 a 0 p3']);
    });

    test('an empty model is an empty stage, with its manifests', async () => {
      const sync = makeSync({ changes });
      await people();
      const run = await it.extract(makeRequest(sync, { epoch: 21 }));
      assert.deepEqual([run.lines, run.carried, run.counts.modelRows, run.counts.extracted], [[], [], 0, 0]);
      assert.ok(await it.objects.get('runs/people-to-crm/0000000021/stage/crm/manifest'));
    });
  });
}
