/**
 * Every side effect of a history of four runs, killed before it and after it. Afterwards ticks, redeliveries and
 * sweeps go on, and all must come right: the destination holds the model, every committed run adds up, no object
 * was changed, and the warehouse was never asked for something that it no longer had.
 *
 * Which histories: mirror by diff with failures and deletes, cursor, all, and a hold that is approved.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isConserved } from '../../shared/core/outcomes.ts';
import { approveHold } from '../../shared/engine/approve-hold.ts';
import { fanOut } from '../../shared/engine/fan-out.ts';
import { finishRun } from '../../shared/engine/finish-run.ts';
import { startRun } from '../../shared/engine/start-run.ts';
import { sweep } from '../../shared/engine/sweep.ts';
import { readRun } from '../../shared/engine/sync-state.ts';
import type { ModelRow } from '../memory/model-table.ts';
import { type Bench, bench, people, SYNC, signal } from './bench.ts';
import { type CrashingPorts, type CrashPlan, crashingPorts } from './crashing-ports.ts';
import { loadPlainly } from './plain-loader.ts';

type History = {
  readonly name: string;
  readonly parts: Record<string, unknown>;
  /** The model before each run. */
  readonly models: readonly (readonly ModelRow[])[];
  /** Held runs are approved. */
  readonly approves: boolean;
};

const GOOD = { guards: { maxDeletes: 1000, maxDeleteRatio: 1, maxShrink: 1 } };
const when = (minute: number): string => `2026-01-05 00:${String(minute).padStart(2, '0')}:00.000000`;
const MODELS = [
  people(6, '1', when(0)),
  [...people(4, '2', when(10)), { id: 'k9', name: 'new', score: '1', changed_at: when(10) }],
  [...people(4, '1', when(28)), ...people(1, '1', when(28))],
  people(6, '3', when(40)),
];

const HISTORIES: readonly History[] = [
  {
    name: 'mirror by diff',
    parts: { ...GOOD, destination: { mode: 'mirror' } },
    models: MODELS,
    approves: false,
  },
  {
    name: 'upsert by cursor',
    parts: { ...GOOD, changes: { by: 'cursor', column: 'changed_at', lagSeconds: 0 } },
    models: MODELS,
    approves: false,
  },
  {
    name: 'mirror of all rows, held and approved',
    parts: {
      changes: { by: 'all' },
      destination: { mode: 'mirror' },
      guards: { maxDeletes: 1, maxDeleteRatio: 1, maxShrink: 1 },
    },
    models: MODELS,
    approves: true,
  },
];

const TICK_MS = 15 * 60_000;

async function play(history: History, plan: CrashPlan): Promise<{ one: Bench; crashing: CrashingPorts }> {
  const one = await bench(history.parts);
  const crashing = crashingPorts(one.ports, plan);
  one.refuses = (line) => (line.k === 'k3' && line.c2 === '2' ? 'not this score' : undefined);
  let owner = 0;
  for (const model of [...history.models, history.models.at(-1) ?? []]) {
    one.rows(model);
    owner += 1;
    const tick = { syncId: SYNC, scheduledAt: one.ports.clock.now(), owner: `tick${owner}` };
    await crashing.invoke((ports) => startRun(ports, tick));
    // Lambda calls an asynchronous function again when it died, under the same request id.
    await crashing.invoke((ports) => startRun(ports, tick));
    for (let turn = 0; turn < TICK_MS / 60_000; turn += 1) await minute(one, crashing, history, turn);
  }
  return { one, crashing };
}

async function minute(one: Bench, crashing: CrashingPorts, history: History, turn: number): Promise<void> {
  const { epoch, hold } = await one.sync();
  if (turn === 0) {
    const event = { syncId: SYNC, epoch, statement: 'finished', signal: signal() } as const;
    await crashing.invoke((ports) => fanOut(ports, event));
  }
  if (hold !== undefined && history.approves) {
    const approval = { syncId: SYNC, planHash: hold.planHash, signal: signal() };
    await crashing.invoke((ports) => approveHold(ports, approval));
  }
  for (const lane of ['express', 'bulk'] as const) {
    for (const delivery of one.ports.queue.receive('crm', lane, 10, 60_000)) {
      const done = await crashing.invoke((ports) =>
        loadPlainly(ports, delivery.message, one.destination, one.refuses),
      );
      if (done !== undefined) one.ports.queue.delete(delivery);
    }
  }
  await crashing.invoke((ports) => finishRun(ports, { syncId: SYNC, epoch }));
  await crashing.invoke((ports) =>
    sweep(ports, { owner: `sweep${one.ports.clock.now()}`, signal: signal() }),
  );
  await one.pass(60_000);
}

async function checkAll(one: Bench, history: History, label: string): Promise<void> {
  const sync = await one.sync();
  assert.deepEqual([sync.phase, sync.dirty], ['idle', []], label);
  assert.deepEqual(one.ports.objects.rewritten, [], label);
  assert.deepEqual(one.ports.warehouse.broken, [], label);
  const model = history.models.at(-1) ?? [];
  const removes = history.parts.destination !== undefined;
  for (const row of model) {
    assert.deepEqual(one.destination.get(row.id ?? ''), [row.id, row.name, row.score], `${label} ${row.id}`);
  }
  if (removes) assert.equal(one.destination.size, model.length, label);
  assert.equal(sync.failures, null, label);
  for (let epoch = 1; epoch <= sync.epoch; epoch += 1) {
    const result = (await readRun(one.ports.state, SYNC, epoch))?.result;
    if (result?.ended !== 'committed' || result.counts === undefined) continue;
    assert.ok(isConserved(result.counts), label);
    assert.equal(result.counts.rows, result.extraction?.extracted, label);
  }
}

for (const history of HISTORIES) {
  test(`crash points: ${history.name}`, async (context) => {
    const clean = await play(history, { effect: 0, when: 'before' });
    await checkAll(clean.one, history, 'without a crash');
    const effects = clean.crashing.effects();
    for (let effect = 1; effect <= effects; effect += 1) {
      for (const moment of ['before', 'after'] as const) {
        const { one } = await play(history, { effect, when: moment });
        await checkAll(one, history, `killed ${moment} effect ${effect}`);
      }
    }
    context.diagnostic(`${2 * effects} crash points`);
  });
}
