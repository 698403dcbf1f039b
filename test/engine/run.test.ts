/** A run from tick to flip on in-memory ports: what it leaves behind, what it costs, and who may repeat what. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runKey, syncKey } from '../../shared/core/names.ts';
import { fanOut } from '../../shared/engine/fan-out.ts';
import { finishRun } from '../../shared/engine/finish-run.ts';
import { readRun } from '../../shared/engine/sync-state.ts';
import { ACCOUNT } from '../memory/memory-ports.ts';
import { bench, people, SYNC, signal } from './bench.ts';

test('a first run delivers every row and flips once', async () => {
  const one = await bench();
  one.rows(people(25));
  await one.whole();
  const sync = await one.sync();
  assert.equal(one.destination.size, 25);
  assert.deepEqual(one.destination.get('k7'), ['k7', 'name 7', '1']);
  assert.deepEqual(
    [sync.phase, sync.epoch, sync.snapshotEpoch, sync.lastCount, sync.failures, sync.dirty],
    ['idle', 1, 1, 25, null, []],
  );
  const run = await readRun(one.ports.state, SYNC, 1);
  assert.equal(run?.result?.ended, 'committed');
  assert.deepEqual(run?.result?.counts, {
    rows: 25,
    accepted: 25,
    rejected: 0,
    invalid: 0,
    skipped: 0,
    dead: 0,
  });
  assert.equal(one.ports.events.types().filter((type) => type === 'Run Committed').length, 1);
});

test('a second run sends the changes only, by diff', async () => {
  const one = await bench({ destination: { mode: 'mirror' } });
  one.rows(people(20));
  await one.whole();
  one.rows([
    ...people(18),
    { id: 'k19', name: 'changed', score: '2', changed_at: '2026-01-01 00:00:00.000000' },
    { id: 'k21', name: 'added', score: '1', changed_at: '2026-01-01 00:00:00.000000' },
  ]);
  await one.whole();
  const run = await readRun(one.ports.state, SYNC, 2);
  assert.deepEqual(run?.result?.extraction, {
    modelRows: 20,
    extracted: 3,
    unchanged: 18,
    added: 1,
    changed: 1,
    removed: 1,
    invalid: 0,
    nullKeys: 0,
    carried: 0,
    hi: null,
    checks: [],
  });
  assert.equal(one.destination.has('k20'), false);
  assert.deepEqual(one.destination.get('k19'), ['k19', 'changed', '2']);
});

test('cursor: the watermark moves with the flip and nothing else', async () => {
  const one = await bench({ changes: { by: 'cursor', column: 'changed_at', lagSeconds: 60 } });
  one.rows(people(5));
  const started = await one.start();
  assert.deepEqual(started, { is: 'started', epoch: 1 });
  assert.equal((await one.sync()).watermark, null);
  await one.fan(1);
  assert.equal((await one.sync()).watermark, null);
  await one.load();
  assert.equal((await one.sync()).watermark, '2026-01-04 23:59:00.000000');
});

test('cursor: a first run on an empty model moves no watermark', async () => {
  const one = await bench({ changes: { by: 'cursor', column: 'changed_at', lagSeconds: 60 } });
  await one.whole();
  const sync = await one.sync();
  assert.deepEqual([sync.phase, sync.epoch, sync.watermark, sync.lastCount], ['idle', 1, null, 0]);
  one.rows(people(5));
  await one.whole();
  assert.equal(one.destination.size, 5);
});

for (const [rows, batches, most] of [
  [0, 0, 6],
  [1, 1, 7],
  [3000, 8, 14],
] as const) {
  test(`a fault-free run of ${batches} batches takes at most ${most} writes`, async () => {
    // Two requests of ten rows a second for 20 seconds: about 400 rows a batch, at least 64 KiB.
    const slow = { ...ACCOUNT, rate: { requests: 2, perMs: 1000 } };
    const one = await bench({}, { accounts: { crm: slow } });
    const name = 'x'.repeat(60);
    one.rows(people(rows).map((row) => ({ ...row, name })));
    const before = one.ports.state.written();
    const started = await one.start();
    assert.equal(started.is, 'started');
    await one.fan(1);
    const { cut } = await one.sync();
    assert.equal(await one.load(), batches);
    assert.ok(cut === undefined || cut.batches === batches);
    assert.equal((await one.sync()).snapshotEpoch, 1);
    assert.ok(one.ports.state.written() - before <= most, `${one.ports.state.written() - before} writes`);
  });
}

test('every step may be repeated', async () => {
  const one = await bench();
  one.rows(people(12));
  assert.deepEqual(await one.start('same'), { is: 'started', epoch: 1 });
  assert.deepEqual(await one.start('same'), { is: 'started', epoch: 1 });
  assert.deepEqual(await one.start('other'), { is: 'refused', code: 'stale_tick' });
  assert.deepEqual(await one.fan(1), { is: 'loading' });
  assert.deepEqual(await one.fan(1), { is: 'loading' });
  await one.load();
  assert.deepEqual(await finishRun(one.ports, { syncId: SYNC, epoch: 1 }), { is: 'committed' });
  assert.deepEqual(await one.fan(1), { is: 'stale' });
  assert.equal(one.ports.events.types().filter((type) => type === 'Run Committed').length, 1);
  assert.deepEqual(one.ports.objects.rewritten, []);
});

test('a batch settled before the seal is finished by the fan-out', async () => {
  const one = await bench();
  one.rows(people(3));
  await one.start();
  const send = one.ports.queue.send;
  one.ports.queue.send = async (account, lane, messages) => {
    const left = await send(account, lane, messages);
    await one.load();
    return left;
  };
  assert.deepEqual(await one.fan(1), { is: 'committed' });
  assert.equal(one.destination.size, 3);
});

test('messages that were not taken are sent again', async () => {
  const one = await bench();
  one.rows(people(3));
  await one.start();
  let refusals = 2;
  one.ports.queue.refuse = () => {
    refusals -= 1;
    return refusals >= 0;
  };
  const fanned = one.fan(1);
  await one.pass(10_000);
  assert.deepEqual(await fanned, { is: 'loading' });
  assert.equal(one.ports.queue.waiting('crm'), 1);
});

test('an event that cannot be published breaks nothing', async () => {
  const one = await bench();
  one.rows(people(3));
  one.ports.events.publish = async () => {
    throw new Error('no bus');
  };
  await one.start();
  assert.deepEqual(await one.fan(1), { is: 'loading' });
  await assert.rejects(one.load(), /no bus/);
  await one.sweep();
  const sync = await one.sync();
  assert.deepEqual([sync.phase, sync.snapshotEpoch], ['idle', 1]);
});

test('rejected and invalid rows make the failure set, and the next run tries them with their new values', async () => {
  const one = await bench();
  one.rows([...people(4), { id: null, name: 'nobody', score: '1', changed_at: null }, ...people(1, '9')]);
  one.refuses = (line) => (line.k === 'k2' ? 'no' : undefined);
  await one.whole();
  const first = await readRun(one.ports.state, SYNC, 1);
  assert.deepEqual(first?.result?.counts, {
    rows: 5,
    accepted: 2,
    rejected: 1,
    invalid: 2,
    skipped: 0,
    dead: 0,
  });
  assert.equal((await one.sync()).failures?.count, 2);
  one.refuses = () => undefined;
  one.rows(people(4, '5'));
  await one.whole();
  assert.equal((await one.sync()).failures, null);
  assert.deepEqual([...one.destination.keys()].sort(), ['k1', 'k2', 'k3', 'k4']);
  assert.deepEqual(one.destination.get('k2'), ['k2', 'name 2', '5']);
});

test('counts that do not add up fence the run, pause the sync and move nothing', async () => {
  const one = await bench();
  one.rows(people(3));
  await one.start();
  await one.fan(1);
  one.ports.state.seed({ partition: `SHARD#${SYNC}#1`, sort: '000000' }, { b0: '3,2,0,0,0,0' });
  assert.deepEqual(await finishRun(one.ports, { syncId: SYNC, epoch: 1 }), {
    is: 'fenced',
    code: 'counts_do_not_add_up',
  });
  const sync = await one.sync();
  assert.deepEqual(
    [sync.phase, sync.dirty, sync.snapshotEpoch, sync.paused?.code],
    ['idle', [1], 0, 'counts_do_not_add_up'],
  );
});

test('failures that were settled but not recorded fence the run', async () => {
  const one = await bench();
  one.rows(people(3));
  await one.start();
  await one.fan(1);
  one.ports.state.seed({ partition: `SHARD#${SYNC}#1`, sort: '000000' }, { b0: '3,2,1,0,0,0' });
  assert.deepEqual(await finishRun(one.ports, { syncId: SYNC, epoch: 1 }), {
    is: 'fenced',
    code: 'failures_not_recorded',
  });
});

test('the answer of the acquiring write is lost: the repeat owns the epoch', async () => {
  const one = await bench();
  one.rows(people(3));
  const update = one.ports.state.update;
  let lost = false;
  one.ports.state.update = async (key, change) => {
    const written = await update(key, change);
    if (lost || key.partition !== syncKey(SYNC).partition) return written;
    lost = true;
    return { applied: false, item: written.item };
  };
  assert.deepEqual(await one.start(), { is: 'started', epoch: 1 });
  assert.equal((await one.sync()).epoch, 1);
});

test('the definition and the columns are frozen before the statement, and columns are asked once', async () => {
  const one = await bench();
  one.rows(people(3));
  let asked = 0;
  const describe = one.ports.warehouse.describe;
  one.ports.warehouse.describe = async (sql) => {
    asked += 1;
    return describe(sql);
  };
  one.ports.warehouse.onSubmit = ({ id }) => {
    assert.ok(one.ports.objects.keys().includes('runs/people/0000000001/definition.json'));
    one.ports.warehouse.onSubmit = (statement) => one.ports.warehouse.run(statement.id);
    one.ports.warehouse.run(id);
  };
  await one.whole();
  await one.whole();
  assert.equal(asked, 1);
  await one.start();
  await one.fan(3, 'failed');
  await one.pass(120_000);
  await one.whole();
  assert.equal(asked, 2);
});

test('what RUN says of its statement is not needed to fan out', async () => {
  const one = await bench();
  one.rows(people(3));
  await one.start();
  one.ports.state.seed(runKey(SYNC, 1), {});
  assert.deepEqual(await one.fan(1), { is: 'loading' });
});

test('the event of a part of the batch is no end, even before RUN names the statement', async () => {
  const one = await bench();
  one.rows(people(3));
  await one.start();
  one.ports.state.seed(runKey(SYNC, 1), {});
  const part = { syncId: SYNC, epoch: 1, statement: 'finished', statementId: 'people/1:1' } as const;
  assert.deepEqual(await fanOut(one.ports, { ...part, signal: signal() }), { is: 'stale' });
  assert.equal((await one.sync()).phase, 'extracting');
});

test('a fan-out that runs out of time is repeated; it does not end the run', async () => {
  const one = await bench();
  one.rows(people(3));
  await one.start();
  const stage = one.ports.warehouse.stage;
  const timer = new AbortController();
  one.ports.warehouse.stage = async () => {
    timer.abort();
    throw timer.signal.reason;
  };
  await assert.rejects(
    fanOut(one.ports, { syncId: SYNC, epoch: 1, statement: 'finished', signal: timer.signal }),
    { kind: 'transient', code: 'out_of_time' },
  );
  assert.equal((await one.sync()).phase, 'extracting');
  one.ports.warehouse.stage = stage;
  assert.deepEqual(await one.fan(1), { is: 'loading' });
});
