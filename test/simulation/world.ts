/**
 * Everything around the use cases in one history: schedules, the warehouse's pace and events, queues and loaders,
 * the event bus and sweeps. All of it on one virtual clock, all of it unreliable by the seed's fault rates.
 */
import type { BatchMessage, Lane, readMessage } from '../../shared/core/message.ts';
import type { Sync } from '../../shared/core/sync.ts';
import { buryBatch } from '../../shared/engine/bury-batch.ts';
import { fanOut } from '../../shared/engine/fan-out.ts';
import { finishRun } from '../../shared/engine/finish-run.ts';
import { loadBatch } from '../../shared/engine/load-batch.ts';
import { type StartResult, startRun } from '../../shared/engine/start-run.ts';
import { sweep } from '../../shared/engine/sweep.ts';
import type { AccountSettings, LoaderPorts, Ports } from '../../shared/ports.ts';
import { ACCOUNT, type MemoryPorts } from '../memory/memory-ports.ts';
import type { Delivery } from '../memory/memory-queue.ts';
import type { Statement } from '../memory/memory-warehouse.ts';
import type { Random } from '../memory/seeded.ts';
import { type Deployed, formatsOf } from './deploys.ts';
import { type Account, boundTo } from './destination.ts';
import type { Faults } from './fault-rates.ts';
import { COARSE_MS, type Editor } from './model-edits.ts';
import { epochName, noteExtraction, type Oracle } from './oracle.ts';
import { cancelRun, peopleAct, syncNow } from './people.ts';
import { type Environment, environment, type Host, type Invoked, invokeIn } from './process.ts';

export type Known = {
  definition: Sync;
  /** Of the accepted definition. */
  generation: string;
  readonly editor: Editor;
  isDeleted: boolean;
  /** The stream tells of one edit after the other. */
  reconciled: Promise<unknown>;
};

export type World = {
  readonly base: MemoryPorts;
  readonly host: Host;
  readonly faults: Faults;
  readonly random: Random;
  readonly account: Account;
  readonly oracle: Oracle;
  readonly syncs: Map<string, Known>;
  readonly periodMs: number;
  /** Statements run at whole seconds. */
  readonly isCoarse: boolean;
  /** Environments at rest, by function; a deploy takes them away. */
  readonly frozen: Map<string, Environment[]>;
  readonly deployed: Deployed;
  /** How a handler reads a body. */
  read: (body: string, formats: ReturnType<typeof formatsOf>) => ReturnType<typeof readMessage>;
  /** Held runs that nobody will look at. */
  readonly forgotten: Set<string>;
  /** What a loader's environment has beside its ports. */
  readonly loaders: WeakMap<Environment, LoaderPorts>;
  /** A mutation's view of a loader's ports. */
  readonly loaderPorts: (ports: LoaderPorts, message: BatchMessage) => LoaderPorts;
  /** People and pipelines act until then. */
  isQuiet: boolean;
  /** The schedules fire until then. */
  isOver: boolean;
  readonly counts: { runs: number; batches: number; commits: number };
};

export const MINUTE_MS = 60_000;

/** Nobody aborts it. One for each invocation: whoever is killed never takes its listeners back. */
export const unheard = (): AbortSignal => new AbortController().signal;

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

/** `action` gives false when it has set nothing going. */
function every(world: World, ms: number, action: () => unknown): void {
  const { clock } = world.base;
  const again = (): unknown => {
    clock.schedule(clock.now() + ms, again);
    return action();
  };
  clock.schedule(clock.now() + world.random.below(ms), again);
}

export const after = (world: World, ms: number, action: () => unknown): void =>
  world.base.clock.schedule(world.base.clock.now() + ms, action);

export type Work<T> = {
  /** Of the function: its environments are shared by what it is called for. */
  readonly name: string;
  /** Whose run it is about; undefined for all. */
  readonly syncId?: string;
  readonly timeoutMs?: number;
  readonly run: (ports: Ports, within: Environment) => Promise<T>;
};

/** One invocation, in an environment at rest or a new one. */
export async function act<T>(world: World, work: Work<T>): Promise<Invoked<T>> {
  const atRest = world.frozen.get(work.name) ?? [];
  world.frozen.set(work.name, atRest);
  const within = atRest.pop() ?? environment(world.host, work.syncId);
  const invocation = { syncId: work.syncId, timeoutMs: work.timeoutMs ?? MINUTE_MS };
  const ended = await invokeIn(world.host, within, invocation, () => work.run(within.ports, within));
  if (ended.is !== 'killed') atRest.push(within);
  return ended;
}

