/**
 * Dirty models through the extraction's SQL on the local warehouse, then through the loader: what is refused is told
 * by its key, code and reason, and three good rows beside it arrive.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { STAGE_CODES, stageReason } from '../../shared/core/row-codes.ts';
import { makeRequest, makeSync } from '../warehouse/make-sync.ts';
import { openFixture } from '../warehouse/warehouse-fixture.ts';
import { DIRTY_MODELS, type DirtyModel } from './dirty-keys.ts';
import { loadRows } from './load-rows.ts';

const it = await openFixture('unload');
after(() => it.close());

const COLUMNS = [
  { name: 'id', type: 'varchar' },
  { name: 'email', type: 'varchar' },
  { name: 'ltv', type: 'numeric' },
  { name: 'changed_at', type: 'timestamp' },
];
const PAST = "timestamp '2025-01-01 00:00:00'";
const GOOD = [1, 2, 3].map((number) => [`'good${number}'`, `'good${number}@x'`, '7', PAST]);
const goodKeys = ({ parts }: DirtyModel): string[] =>
  [1, 2, 3].map((at) => (parts?.primaryKey === undefined ? `good${at}` : `good${at}|good${at}@x`));

let epoch = 0;
async function extract({ parts, dirty }: DirtyModel) {
  const rows = [...GOOD, ...dirty.map(([id, email, ltv = '1', at = PAST]) => [id, email, ltv, at])];
  await it.sql('create or replace table dirty (id varchar, email varchar, ltv double, changed_at timestamp)');
  await it.sql(`insert into dirty values ${rows.map((row) => `(${row.join(', ')})`).join(', ')}`);
  epoch += 1;
  const sync = makeSync({
    sql: 'select id, email, ltv, changed_at from dirty',
    changes: { by: 'all' },
    ...parts,
  });
  const run = await it.extract(makeRequest(sync, { epoch, columns: COLUMNS }));
  return { sync, run };
}

for (const model of DIRTY_MODELS) {
  test(`dirty models: ${model.rule} (${model.code})`, async () => {
    const { sync, run } = await extract(model);
    const wrong = run.lines.filter((line) => line.e !== null);
    assert.deepEqual(wrong.map((line) => line.k).toSorted(), [...model.refused].toSorted());
    for (const line of wrong) assert.deepEqual([line.e, line.c0, line.c1], [model.code, null, null]);
    const lines = run.lines.map((line) => JSON.stringify(line));
    const loaded = await loadRows({ sync, columns: COLUMNS, lines });
    assert.deepEqual([...loaded.sent.keys()].toSorted(), goodKeys(model).toSorted());
    assert.equal(loaded.counts.invalid, model.refused.length);
    for (const key of model.refused.filter((key) => key !== null)) {
      const record = loaded.failures.get(key);
      assert.deepEqual([record?.kind, record?.code], ['invalid', model.code]);
      assert.equal(record?.reason, stageReason(model.code));
      assert.notEqual(record?.reason, stageReason('a code that nobody knows'));
    }
  });
}

test('every code of the warehouse is in the corpus', () => {
  const codes = new Set(DIRTY_MODELS.map(({ code }) => code));
  assert.deepEqual(codes.difference(new Set(Object.keys(STAGE_CODES))), new Set(['check:c']));
  assert.deepEqual(new Set(Object.keys(STAGE_CODES)).difference(codes), new Set());
});

const ODD_KEYS = [
  ['007', '7', '7.0'],
  ['A', 'a', 'á', 'a\u0301'],
  ["it's", 'say "so"', 'back\\slash', '{"k":1}'],
  ['line\nbreak', 'tab\there', '../../up', '%2e%2e'],
  ['😀', '漢字', '\u200f', 'x'.repeat(512)],
];

for (const keys of ODD_KEYS) {
  test(`odd keys are keys: ${JSON.stringify(keys).slice(0, 60)}`, async () => {
    const dirty = keys.map((key, at) => [`'${key.replaceAll("'", "''")}'`, `'odd${at}@x'`] as const);
    const { sync, run } = await extract({ rule: '', code: '', dirty, refused: [] });
    const lines = run.lines.map((line) => JSON.stringify(line));
    const { sent } = await loadRows({ sync, columns: COLUMNS, lines });
    assert.deepEqual([...sent.keys()].toSorted(), [...keys, 'good1', 'good2', 'good3'].toSorted());
  });
}
