/**
 * Everything around the use cases in one history: schedules, the warehouse's pace and events, queues and loaders,
 * the event bus, sweeps, people. All of it on one virtual clock, all of it unreliable by the seed's fault rates.
 */
import type { Lane } from '../../shared/core/message.ts';
import { syncKey } from '../../shared/core/names.ts';
import type { SyncState } from '../../shared/core/run.ts';
import type { Sync } from '../../shared/core/sync.ts';
import { approveHold } from '../../shared/engine/approve-hold.ts';
import { buryBatch } from '../../shared/engine/bury-batch.ts';
import { discardHold } from '../../shared/engine/discard-hold.ts';
import { fanOut } from '../../shared/engine/fan-out.ts';
import { fenceRun } from '../../shared/engine/fence-run.ts';
import { finishRun } from '../../shared/engine/finish-run.ts';
import { loadBatch } from '../../shared/engine/load-batch.ts';
import { pauseSync } from '../../shared/engine/pause-sync.ts';
import { resumeSync } from '../../shared/engine/resume-sync.ts';
import { startRun } from '../../shared/engine/start-run.ts';
import { sweep } from '../../shared/engine/sweep.ts';
import { syncOf } from '../../shared/engine/sync-state.ts';
import type { AccountSettings, Ports } from '../../shared/ports.ts';
import { ACCOUNT, acceptSync, type MemoryPorts, writtenSync } from '../memory/memory-ports.ts';
import type { Delivery } from '../memory/memory-queue.ts';
import type { Statement } from '../memory/memory-warehouse.ts';
import { rowKey } from '../memory/model-table.ts';
import type { Random } from '../memory/seeded.ts';
import { type Account, boundTo } from './destination.ts';
import type { Faults } from './fault-rates.ts';
import { epochName, type Oracle } from './invariants.ts';
import type { Editor } from './model-edits.ts';
import { type Host, type Invoked, invoke } from './process.ts';

export type World = {
  readonly base: MemoryPorts;
  readonly host: Host;
  readonly faults: Faults;
  readonly random: Random;
  readonly account: Account;
  readonly oracle: Oracle;
  readonly syncs: Map<string, { definition: Sync; readonly editor: Editor }>;
  readonly periodMs: number;
  /** People and pipelines act until then. */
  isQuiet: boolean;
  /** The schedules fire until then. */
  isOver: boolean;
  readonly counts: { runs: number; batches: number; commits: number };
};

const MINUTE_MS = 60_000;
const signal = new AbortController().signal;

/** Lets everything begin; it goes on for as long as the clock is run. */
export function begin(world: World): void {
  const { base } = world;
  base.warehouse.onSubmit = (statement) => runStatement(world, statement);
  base.events.onPublish(({ type, detail }) => {
    if (type === 'Run Committed') world.counts.commits += 1;
    if (type === 'Run Settled') settled(world, String(detail.syncId), Number(detail.epoch));
  });
  for (const syncId of world.syncs.keys()) every(world, world.periodMs, () => tick(world, syncId));
  every(world, MINUTE_MS, () => minute(world));
  for (const lane of ['express', 'bulk'] as const) every(world, 4000, () => poll(world, lane));
  every(world, 30_000, () => pollDead(world));
}

function every(world: World, ms: number, action: () => void): void {
  const { clock } = world.base;
  const again = (): void => {
    action();
    clock.schedule(clock.now() + ms, again);
  };
  clock.schedule(clock.now() + world.random.below(ms), again);
}

const after = (world: World, ms: number, action: () => void): void =>
  world.base.clock.schedule(world.base.clock.now() + ms, action);

/** An asynchronous invocation: tried again twice, as Lambda does, each time as the same request. */
function asynchronously(world: World, timeoutMs: number, work: (ports: Ports) => Promise<unknown>): void {
  const attempt = async (left: number): Promise<void> => {
    const ended: Invoked<unknown> = await invoke(world.host, timeoutMs, work);
    if (ended.is !== 'returned' && left > 0) after(world, MINUTE_MS, () => void attempt(left - 1));
  };
  void attempt(2);
}

function tick(world: World, syncId: string): void {
  const { base, faults, random } = world;
  if (world.isOver) return;
  const scheduledAt = base.clock.now();
  const fire = (): void => {
    const owner = `tick${random.below(1e9)}`;
    asynchronously(world, 5 * MINUTE_MS, (ports) => startRun(ports, { syncId, scheduledAt, owner }));
  };
  fire();
  if (faults.fires('tickTwice')) after(world, random.chance(0.5) ? 0 : random.below(20_000), fire);
}