/** An asynchronous invocation: tried again twice, as Lambda does, each time as the same request. */
function asynchronously(world: World, work: Work<unknown>): void {
  const attempt = async (left: number): Promise<void> => {
    const ended = await act(world, work);
    if (ended.is !== 'returned' && left > 0) after(world, MINUTE_MS, () => void attempt(left - 1));
  };
  void attempt(2);
}

export function tick(world: World, syncId: string): false | undefined {
  const { base, faults, random } = world;
  if (world.isOver) return false;
  const scheduledAt = base.clock.now();
  const fire = (): void => {
    const owner = `tick${random.below(1e9)}`;
    const run = async (ports: Ports) => {
      const started = await startRun(ports, { syncId, scheduledAt, owner });
      const { refusedTicks, forgottenAt } = world.oracle.timing;
      // A deletion that came before the slow answer has forgotten the tick.
      const isForgotten = (forgottenAt.get(syncId) ?? 0) >= scheduledAt;
      if (isPutOff(started) && !isForgotten) refusedTicks.set(syncId, { scheduledAt, at: base.clock.now() });
    };
    asynchronously(world, { name: 'start', syncId, timeoutMs: 5 * MINUTE_MS, run });
  };
  fire();
  if (faults.fires('tickTwice', syncId)) after(world, random.chance(0.5) ? 0 : random.below(20_000), fire);
  return undefined;
}

/** For a run or its grace: another run has to follow. */
export const isPutOff = (started: StartResult): boolean =>
  started.is === 'refused' && (started.code === 'run_active' || started.code === 'not_yet');

function runStatement(world: World, statement: Statement): void {
  const { base, faults, random } = world;
  const { syncId } = statement.request.definition.sync;
  world.counts.runs += 1;
  const pace = faults.fires('statementSlow', syncId) ? 20 * MINUTE_MS : 8000;
  const at = base.clock.now() + 500 + random.below(pace);
  const isLost = faults.fires('statementLost', syncId);
  if (isLost && random.chance(0.3)) after(world, random.below(pace), () => base.warehouse.lose(statement.id));
  base.clock.schedule(world.isCoarse ? Math.ceil(at / COARSE_MS) * COARSE_MS : at, () => {
    execute(world, statement);
    if (isLost) after(world, random.below(MINUTE_MS), () => base.warehouse.lose(statement.id));
    if (faults.fires('eventLost', syncId)) return;
    statementEvent(world, statement);
    if (faults.fires('eventTwice', syncId)) statementEvent(world, statement);
  });
}

/** The statement at this moment, and what the oracle notes of it. */
function execute({ base, faults, oracle, syncs }: World, statement: Statement): void {
  const { syncId } = statement.request.definition.sync;
  if (faults.fires('statementFails', syncId)) {
    base.warehouse.fail(statement.id, `disk full at ${FAILING_VALUE}`);
    return;
  }
  if (statement.state !== 'running') return;
  const editor = syncs.get(syncId)?.editor;
  // Submitted after its run had ended, by a function that slept: it may fail as it likes.
  const sync = syncNow(base, syncId);
  if (sync?.epoch !== statement.request.epoch || sync.phase === 'idle') oracle.late.add(statement.id);
  base.warehouse.run(statement.id);
  noteExtraction(oracle, statement, editor?.table.rows ?? [], editor?.isWhole() ?? false);
}

/** A warehouse quotes values in its errors. */
const FAILING_VALUE = '"ann†"';

function statementEvent(world: World, statement: Statement): void {
  const { faults, random } = world;
  const { syncId } = statement.request.definition.sync;
  const { epoch } = statement.request;
  const delayMs = faults.fires('eventLate', syncId) ? random.below(30 * MINUTE_MS) : 100 + random.below(2000);
  after(world, delayMs, () => {
    const { state } = statement;
    if (state !== 'finished' && state !== 'failed' && state !== 'aborted') return false;
    const event = { syncId, epoch, statement: state, statementId: statement.id, signal: unheard() };
    const run = (ports: Ports) => fanOut(ports, event);
    asynchronously(world, { name: 'fan-out', syncId, timeoutMs: 5 * MINUTE_MS, run });
    if (faults.fires('abandonedPerRun', syncId)) {
      after(world, random.below(15_000), () => cancelRun(world, syncId, epoch));
    }
    return true;
  });
}

