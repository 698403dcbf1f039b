/** Guards hold a run before anything is sent; a person, or time, decides. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { approveHold } from '../../shared/engine/approve-hold.ts';
import { discardHold } from '../../shared/engine/discard-hold.ts';
import { type GuardFacts, holdReasons } from '../../shared/engine/guards.ts';
import { pauseSync } from '../../shared/engine/pause-sync.ts';
import { readRun } from '../../shared/engine/sync-state.ts';
import { ACCOUNT, writtenSync } from '../memory/memory-ports.ts';
import { type Bench, bench, people, SYNC, signal } from './bench.ts';

const GUARDS = { maxDeletes: 3, maxDeleteRatio: 0.5, maxShrink: 0.3 };

/** A mirror of ten rows, then held because all of them have gone. */
async function heldBench(): Promise<Bench> {
  const one = await bench({ destination: { mode: 'mirror' }, guards: GUARDS });
  one.rows(people(10));
  await one.whole();
  one.rows([]);
  assert.deepEqual(await one.start(), { is: 'started', epoch: 2 });
  assert.deepEqual(await one.fan(2), { is: 'held' });
  return one;
}

test('an emptied model is held; nothing is sent, nothing starts', async () => {
  const one = await heldBench();
  const { phase, hold, epoch } = await one.sync();
  assert.deepEqual([phase, epoch], ['held', 2]);
  assert.deepEqual(
    hold?.reasons.map((reason) => reason.code),
    ['model_empty', 'too_many_removed'],
  );
  assert.equal(one.ports.queue.waiting('crm'), 0);
  assert.equal(one.destination.size, 10);
  await one.pass(60_000);
  assert.deepEqual(await one.start(), { is: 'refused', code: 'run_active' });
  assert.deepEqual(await one.fan(2), { is: 'held' });
  assert.equal(one.ports.events.types().filter((type) => type === 'Run Held').length, 1);
});

test('an approval by the hash of the plan sends this very epoch', async () => {
  const one = await heldBench();
  const { hold } = await one.sync();
  // The warehouse forgets its results long before a hold expires.
  one.ports.warehouse.lose(`${SYNC}/2`);
  const wrong = await approveHold(one.ports, { syncId: SYNC, planHash: 'f'.repeat(64), signal: signal() });
  assert.deepEqual(wrong, { is: 'refused', code: 'another_plan' });
  const planHash = hold?.planHash ?? '';
  assert.match(planHash, /^[0-9a-f]{64}$/);
  const approved = await approveHold(one.ports, { syncId: SYNC, planHash, signal: signal() });
  assert.deepEqual(approved, { is: 'approved', epoch: 2 });
  await one.load();
  const sync = await one.sync();
  assert.deepEqual([sync.phase, sync.snapshotEpoch, sync.lastCount, sync.hold], ['idle', 2, 0, undefined]);
  assert.equal(one.destination.size, 0);
  const again = await approveHold(one.ports, { syncId: SYNC, planHash, signal: signal() });
  assert.deepEqual(again, { is: 'refused', code: 'not_held' });
});

test('a stage that is not the one that was looked at cannot be approved', async () => {
  const one = await heldBench();
  const planHash = (await one.sync()).hold?.planHash ?? '';
  const key = 'runs/people/0000000002/counts.json';
  const counts = JSON.parse((await one.ports.objects.get(key)) ?? '');
  one.ports.objects.store(key, JSON.stringify({ ...counts, removed: 9 }));
  const approved = await approveHold(one.ports, { syncId: SYNC, planHash, signal: signal() });
  assert.deepEqual(approved, { is: 'refused', code: 'another_plan' });
});

test('a stage whose manifest names a file without bytes can be approved: to whoever held it that file was none', async () => {
  const one = await heldBench();
  const planHash = (await one.sync()).hold?.planHash ?? '';
  const key = 'runs/people/0000000002/stage/crm/manifest';
  const { entries } = JSON.parse((await one.ports.objects.get(key)) ?? '');
  const nothing = { url: one.ports.objects.url(`${key}-none`), meta: { content_length: 0, record_count: 0 } };
  one.ports.objects.store(key, JSON.stringify({ entries: [nothing, ...entries] }));
  const approved = await approveHold(one.ports, { syncId: SYNC, planHash, signal: signal() });
  assert.deepEqual(approved, { is: 'approved', epoch: 2 });
});

test('a discard ends the run: nothing moves, nothing is dirty, the next tick starts afresh', async () => {
  const one = await heldBench();
  await one.pass(60_000);
  await one.start();
  const before = await one.sync();
  assert.ok(before.wanted > before.lastScheduled);
  assert.deepEqual(await discardHold(one.ports, { syncId: SYNC, planHash: 'other' }), {
    is: 'refused',
    code: 'another_plan',
  });
  const planHash = before.hold?.planHash ?? '';
  assert.deepEqual(await discardHold(one.ports, { syncId: SYNC, planHash }), { is: 'discarded', epoch: 2 });
  const after = await one.sync();
  assert.deepEqual(
    [after.phase, after.dirty, after.snapshotEpoch, after.wanted, after.lastCount],
    ['idle', [], 1, 0, 10],
  );
  assert.equal((await readRun(one.ports.state, SYNC, 2))?.result?.ended, 'discarded');
  one.rows(people(10, '2'));
  await one.pass(1);
  await one.whole();
  assert.equal(one.destination.get('k1')?.[2], '2');
});

test('a hold expires', async () => {
  const one = await heldBench();
  const planHash = (await one.sync()).hold?.planHash ?? '';
  await one.pass(7 * 86_400_000);
  const late = await approveHold(one.ports, { syncId: SYNC, planHash, signal: signal() });
  assert.deepEqual(late, { is: 'refused', code: 'expired' });
  await one.sweep();
  const sync = await one.sync();
  assert.deepEqual([sync.phase, sync.dirty, sync.snapshotEpoch], ['idle', [], 1]);
  assert.equal((await readRun(one.ports.state, SYNC, 2))?.result?.code, 'hold_expired');
});

