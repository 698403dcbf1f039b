/** What the sweep, a fence, a pause and a deletion make of a run that did not go as it should. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../shared/core/fault.ts';
import { breakerKey, budgetKey } from '../../shared/core/names.ts';
import { buryBatch } from '../../shared/engine/bury-batch.ts';
import { deleteSync } from '../../shared/engine/delete-sync.ts';
import { fenceRun } from '../../shared/engine/fence-run.ts';
import { finishRun } from '../../shared/engine/finish-run.ts';
import { pauseSync } from '../../shared/engine/pause-sync.ts';
import { resumeSync } from '../../shared/engine/resume-sync.ts';
import { startRun } from '../../shared/engine/start-run.ts';
import { readRun, readSync } from '../../shared/engine/sync-state.ts';
import { syncStatus } from '../../shared/engine/sync-status.ts';
import { acceptSync, writtenSync } from '../memory/memory-ports.ts';
import { type Bench, bench, loading, people, SYNC } from './bench.ts';

test('a fence makes the epoch dirty, keeps the rest, and old messages are dropped', async () => {
  const one = await loading();
  assert.deepEqual(await fenceRun(one.ports, { syncId: SYNC, epoch: 1, code: 'test' }), { is: 'fenced' });
  assert.deepEqual(await fenceRun(one.ports, { syncId: SYNC, epoch: 1, code: 'test' }), { is: 'stale' });
  const sync = await one.sync();
  assert.deepEqual([sync.phase, sync.dirty, sync.snapshotEpoch, sync.cut], ['idle', [1], 0, undefined]);
  assert.equal(sync.notBefore, one.ports.clock.now() + 120_000);
  assert.equal(await one.load(), 1);
  assert.equal(one.destination.size, 0);
  assert.deepEqual(await finishRun(one.ports, { syncId: SYNC, epoch: 1 }), { is: 'stale' });
});

test('ABA: what an abandoned run delivered and the model took back is corrected', async () => {
  const one = await bench({ destination: { mode: 'mirror' } });
  one.rows(people(3, '1'));
  await one.whole();
  one.rows([...people(3, '2'), { id: 'k4', name: 'n', score: '2', changed_at: null }]);
  await one.pass(1);
  await one.start();
  await one.fan(2);
  const finish = one.ports.objects.list;
  one.ports.objects.list = () => {
    throw new Fault('transient', 'test', 'the finisher dies');
  };
  await assert.rejects(one.load());
  one.ports.objects.list = finish;
  assert.equal(one.destination.get('k4')?.[2], '2');
  await fenceRun(one.ports, { syncId: SYNC, epoch: 2, code: 'test' });
  one.rows(people(3, '1'));
  await one.pass(120_000);
  await one.whole();
  assert.deepEqual([...one.destination.keys()].sort(), ['k1', 'k2', 'k3']);
  assert.equal(one.destination.get('k1')?.[2], '1');
  assert.deepEqual((await one.sync()).dirty, []);
});

test('a tick during a run or its grace is wanted, and the sweep starts it', async () => {
  const one = await loading();
  await one.pass(60_000);
  assert.deepEqual(await one.start(), { is: 'refused', code: 'run_active' });
  await one.load();
  await one.sweep();
  assert.equal((await one.sync()).epoch, 1);
  await one.pass(120_000);
  await one.sweep();
  const sync = await one.sync();
  assert.deepEqual([sync.epoch, sync.phase], [2, 'extracting']);
  await one.sweep();
  assert.equal((await one.sync()).epoch, 2);
});

test('no run starts within the grace, not even by force', async () => {
  const one = await loading();
  await one.load();
  const scheduledAt = one.ports.clock.now() + 1;
  const forced = await startRun(one.ports, { syncId: SYNC, scheduledAt, owner: 'p', force: true });
  assert.deepEqual(forced, { is: 'refused', code: 'not_yet' });
});

test('an extractor that died before it noted its statement is given up, and a run follows', async () => {
  const one = await bench();
  one.rows(people(3));
  one.ports.warehouse.submit = async () => {
    throw new Fault('transient', 'warehouse_busy', 'too many statements');
  };
  const started = await one.start();
  assert.deepEqual(started, { is: 'failed', epoch: 1, code: 'warehouse_busy' });
  const sync = await one.sync();
  assert.deepEqual([sync.phase, sync.dirty], ['idle', []]);
  assert.ok(sync.notBefore > one.ports.clock.now());
});

test('a config fault ends the run at once and says so; the next tick tries again', async () => {
  const one = await bench();
  one.ports.warehouse.tables.clear();
  assert.deepEqual(await one.start(), { is: 'failed', epoch: 1, code: 'model_failed' });
  const run = await readRun(one.ports.state, SYNC, 1);
  assert.equal(run?.result?.ended, 'failed');
  assert.equal(run?.result?.reason, 'the model reads a relation that is not there');
  assert.deepEqual(one.ports.events.types(), ['Run Failed']);
  await one.pass(1);
  assert.equal((await one.start()).is, 'failed');
  assert.equal((await one.sync()).epoch, 2);
});

test('a dropped column fails the run before anything is sent', async () => {
  const one = await bench();
  one.ports.warehouse.describe = async () => [{ name: 'id', type: 'varchar' }];
  assert.deepEqual(await one.start(), { is: 'failed', epoch: 1, code: 'column_missing' });
});

test('a personal-data tag that names no column fails the run: it would protect nothing', async () => {
  const one = await bench({ model: { ...writtenSync(SYNC).model, pii: { nmae: 'drop' } } });
  one.rows(people(3));
  assert.deepEqual(await one.start(), { is: 'failed', epoch: 1, code: 'column_missing' });
});

test('a failed statement ends the run; its words lose what they quote of a row', async () => {
  const one = await bench();
  one.rows(people(3));
  await one.start();
  const { fanOut } = await import('../../shared/engine/fan-out.ts');
  const reason = 'Invalid digit, Value "ann@example.com" in column "score" of people';
  const input = { syncId: SYNC, epoch: 1, reason, signal: new AbortController().signal };
  assert.deepEqual(await fanOut(one.ports, { ...input, statement: 'failed' }), {
    is: 'failed',
    code: 'statement_failed',
  });
  const run = await readRun(one.ports.state, SYNC, 1);
  assert.equal(run?.result?.reason?.includes('ann@example.com'), false);
  assert.equal(run?.result?.reason?.startsWith('Invalid digit'), true);
});

test('a statement whose event never came is found by the sweep', async () => {
  const one = await bench();
  one.rows(people(3));
  await one.start();
  await one.sweep();
  assert.equal((await one.sync()).phase, 'extracting');
  await one.pass(300_001);
  await one.sweep();
  assert.equal((await one.sync()).phase, 'loading');
});

test('a statement that the warehouse forgot is given up, and another run follows', async () => {
  const one = await bench();
  one.rows(people(3));
  await one.start();
  one.ports.warehouse.lose(`${SYNC}/1`);
  await one.pass(300_001);
  await one.sweep();
  const sync = await one.sync();
  assert.deepEqual([sync.phase, sync.dirty], ['idle', []]);
  await one.sweep();
  assert.equal((await one.sync()).epoch, 2);
});

test('a run that settles nothing is fenced after the stall; while batches settle it is not', async () => {
  const slow = { name: 'crm', destination: 'memory', requestRowsMax: 10, requestsInFlight: 1 };
  const one = await bench({}, { accounts: { crm: { ...slow, rate: { requests: 2, perMs: 1000 } } } });
  one.rows(people(2000).map((row) => ({ ...row, name: 'x'.repeat(60) })));
  await one.start();
  await one.fan(1);
  await one.pass(1_800_001);
  const { loadPlainly } = await import('./plain-loader.ts');
  const [delivery] = one.ports.queue.receive('crm', 'bulk', 1, 1000);
  assert.ok(delivery);
  await loadPlainly(one.ports, delivery.message, one.destination);
  await one.sweep();
  assert.equal((await one.sync()).phase, 'loading');
  await one.pass(1_800_001);
  await one.sweep();
  const sync = await one.sync();
  assert.deepEqual([sync.phase, sync.dirty], ['idle', [1]]);
  assert.equal((await readRun(one.ports.state, SYNC, 1))?.result?.code, 'run_stalled');
});

test('an open breaker excuses a stall, but not the hard cap', async () => {
  const one = await loading();
  one.ports.state.seed(breakerKey('crm'), { state: 'open', generation: 1, openUntil: 1, opens: 1 });
  for (let turn = 0; turn < 3; turn += 1) {
    await one.pass(1_800_001);
    await one.sweep();
    assert.equal((await one.sync()).phase, 'loading');
  }
  await one.pass(10 * 86_400_000);
  await one.sweep();
  assert.equal((await one.sync()).phase, 'idle');
});

test('a destination that asked for silence excuses a stall; other syncs at work on its account do not', async () => {
  const one = await loading();
  const reserve = (aheadMs: number): void =>
    one.ports.state.seed(budgetKey('crm'), { nextFreeAt: one.ports.clock.now() + aheadMs });
  await one.pass(1_800_001);
  reserve(60_000);
  await one.sweep();
  assert.equal((await one.sync()).phase, 'loading');
  await one.pass(1_860_001);
  reserve(5_000);
  await one.sweep();
  assert.equal((await one.sync()).phase, 'idle');
});

test('a loader asks for a stop on RUN: finish-run fences and pauses', async () => {
  const one = await loading();
  const run = { partition: `RUN#${SYNC}`, sort: '0000000001' };
  const stop = { code: 'failure_storm', message: '900 of 1000 fresh rows rejected', pause: true };
  await one.ports.state.update(run, { set: { stop } });
  assert.deepEqual(await finishRun(one.ports, { syncId: SYNC, epoch: 1 }), {
    is: 'fenced',
    code: 'failure_storm',
  });
  assert.equal((await one.sync()).paused?.code, 'failure_storm');
  assert.deepEqual(await one.start(), { is: 'refused', code: 'paused' });
});

test('pause fences a run at work; resume starts another by the sweep', async () => {
  const one = await loading();
  assert.deepEqual(await pauseSync(one.ports, { syncId: SYNC, code: 'by_hand' }), {
    is: 'paused',
    code: 'by_hand',
  });
  const paused = await one.sync();
  assert.deepEqual([paused.phase, paused.dirty, paused.paused?.code], ['idle', [1], 'by_hand']);
  assert.deepEqual(await resumeSync(one.ports, { syncId: SYNC }), { is: 'resumed' });
  await one.pass(120_000);
  await one.sweep();
  assert.deepEqual((await one.sync()).epoch, 2);
});

test('a sync that never ran can be paused, and cancels its statement while extracting', async () => {
  const one = await bench();
  await pauseSync(one.ports, { syncId: SYNC, code: 'by_hand' });
  assert.deepEqual(await one.start(), { is: 'refused', code: 'paused' });
  await resumeSync(one.ports, { syncId: SYNC });
  one.ports.warehouse.onSubmit = () => undefined;
  await one.sweep();
  assert.equal((await one.sync()).phase, 'extracting');
  await pauseSync(one.ports, { syncId: SYNC, code: 'by_hand' });
  assert.equal(one.ports.warehouse.statements.get(`${SYNC}/1`)?.state, 'aborted');
  assert.deepEqual((await one.sync()).dirty, []);
});

test('pausing an id that nobody knows is refused and writes nothing: a typing error must not look like a stop', async () => {
  const one = await bench();
  assert.deepEqual(await pauseSync(one.ports, { syncId: 'ordres', code: 'by_hand' }), {
    is: 'refused',
    code: 'sync_unknown',
  });
  assert.equal(await readSync(one.ports.state, 'ordres'), undefined);
});

test('a deleted definition stops its run; one of the same name starts afresh under higher epochs', async () => {
  const one = await loading();
  await deleteSync(one.ports, { syncId: SYNC });
  assert.equal((await one.sync()).phase, 'idle');
  await one.pass(120_000);
  assert.deepEqual(await one.start(), { is: 'refused', code: 'no_definition' });
  await acceptSync(one.ports, writtenSync(SYNC));
  await one.whole();
  const sync = await one.sync();
  assert.deepEqual([sync.epoch, sync.snapshotEpoch, sync.lastCount], [2, 2, 10]);
  assert.deepEqual(one.ports.warehouse.broken, []);
});

test('another generation starts afresh; an edit that keeps it does not', async () => {
  const one = await bench({ changes: { by: 'cursor', column: 'changed_at' } });
  one.rows(people(4));
  await one.whole();
  await acceptSync(
    one.ports,
    writtenSync(SYNC, { changes: { by: 'cursor', column: 'changed_at' }, purpose: 'new' }),
  );
  await one.whole();
  assert.equal((await readRun(one.ports.state, SYNC, 2))?.result?.extraction?.extracted, 0);
  const moved = { changes: { by: 'cursor', column: 'changed_at' }, destination: { object: 'elsewhere' } };
  await acceptSync(one.ports, writtenSync(SYNC, moved));
  await one.whole();
  assert.equal((await readRun(one.ports.state, SYNC, 3))?.result?.extraction?.extracted, 4);
});

test('a definition that is disabled or deleted without a reconcile is found by the sweep', async () => {
  const one = await loading();
  await acceptSync(one.ports, writtenSync(SYNC, { enabled: false }));
  await one.sweep();
  const sync = await one.sync();
  assert.deepEqual([sync.phase, sync.dirty], ['idle', [1]]);
  assert.equal((await readRun(one.ports.state, SYNC, 1))?.result?.code, 'definition_disabled');
});

test('a dead letter: its rows are dead with their keys, the run ends, the next one tries them', async () => {
  const one = await loading();
  const [delivery] = one.ports.queue.receive('crm', 'express', 1, 1000);
  assert.ok(delivery);
  const buried = { message: delivery.message, deliveryId: 'd1' };
  assert.deepEqual(await buryBatch(one.ports, buried), { is: 'buried' });
  assert.deepEqual(await buryBatch(one.ports, { ...buried, deliveryId: 'd2' }), { is: 'buried' });
  assert.deepEqual(await finishRun(one.ports, { syncId: SYNC, epoch: 1 }), { is: 'committed' });
  const run = await readRun(one.ports.state, SYNC, 1);
  assert.equal(run?.result?.counts?.dead, 10);
  // The second one found the batch settled: it adds no records.
  assert.equal((await one.sync()).failures?.count, 10);
  assert.deepEqual(await buryBatch(one.ports, buried), { is: 'dropped' });
  await one.pass(120_000);
  await one.whole();
  assert.equal(one.destination.size, 10);
});

for (const [mode, applied] of [
  ['upsert', '1'],
  ['insert', '0'],
] as const) {
  test(`a dead letter, ${mode}: applied ${applied}`, async () => {
    // Taken for held, a row of an insert would be skipped as changed by every later run.
    const one = await loading({ destination: { mode } });
    const [delivery] = one.ports.queue.receive('crm', 'express', 1, 1000);
    assert.ok(delivery);
    await buryBatch(one.ports, { message: delivery.message, deliveryId: 'd1' });
    const key = one.ports.objects.keys().find((name) => name.includes('/failures/')) ?? '';
    const records = (await one.ports.objects.get(key))?.trim().split('\n') ?? [];
    assert.equal(records.length, 10);
    assert.ok(records.every((text) => JSON.parse(text).applied === applied));
  });
}

test('a dead letter of a batch that was settled after all changes nothing', async () => {
  const one = await loading();
  const [delivery] = one.ports.queue.receive('crm', 'express', 1, 1000);
  assert.ok(delivery);
  await one.pass(2000);
  const { list } = one.ports.objects;
  one.ports.objects.list = () => {
    throw new Fault('transient', 'test', 'the finisher dies');
  };
  await assert.rejects(one.load());
  one.ports.objects.list = list;
  await buryBatch(one.ports, { message: delivery.message, deliveryId: 'd1' });
  assert.deepEqual(await finishRun(one.ports, { syncId: SYNC, epoch: 1 }), { is: 'committed' });
  assert.equal((await one.sync()).failures, null);
});

test('the record of a commit that died after the flip is written by the sweep', async () => {
  const one = await loading();
  const update = one.ports.state.update;
  one.ports.state.update = async (key, change) => {
    if (change.set?.result !== undefined) throw new Fault('transient', 'test', 'killed');
    return update(key, change);
  };
  await assert.rejects(one.load());
  one.ports.state.update = update;
  assert.equal((await one.sync()).snapshotEpoch, 1);
  await one.sweep();
  assert.equal((await readRun(one.ports.state, SYNC, 1))?.result?.ended, 'committed');
});

test('a finisher that others overtake while it reads takes what it misses for no miscount', async () => {
  const one = await loading();
  one.refuses = ({ k }) => (k === 'k3' ? 'no' : undefined);
  const { list } = one.ports.objects;
  const { ports } = one;
  const late = { ...ports, objects: { ...ports.objects, list: whenOvertaken } };
  const finished = Promise.withResolvers<void>();
  async function* whenOvertaken(
    prefix: string,
  ): AsyncIterable<{ readonly key: string; readonly bytes: number }> {
    await finished.promise;
    // The run's own records are looked for after its commit, when they may have been marked and taken.
    for await (const one of list(prefix)) if (!one.key.includes('/failures/')) yield one;
  }
  const { publish } = ports.events;
  let overtaken: Promise<unknown> | undefined;
  ports.events.publish = async (event) => {
    if (event.type === 'Run Settled') overtaken ??= finishRun(late, { syncId: SYNC, epoch: 1 });
    await publish(event);
  };
  await one.load();
  finished.resolve();
  assert.deepEqual(await overtaken, { is: 'stale' });
  assert.deepEqual(
    ports.telemetry.lines.filter(({ level }) => level === 'error'),
    [],
  );
  assert.equal((await one.sync()).paused, undefined);
});

test('a fan-out that another has overtaken has nothing to say of what it met', async () => {
  const one = await bench();
  one.rows(people(3));
  await one.start();
  const { counts } = one.ports.warehouse;
  one.ports.warehouse.counts = async () => {
    one.ports.warehouse.counts = counts;
    assert.deepEqual(await one.fan(1), { is: 'loading' });
    throw new Fault('bug', 'stage_missing', 'there is no stage');
  };
  assert.deepEqual(await one.fan(1), { is: 'stale' });
  assert.equal((await one.sync()).phase, 'loading');
  assert.deepEqual(
    one.ports.telemetry.lines.filter(({ level }) => level === 'error'),
    [],
  );
});

test('a commit that ends trouble says so, whoever records it; the next one does not', async () => {
  const one = await bench();
  one.rows(people(2));
  for (const epoch of [1, 2]) {
    await one.start();
    await one.fan(epoch, 'failed');
    await one.pass(2 * 60_000);
  }
  await one.start();
  await one.fan(3);
  const update = one.ports.state.update;
  one.ports.state.update = async (key, change) => {
    if (change.set?.result !== undefined) throw new Fault('transient', 'test', 'killed');
    return update(key, change);
  };
  await assert.rejects(one.load());
  one.ports.state.update = update;
  await one.sweep();
  await one.pass(one.ports.settings.graceMs);
  one.rows(people(3));
  await one.whole();
  assert.deepEqual(commitsOf(one), [
    [3, 2],
    [4, undefined],
  ]);
});

test('a commit is recorded before older failure sets are looked at, which may take long', async () => {
  const one = await bench();
  one.rows(people(2));
  one.refuses = () => 'refused';
  await one.whole();
  one.refuses = () => undefined;
  const recorded: boolean[] = [];
  const supersede = one.ports.objects.supersede;
  one.ports.objects.supersede = async (key) => {
    recorded.push((await readRun(one.ports.state, SYNC, 2))?.result !== undefined);
    await supersede(key);
  };
  await one.whole();
  assert.ok(recorded.length > 0);
  assert.ok(recorded.every((is) => is));
});

test('a record whose answer was lost and that the repeat finds there is announced; that of another is not', async () => {
  const one = await loading();
  const update = one.ports.state.update;
  one.ports.state.update = async (key, change) => {
    if (change.set?.result !== undefined) await update(key, change);
    return update(key, change);
  };
  await one.load();
  assert.deepEqual(commitsOf(one), [[1, undefined]]);
  one.ports.state.update = async (key, change) => {
    if (change.set?.result === undefined) return update(key, change);
    const { result } = change.set;
    const other = { ...(result as object), at: one.ports.clock.now() - 1 };
    await update(key, { ...change, set: { result: other } });
    return update(key, change);
  };
  await one.pass(one.ports.settings.graceMs);
  one.rows(people(3));
  await one.whole();
  assert.deepEqual(commitsOf(one), [[1, undefined]]);
});

const commitsOf = ({ ports }: Bench): readonly unknown[] =>
  ports.events.published
    .filter(({ type }) => type === 'Run Committed')
    .map(({ detail }) => [detail.epoch, detail.healedRuns]);

test('status: what a run that does not get on waits for', async () => {
  const one = await loading();
  const { ports } = one;
  const now = ports.clock.now();
  const account = 'crm';
  const waiting = async () => (await syncStatus(ports, { syncId: SYNC }))[0]?.waiting;
  assert.equal(await waiting(), null);
  await ports.state.update(budgetKey(account), { when: [], set: { nextFreeAt: now + 3000 } });
  assert.equal(await waiting(), null, 'a loader waits so long for its slot');
  await ports.state.update(budgetKey(account), { when: [], set: { nextFreeAt: now + 86_400_000 } });
  assert.deepEqual(await waiting(), { account, why: 'told_to_wait', until: now + 86_400_000 });
  const open = { state: 'open', generation: 1, opens: 1, openUntil: now + 60_000, probeUntil: 0 };
  await ports.state.update(breakerKey(account), { when: [], set: open });
  assert.deepEqual(await waiting(), { account, why: 'breaker_open', until: now + 60_000 });
  await acceptSync(ports, writtenSync(SYNC, { destination: { account: 'erp' } }));
  assert.equal(
    (await waiting())?.account,
    account,
    'the run goes on with the definition that it was frozen from',
  );
});

test('status: what a run came to, and what an active one has done so far', async () => {
  const one = await loading();
  const [active] = await syncStatus(one.ports, { syncId: SYNC });
  assert.deepEqual([active?.phase, active?.runs[0]?.settled, active?.runs[0]?.batches], ['loading', 0, 1]);
  await one.load();
  const [done] = await syncStatus(one.ports, {});
  assert.deepEqual([done?.phase, done?.modelRows, done?.runs[0]?.state], ['idle', 10, 'committed']);
  assert.equal(done?.runs[0]?.counts.accepted, 10);
  assert.deepEqual(await syncStatus(one.ports, { syncId: 'none' }), []);
});