function settled(world: World, syncId: string, epoch: number): void {
  const { faults, random } = world;
  if (faults.fires('eventLost', syncId)) return;
  const times = faults.fires('eventTwice', syncId) ? 2 : 1;
  for (let time = 0; time < times; time += 1) {
    const run = (ports: Ports) => finishRun(ports, { syncId, epoch });
    after(world, random.below(3000), () => asynchronously(world, { name: 'finish', syncId, run }));
  }
}

function poll(world: World, lane: Lane): boolean {
  const { base, faults, random } = world;
  const next = base.queue.nextVisibleAt(ACCOUNT.name, lane);
  if (next === undefined || next > base.clock.now()) return false;
  const visibilityMs = 6 * base.settings.loaderTimeoutMs;
  for (const delivery of base.queue.receive(ACCOUNT.name, lane, 1 + random.below(3), visibilityMs)) {
    const { message } = delivery;
    // The function was throttled: the receive counts, nothing was done.
    if (faults.fires('receiveBurned', message.syncId)) continue;
    if (faults.fires('messageTwice', message.syncId)) base.queue.duplicate(ACCOUNT.name, lane, message);
    world.counts.batches += 1;
    void load(world, delivery);
  }
  return true;
}

async function load(world: World, delivery: Delivery): Promise<void> {
  const { base, oracle } = world;
  const { receiveCount, firstReceivedAt, receivedAt } = delivery;
  const message = messageOf(world, delivery);
  if (message === undefined) return;
  const { syncId, epoch } = message;
  const timeoutMs = base.settings.loaderTimeoutMs;
  const run = async (ports: Ports, within: Environment) => {
    const loader = world.loaderPorts(loaderOf(world, ports, within), message);
    const deadlineAt = ports.clock.now() + timeoutMs;
    const received = { message, receiveCount, firstReceivedAt, receivedAt };
    return loadBatch(loader, { ...received, deadlineAt, signal: unheard() });
  };
  const ended = await act(world, { name: 'load', syncId, timeoutMs, run });
  if (ended.is !== 'returned') return;
  const { value } = ended;
  if (value.is === 'done') base.queue.delete(delivery);
  else {
    base.queue.setVisibility(delivery, value.afterMs);
    const known = oracle.epochs.get(epochName(syncId, epoch));
    if (known !== undefined) known.handBacks += 1;
  }
}

/** As the handlers read it; undefined: dropped as foreign, or it stays hidden and comes again. */
function messageOf({ base, deployed, read }: World, delivery: Delivery): BatchMessage | undefined {
  const message = read(delivery.body, formatsOf(deployed));
  if (typeof message === 'object') return message;
  if (message === 'foreign') base.queue.delete(delivery);
  return undefined;
}

/** The same for every batch of an environment: it remembers plans and slots. */
function loaderOf(world: World, ports: Ports, within: Environment): LoaderPorts {
  const known = world.loaders.get(within);
  if (known !== undefined) return known;
  const { account, faults, random, host, base } = world;
  const tools = { account, faults, random, clock: base.clock, onLateWork: host.onLateWork };
  const settings = base.settings.accounts[ACCOUNT.name] as AccountSettings;
  const loader = { ...ports, account: settings, destination: boundTo(tools, within) };
  world.loaders.set(within, loader);
  return loader;
}

function pollDead(world: World): boolean {
  const { base } = world;
  if (base.queue.dead(ACCOUNT.name) === 0) return false;
  for (const delivery of base.queue.receiveDead(ACCOUNT.name, 3, 5 * MINUTE_MS)) {
    const message = messageOf(world, delivery);
    if (message === undefined) continue;
    const deliveryId = `d${delivery.id}x${delivery.receiveCount}`;
    const run = (ports: Ports) => buryBatch(ports, { message, deliveryId });
    void act(world, { name: 'bury', syncId: message.syncId, run }).then((ended) => {
      if (ended.is === 'returned') base.queue.delete(delivery);
    });
  }
  return true;
}

function minute(world: World): void {
  const owner = `sweep${world.random.below(1e9)}`;
  void act(world, { name: 'sweep', run: (ports) => sweep(ports, { owner, signal: unheard() }) });
  peopleAct(world);
}