function runStatement(world: World, statement: Statement): void {
  const { base, faults, random, syncs, oracle } = world;
  const { syncId } = statement.request.definition.sync;
  const { epoch } = statement.request;
  world.counts.runs += 1;
  const pace = faults.fires('statementSlow') ? 20 * MINUTE_MS : 20_000;
  after(world, 500 + random.below(pace), () => {
    const editor = syncs.get(syncId)?.editor;
    const { primaryKey } = statement.request.definition.sync.model;
    const keys = (editor?.table.rows ?? [])
      .map((row) => rowKey(row, primaryKey))
      .filter((key) => key !== null);
    const known = {
      definition: statement.request.definition.sync,
      modelKeys: new Set(keys),
      isWhole: editor?.isWhole() ?? false,
      approved: false,
    };
    if (statement.state === 'running') oracle.epochs.set(epochName(syncId, epoch), known);
    if (faults.fires('statementFails')) base.warehouse.fail(statement.id, 'disk full');
    else base.warehouse.run(statement.id);
    if (faults.fires('eventLost')) return;
    statementEvent(world, statement);
    if (faults.fires('eventTwice')) statementEvent(world, statement);
  });
}

function statementEvent(world: World, statement: Statement): void {
  const { faults, random } = world;
  const { syncId } = statement.request.definition.sync;
  const { epoch } = statement.request;
  const delayMs = faults.fires('eventLate') ? random.below(30 * MINUTE_MS) : 100 + random.below(2000);
  after(world, delayMs, () => {
    const { state } = statement;
    if (state !== 'finished' && state !== 'failed' && state !== 'aborted') return;
    const event = { syncId, epoch, statement: state, statementId: statement.id, signal };
    asynchronously(world, 5 * MINUTE_MS, (ports) => fanOut(ports, event));
    if (faults.fires('abandonedPerRun'))
      after(world, random.below(15_000), () => abandon(world, syncId, epoch));
  });
}

/** Someone cancels a run, perhaps because the model was wrong: then it is put back as it was. */
function abandon(world: World, syncId: string, epoch: number): void {
  const { host, random, syncs, base } = world;
  void invoke(host, MINUTE_MS, (ports) => fenceRun(ports, { syncId, epoch, code: 'cancelled' }));
  if (random.chance(0.5)) syncs.get(syncId)?.editor.revert(base.clock.now());
  // And starts it again at once, while loaders of the cancelled run may still be sending.
  for (const seconds of [5, 20, 60]) after(world, random.below(seconds * 1000), () => tick(world, syncId));
}

function settled(world: World, syncId: string, epoch: number): void {
  const { faults, random } = world;
  if (faults.fires('eventLost')) return;
  const times = faults.fires('eventTwice') ? 2 : 1;
  for (let time = 0; time < times; time += 1) {
    after(world, random.below(3000), () => {
      asynchronously(world, MINUTE_MS, (ports) => finishRun(ports, { syncId, epoch }));
    });
  }
}

function poll(world: World, lane: Lane): void {
  const { base, faults, random } = world;
  const visibilityMs = 6 * base.settings.loaderTimeoutMs;
  for (const delivery of base.queue.receive(ACCOUNT.name, lane, 1 + random.below(3), visibilityMs)) {
    // The function was throttled: the receive counts, nothing was done.
    if (faults.fires('receiveBurned')) continue;
    if (faults.fires('messageTwice')) base.queue.duplicate(ACCOUNT.name, lane, delivery.message);
    world.counts.batches += 1;
    void load(world, delivery);
  }
}

async function load(world: World, delivery: Delivery): Promise<void> {
  const { base, host, account } = world;
  const { message, receiveCount, receivedAt } = delivery;
  const timeoutMs = base.settings.loaderTimeoutMs;
  const deadlineAt = base.clock.now() + timeoutMs;
  const ended = await invoke(host, timeoutMs, async (ports, process) => {
    const { syncId, epoch } = message;
    const sender = { syncId, epoch, process };
    const tools = { clock: base.clock, faults: world.faults, random: world.random };
    const destination = boundTo(account, sender, tools, host.onLateWork);
    const settings = base.settings.accounts[ACCOUNT.name] as AccountSettings;
    const loader = { ...ports, account: settings, destination };
    return loadBatch(loader, { message, receiveCount, receivedAt, deadlineAt, signal });
  });
  if (ended.is !== 'returned') return;
  if (ended.value.is === 'done') base.queue.delete(delivery);
  else base.queue.setVisibility(delivery, ended.value.afterMs);
}

