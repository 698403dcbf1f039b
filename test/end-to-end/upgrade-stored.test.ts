/**
 * What release 0.1.0 wrote and a later one finds: a pointer, items of a sync, its run and a shard, a frozen definition. The
 * texts here are never edited; a new format gets new ones beside them.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readMessage } from '../../shared/core/message.ts';
import { readFrozen } from '../../shared/engine/frozen.ts';
import { runOf, settledCounts, syncOf } from '../../shared/engine/sync-state.ts';
import type { StateStore } from '../../shared/ports.ts';

const MESSAGE = '{"v":1,"syncId":"people-to-crm","epoch":7,"shard":0,"ordinal":1}';

const CUT = { batchBytes: 65_536, shardBatches: 64, batches: 2, totalBytes: 131_000 };
const EXTRACTION = {
  ...{ modelRows: 500, extracted: 500, unchanged: 0, added: 500, changed: 0, removed: 0, invalid: 1 },
  ...{ nullKeys: 0, carried: 2, hi: '2026-11-22 10:00:00', checks: [{ name: 'score', rows: 1 }] },
};
const SYNC = {
  ...{ epoch: 7, phase: 'loading', owner: 'a-request', leaseUntil: 1_795_400_000_000, cut: CUT },
  ...{ deadline: 1_795_400_100_000, startedAt: 1_795_399_000_000, progress: 3, notBefore: 0 },
  ...{ lastScheduled: 1_795_399_000_000, wanted: 0, watermark: '2026-11-22 09:00:00', snapshotEpoch: 6 },
  ...{ failures: { manifest: 'kept/people-to-crm/0000000006/failures.x.manifest', count: 4 }, dirty: [5] },
  ...{ lastCount: 498, definitionVersion: 3, generation: 'g1' },
};
const RUN = {
  definitionVersion: 3,
  statementId: 'a-statement',
  sealed: { shards: 1, cut: CUT, counts: EXTRACTION, candidateWatermark: '2026-11-22 10:00:00' },
};
const SHARD = {
  b0: '250,248,1,1,0,0',
  p1: { offset: 40, counts: { rows: 40, accepted: 40, rejected: 0, invalid: 0, skipped: 0, dead: 0 } },
};
const FROZEN = `{"v":1,"syncId":"people-to-crm","epoch":7,"definition":{"sync":{"syncId":"people-to-crm",
  "enabled":true,"owner":"growth@example.com","purpose":"","schedule":{"every":"15 minutes"},
  "model":{"sql":"select id, email from shop.people","primaryKey":["id"],"changes":{"by":"diff"}},
  "destination":{"account":"crm","object":"contacts","mode":"upsert","matchOn":"email"},
  "fields":[{"to":"email","from":"email"}],"nulls":"send","checks":[],
  "guards":{"maxDeletes":100,"maxDeleteRatio":0.1,"maxShrink":0.3}},
  "version":3,"mappingVersion":"m1","generation":"g1"},
  "columns":[{"name":"id","type":"int8"},{"name":"email","type":"varchar"}]}`;

test('a pointer of 0.1.0 is read', () => {
  assert.deepEqual(readMessage(MESSAGE), {
    ...{ v: 1, syncId: 'people-to-crm', epoch: 7 },
    ...{ shard: 0, ordinal: 1 },
  });
});

test('a run of 0.1.0 goes on where it was: phase, cut, seal and what is settled', async () => {
  const sync = syncOf(SYNC, 'people-to-crm');
  assert.deepEqual([sync.epoch, sync.phase, sync.cut, sync.dirty], [7, 'loading', CUT, [5]]);
  const run = runOf(RUN, 'people-to-crm', 7);
  assert.deepEqual([run.statementId, run.sealed?.counts.extracted], ['a-statement', 500]);
  assert.equal(await settledCounts(shardIs(SHARD), CUT, run), undefined);
  const both = { ...SHARD, b1: '250,250,0,0,0,0' };
  assert.deepEqual(await settledCounts(shardIs(both), CUT, run), {
    ...{ rows: 500, accepted: 498, rejected: 1, invalid: 1, skipped: 0, dead: 0 },
  });
});

test('attributes of a later release do no harm', () => {
  const later = syncOf({ ...SYNC, ofTheNext: 'release' }, 'people-to-crm');
  assert.deepEqual(later, syncOf(SYNC, 'people-to-crm'));
});

test('a definition that 0.1.0 froze is read', async () => {
  const { definition, columns } = await readFrozen({ get: async () => FROZEN }, 'people-to-crm', 7);
  assert.deepEqual([definition.version, definition.sync.destination.account], [3, 'crm']);
  assert.equal(columns.length, 2);
});

const shardIs = (item: object): StateStore => ({ read: async () => item }) as unknown as StateStore;