test('every end of a hold says that it was one; the end of another run does not', async () => {
  const ends: unknown[] = [];
  const stops: readonly ((one: Bench) => Promise<unknown>)[] = [
    (one) => discardHold(one.ports, { syncId: SYNC }),
    (one) => pauseSync(one.ports, { syncId: SYNC, code: 'paused_by_operator' }),
  ];
  for (const stop of stops) {
    const one = await heldBench();
    await stop(one);
    const end = one.ports.events.published.find(({ detail }) => detail.wasHeld !== undefined);
    ends.push([end?.type, end?.detail]);
  }
  assert.deepEqual(ends, [
    ['Run Discarded', { syncId: SYNC, epoch: 2, code: 'discarded', wasHeld: true }],
    ['Run Fenced', { syncId: SYNC, epoch: 2, code: 'paused_by_operator', wasHeld: true }],
  ]);
  const other = await bench();
  await other.start();
  await pauseSync(other.ports, { syncId: SYNC, code: 'paused_by_operator' });
  const fenced = other.ports.events.published.find(({ type }) => type === 'Run Fenced');
  assert.deepEqual(fenced?.detail, { syncId: SYNC, epoch: 1, code: 'paused_by_operator' });
});

test('an approval that died before it sent is continued by the sweep', async () => {
  const one = await heldBench();
  const planHash = (await one.sync()).hold?.planHash ?? '';
  const send = one.ports.queue.send;
  one.ports.queue.send = async () => {
    throw new Error('killed');
  };
  await assert.rejects(approveHold(one.ports, { syncId: SYNC, planHash, signal: signal() }), /killed/);
  one.ports.queue.send = send;
  await one.pass(one.ports.settings.extractorLeaseMs + 1);
  await one.sweep();
  await one.load();
  assert.equal((await one.sync()).snapshotEpoch, 2);
});

const COUNTS = {
  modelRows: 100,
  extracted: 10,
  unchanged: 90,
  added: 10,
  changed: 0,
  removed: 0,
  invalid: 0,
  nullKeys: 0,
  carried: 0,
  hi: null,
  checks: [],
};

function facts(parts: Partial<GuardFacts>, definition: Record<string, unknown> = {}): GuardFacts {
  return {
    definition: writtenSync(SYNC, { destination: { mode: 'mirror' }, guards: GUARDS, ...definition }),
    counts: COUNTS,
    lastCount: 100,
    account: ACCOUNT,
    ...parts,
  };
}

const codes = (given: GuardFacts): readonly string[] => holdReasons(given).map((reason) => reason.code);

test('guards: where each begins', () => {
  assert.deepEqual(codes(facts({})), []);
  assert.deepEqual(codes(facts({ counts: { ...COUNTS, modelRows: 70 } })), []);
  assert.deepEqual(codes(facts({ counts: { ...COUNTS, modelRows: 69 } })), ['model_shrank']);
  assert.deepEqual(codes(facts({ counts: { ...COUNTS, modelRows: 0 } })), ['model_empty']);
  assert.deepEqual(codes(facts({ counts: { ...COUNTS, modelRows: 0 }, lastCount: -1 })), []);
  assert.deepEqual(codes(facts({ counts: { ...COUNTS, modelRows: 0 }, lastCount: 0 })), []);
  assert.deepEqual(codes(facts({ counts: { ...COUNTS, removed: 3 } })), []);
  assert.deepEqual(codes(facts({ counts: { ...COUNTS, removed: 4 } })), ['too_many_removed']);
  assert.deepEqual(codes(facts({ counts: { ...COUNTS, modelRows: 4, removed: 3 }, lastCount: 5 })), [
    'too_many_removed',
  ]);
});

test('guards: a first run that was abandoned is measured by what is there and what has left', () => {
  const first = (modelRows: number, removed: number) =>
    codes(facts({ counts: { ...COUNTS, modelRows, removed }, lastCount: -1 }));
  assert.deepEqual(first(1, 1), []);
  assert.deepEqual(first(1, 2), ['too_many_removed']);
  assert.deepEqual(first(0, 1), ['too_many_removed']);
});

test('guards: removals that nobody acts on are not counted', () => {
  const definition = writtenSync(SYNC, { guards: GUARDS });
  assert.deepEqual(codes(facts({ definition, counts: { ...COUNTS, removed: 50 } })), []);
});

test('guards: a hold-check by number and by share', () => {
  const check = (whenMoreThan: number | string) => ({
    checks: [{ name: 'emails are filled', sql: 'email is not null', otherwise: 'hold', whenMoreThan }],
  });
  const broken = (rows: number) => ({ counts: { ...COUNTS, checks: [{ name: 'emails are filled', rows }] } });
  assert.deepEqual(codes(facts(broken(5), check('5%'))), []);
  assert.deepEqual(codes(facts(broken(6), check('5%'))), ['check_broken']);
  assert.deepEqual(codes(facts(broken(0), check(0))), []);
  assert.deepEqual(codes(facts(broken(1), check(0))), ['check_broken']);
});

test('guards: more rows than the account can send within the cap', () => {
  const account = { ...ACCOUNT, rate: { requests: 1, perMs: 1000 } };
  // Ten days at 0.98 requests a second of ten rows.
  assert.deepEqual(codes(facts({ account, counts: { ...COUNTS, extracted: 8_467_200 } })), []);
  assert.deepEqual(codes(facts({ account, counts: { ...COUNTS, extracted: 8_467_201 } })), [
    'too_long_to_send',
  ]);
});
