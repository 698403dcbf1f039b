/** A definition item is written, edited, broken, disabled, deleted: what its author sees and what keeps running. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../shared/core/fault.ts';
import { syncKey } from '../../shared/core/names.ts';
import { reconcileSync } from '../../shared/engine/reconcile-sync.ts';
import type { Item } from '../../shared/ports.ts';
import { type MemoryPorts, memoryPorts, tableOf, writtenSync } from '../memory/memory-ports.ts';
import { bench, people, SYNC } from './bench.ts';

const item = (parts: Record<string, unknown> = {}): Item =>
  JSON.parse(JSON.stringify(writtenSync(SYNC, parts))) as Item;

function written(parts: Record<string, unknown> = {}): MemoryPorts {
  const ports = memoryPorts();
  ports.warehouse.tables.set(SYNC, tableOf([]));
  ports.definitions.write(SYNC, item(parts));
  return ports;
}

test('a good definition is accepted once, scheduled, and answered beside the item', async () => {
  const ports = written();
  assert.deepEqual(await reconcileSync(ports, { syncId: SYNC }), { is: 'accepted', version: 1 });
  assert.deepEqual(await reconcileSync(ports, { syncId: SYNC }), { is: 'accepted', version: 1 });
  assert.deepEqual(ports.events.types(), ['Definition Accepted']);
  assert.deepEqual(ports.schedules.kept.get(SYNC), { schedule: { every: '15 minutes' }, enabled: true });
  const status = await ports.definitions.status(SYNC);
  assert.deepEqual([status?.state, status?.version, status?.faults], ['accepted', 1, []]);
});

test('a broken edit is refused with its path, and the last good version keeps running', async () => {
  const ports = written();
  await reconcileSync(ports, { syncId: SYNC });
  ports.definitions.write(SYNC, { ...item(), schedule: { every: 'often' }, surprise: 1 });
  const refused = await reconcileSync(ports, { syncId: SYNC });
  assert.equal(refused.is, 'refused');
  const status = await ports.definitions.status(SYNC);
  assert.deepEqual([status?.state, status?.version], ['refused', 1]);
  assert.ok(status?.faults.some((fault) => fault.path === 'surprise'));
  assert.ok(status?.faults.every((fault) => fault.remedy.length > 0));
  assert.equal((await ports.definitions.accepted(SYNC))?.version, 1);
  assert.equal(ports.events.types().at(-1), 'Definition Refused');
});

test('the end of a refusal is said: by a new version, by the old one put back, and once', async () => {
  const ports = written();
  const edit = async (parts: Record<string, unknown>): Promise<void> => {
    ports.definitions.write(SYNC, { ...item(), ...parts } as Item);
    await reconcileSync(ports, { syncId: SYNC });
  };
  await edit({});
  await edit({ surprise: 1 });
  await edit({});
  await edit({});
  await edit({ surprise: 1 });
  await edit({ schedule: { every: '30 minutes' } });
  await edit({ schedule: { every: '20 minutes' } });
  assert.deepEqual(
    ports.events.published.map(({ type, detail }) => [type, detail.version, detail.afterRefusal]),
    [
      ['Definition Accepted', 1, undefined],
      ['Definition Refused', 1, undefined],
      ['Definition Accepted', 1, true],
      ['Definition Refused', 1, undefined],
      ['Definition Accepted', 2, true],
      ['Definition Accepted', 3, undefined],
    ],
  );
});

test('SQL that is not one SELECT is refused', async () => {
  const ports = written();
  const model = { ...writtenSync(SYNC).model, sql: 'drop table people' };
  ports.definitions.write(SYNC, { ...item(), model } as unknown as Item);
  const refused = await reconcileSync(ports, { syncId: SYNC });
  assert.equal(refused.is, 'refused');
  assert.equal(await ports.definitions.accepted(SYNC), undefined);
});

test('a column that the environment calls personal needs a treatment', async () => {
  const ports = { ...written(), settings: { ...written().settings, personalColumns: ['name'] } };
  const refused = await reconcileSync(ports, { syncId: SYNC });
  assert.deepEqual(refused.is === 'refused' && refused.faults.map(({ path, code }) => [path, code]), [
    ['model.pii.name', 'pii_unstated'],
  ]);
  const model = { ...writtenSync(SYNC).model, pii: { name: 'send' } };
  ports.definitions.write(SYNC, { ...item(), model } as unknown as Item);
  assert.equal((await reconcileSync(ports, { syncId: SYNC })).is, 'accepted');
});

test('what the destination says of the target counts, and so does the name that the item is stored under', async () => {
  const ports = written();
  const fault = { path: 'destination.object', code: 'object_unknown', message: 'no such table', remedy: 'x' };
  const refused = await reconcileSync(ports, { syncId: SYNC, targetFaults: () => [fault] });
  assert.deepEqual(refused, { is: 'refused', faults: [fault] });
  ports.definitions.write('other', item());
  const misnamed = await reconcileSync(ports, { syncId: 'other' });
  assert.ok(misnamed.is === 'refused' && misnamed.faults[0]?.code === 'sync_id_mismatch');
});

test('disabling fences the run at work', async () => {
  const one = await bench();
  one.rows(people(3));
  await one.start();
  await one.fan(1);
  one.ports.definitions.write(SYNC, item({ enabled: false }));
  await reconcileSync(one.ports, { syncId: SYNC });
  const sync = await one.sync();
  assert.deepEqual([sync.phase, sync.dirty], ['idle', [1]]);
  assert.equal(one.ports.schedules.kept.get(SYNC)?.enabled, false);
  assert.deepEqual(await one.start(), { is: 'refused', code: 'disabled' });
});

test('a new version resumes a sync that a failure storm paused, not one that a person paused', async () => {
  for (const [code, isResumed] of [
    ['failure_storm', true],
    ['by_hand', false],
  ] as const) {
    const one = await bench();
    one.ports.state.seed(syncKey(SYNC), {
      epoch: 1,
      phase: 'idle',
      paused: { code, at: 1, definitionVersion: 1 },
    });
    one.ports.definitions.write(SYNC, item());
    await reconcileSync(one.ports, { syncId: SYNC });
    assert.equal((await one.sync()).paused?.code, code);
    one.ports.definitions.write(SYNC, item({ purpose: 'mended' }));
    await reconcileSync(one.ports, { syncId: SYNC });
    assert.equal((await one.sync()).paused === undefined, isResumed);
  }
});

test('a deleted item removes the schedule and what the warehouse keeps', async () => {
  const ports = written();
  await reconcileSync(ports, { syncId: SYNC });
  ports.definitions.erase(SYNC);
  assert.deepEqual(await reconcileSync(ports, { syncId: SYNC }), { is: 'deleted' });
  assert.equal(ports.schedules.kept.size, 0);
  assert.equal(await ports.definitions.accepted(SYNC), undefined);
  assert.equal((await ports.definitions.status(SYNC))?.state, 'deleted');
});

test('a warehouse that makes a deletion wait keeps nobody from being told; the repeat is the same deletion', async () => {
  const one = await bench();
  one.rows(people(2));
  await one.whole();
  one.ports.definitions.erase(SYNC);
  const { forget } = one.ports.warehouse;
  const asked: unknown[] = [];
  one.ports.warehouse.forget = async (...of) => {
    asked.push(of);
    if (asked.length === 1) throw new Fault('transient', 'test', 'it waits for a lock');
    await forget(...of);
  };
  await assert.rejects(reconcileSync(one.ports, { syncId: SYNC }), { code: 'test' });
  assert.equal((await one.ports.definitions.status(SYNC))?.state, 'deleted');
  assert.deepEqual(await reconcileSync(one.ports, { syncId: SYNC }), { is: 'deleted' });
  assert.deepEqual(asked, [
    [SYNC, 1],
    [SYNC, 1],
  ]);
});