function pollDead(world: World): void {
  const { base, host } = world;
  for (const delivery of base.queue.receiveDead(ACCOUNT.name, 3, 5 * MINUTE_MS)) {
    const deliveryId = `d${delivery.id}x${delivery.receiveCount}`;
    void invoke(host, MINUTE_MS, (ports) => buryBatch(ports, { message: delivery.message, deliveryId })).then(
      (ended) => {
        if (ended.is === 'returned') base.queue.delete(delivery);
      },
    );
  }
}

export function syncNow(base: MemoryPorts, syncId: string): SyncState | undefined {
  const item = base.state.peek(syncKey(syncId));
  return item === undefined ? undefined : syncOf(item, syncId);
}

function minute(world: World): void {
  const { host, random } = world;
  const owner = `sweep${random.below(1e9)}`;
  void invoke(host, MINUTE_MS, (ports) => sweep(ports, { owner, signal }));
  for (const [syncId, { editor }] of world.syncs) {
    decide(world, syncId);
    if (!world.isQuiet) people(world, syncId, editor);
    else if (syncNow(world.base, syncId)?.paused !== undefined) resume(world, syncId);
  }
  if (world.isQuiet) return;
  if (world.faults.fires('downPerMinute')) {
    world.account.downUntil = world.base.clock.now() + random.below(40 * MINUTE_MS);
  }
}

/** A person looks at a held run: what was extracted from a whole model is approved, sooner or later. */
function decide(world: World, syncId: string): void {
  const { base, host, oracle, random } = world;
  const sync = syncNow(base, syncId);
  if (sync?.phase !== 'held' || sync.hold === undefined || random.chance(0.8)) return;
  const epoch = oracle.epochs.get(epochName(syncId, sync.epoch));
  const { planHash } = sync.hold;
  if (epoch?.isWhole === true) {
    epoch.approved = true;
    void invoke(host, 5 * MINUTE_MS, (ports) => approveHold(ports, { syncId, planHash, signal }));
  } else {
    void invoke(host, MINUTE_MS, (ports) => discardHold(ports, { syncId, planHash }));
  }
}

function people(world: World, syncId: string, editor: Editor): void {
  const { base, faults, host, random } = world;
  if (random.chance(0.15)) editor.edit(base.clock.now());
  const sync = syncNow(base, syncId);
  if (sync === undefined) return;
  if (faults.fires('pausedPerMinute')) {
    void invoke(host, MINUTE_MS, (ports) => pauseSync(ports, { syncId, code: 'by_hand' }));
    after(world, random.below(20 * MINUTE_MS), () => resume(world, syncId));
  }
  if (faults.fires('editedPerMinute')) editDefinition(world, syncId);
  reloads(world, sync, editor);
}

function resume(world: World, syncId: string): void {
  void invoke(world.host, MINUTE_MS, (ports) => resumeSync(ports, { syncId }));
}

/** Only where a guard can see it: with a baseline, and so much that it shows. */
function reloads(world: World, sync: SyncState, editor: Editor): void {
  const { faults, random } = world;
  if (sync.phase !== 'idle' || sync.lastCount < 4 || !editor.isWhole()) return;
  const isEmptied = faults.fires('emptiedPerMinute');
  if (!isEmptied && !faults.fires('tornModelPerMinute')) return;
  editor.reload(isEmptied ? 0 : Math.floor(sync.lastCount / 2));
  after(world, random.below(25 * MINUTE_MS), editor.restore);
}

/** Another mapping, the same generation. */
function editDefinition(world: World, syncId: string): void {
  const known = world.syncs.get(syncId);
  if (known === undefined) return;
  const { random } = world;
  const source = { to: 'source', value: `v${random.below(100)}` };
  const fields = [...known.definition.fields.filter((field) => field.to !== 'source'), source];
  known.definition = writtenSync(syncId, { ...partsOf(known.definition), fields });
  void acceptSync(world.base, known.definition);
}

/** What `writtenSync` needs to write the same definition again. */
function partsOf({ model, destination, guards }: Sync): Record<string, unknown> {
  return { changes: model.changes, destination, guards };
}
