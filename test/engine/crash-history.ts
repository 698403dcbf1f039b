/**
 * Plays one scenario on the real use cases, with processes that die at chosen effects, until everything is at rest
 * again; the simulator's oracle watches every write and every row that is applied.
 *
 * What a dead process leaves is taken up as on AWS: asynchronous functions are called again twice, messages return
 * when their visibility ends, the sweep comes every minute, people repeat what did not go through.
 */
import { syncKey } from '../../shared/core/names.ts';
import type { Cut } from '../../shared/core/run.ts';
import type { Sync } from '../../shared/core/sync.ts';
import { approveHold } from '../../shared/engine/approve-hold.ts';
import { discardHold } from '../../shared/engine/discard-hold.ts';
import { fanOut } from '../../shared/engine/fan-out.ts';
import { finishRun } from '../../shared/engine/finish-run.ts';
import { loadBatch } from '../../shared/engine/load-batch.ts';
import { pauseSync } from '../../shared/engine/pause-sync.ts';
import { reconcileSync } from '../../shared/engine/reconcile-sync.ts';
import { resumeSync } from '../../shared/engine/resume-sync.ts';
import { startRun } from '../../shared/engine/start-run.ts';
import { sweep } from '../../shared/engine/sweep.ts';
import type { LoaderPorts, Ports } from '../../shared/ports.ts';
import { ACCOUNT, acceptSync, type MemoryPorts, memoryPorts, writtenSync } from '../memory/memory-ports.ts';
import type { Delivery } from '../memory/memory-queue.ts';
import type { Statement } from '../memory/memory-warehouse.ts';
import { type ModelRow, timestampText } from '../memory/model-table.ts';
import { seededRandom } from '../memory/seeded.ts';
import { boundTo, placeOf, simulatedAccount } from '../simulation/destination.ts';
import { NO_FAULTS } from '../simulation/fault-rates.ts';
import { CANARY, keyOf } from '../simulation/model-edits.ts';
import {
  epochName,
  freshOracle,
  noteExtraction,
  type Oracle,
  plainSync,
  type Violation,
} from '../simulation/oracle.ts';
import type { Environment } from '../simulation/process.ts';
import type { LoaderMutation, Mutation } from '../simulation/simulate.ts';
import type { Act, Scenario } from './crash-scenarios.ts';
import { checkMinute, judgeEnd, noteDeleted, noteTick, watchPorts, witness } from './crash-watch.ts';
import { type Crashing, crashing, type Kill } from './crashing-ports.ts';

export type Played = {
  /** What each effect was, in order. */
  readonly effects: readonly string[];
  readonly violations: readonly Violation[];
  readonly commits: number;
  /** Keys in the failure set at the end. */
  readonly failing: readonly string[];
};

export type Guardless = { readonly mutate?: Mutation; readonly mutateLoaders?: LoaderMutation };

const SYNC = 'people';
const MINUTE_MS = 60_000;
const TICK_MINUTES = 15;
/** Ticks at most until a history has come to rest: each may meet what the one before has left. */
const TICKS_MAX = 12;
/** So slow that a batch's requests have to wait for their slots. */
const RATE = { requests: 1, perMs: 200 };
/** So that a run is half loaded when people act in the next minute. */
const LOADS_PER_MINUTE = 1;
const RETRIES = 2;
const signal = new AbortController().signal;

export async function play(
  scenario: Scenario,
  kills: readonly Kill[],
  { mutate, mutateLoaders }: Guardless = {},
): Promise<Played> {
  const stage = await setStage(scenario, kills, mutate, mutateLoaders);
  for (let tick = 0; tick < scenario.models.length; tick += 1) await oneTick(stage, tick);
  for (let tick = scenario.models.length; tick < TICKS_MAX; tick += 1) {
    await oneTick(stage, tick);
    if (stage.calm >= 2) break;
  }
  const { base, oracle, crash, definition } = stage;
  const rows = base.warehouse.tables.get(SYNC)?.rows ?? [];
  judgeEnd(oracle, { definition, rows, rate: RATE, isClean: kills.length === 0 });
  const { effects } = crash;
  return { effects, violations: oracle.violations, commits: oracle.flipped.length, failing: failing(base) };
}

type Invocation = {
  readonly timeoutMs: number;
  readonly run: (ports: Ports) => Promise<unknown>;
  from: number;
  left: number;
};

type Stage = {
  readonly scenario: Scenario;
  readonly base: MemoryPorts;
  readonly oracle: Oracle;
  readonly crash: Crashing;
  readonly waiting: Invocation[];
  /** What people have still to do. */
  readonly acts: Act[];
  /** The loader's environment, warm until its process dies. */
  loader: { readonly within: Environment; readonly ports: LoaderPorts } | undefined;
  readonly loaderPorts: ReturnType<LoaderMutation>;
  definition: Sync;
  isDeleted: boolean;
  /** Quiet ticks in a row, each with a commit. */
  calm: number;
  invoked: number;
};

async function setStage(
  scenario: Scenario,
  kills: readonly Kill[],
  mutate: Mutation | undefined,
  mutateLoaders: LoaderMutation | undefined,
): Promise<Stage> {
  const account = { ...ACCOUNT, rate: RATE, requestRowsMax: 3 };
  const base = memoryPorts(1, { accounts: { [ACCOUNT.name]: account }, extraction: scenario.extraction });
  base.warehouse.way = scenario.extraction;
  smallCuts(base);
  mutate?.(base);
  const oracle = freshOracle(base, simulatedAccount(scenario.shape));
  const definition = writtenSync(SYNC, scenario.parts);
  base.definitions.write(SYNC, { ...definition } as never);
  await acceptSync(base, definition);
  base.warehouse.tables.set(SYNC, { columns: COLUMNS, rows: [], checks: {} });
  const { records } = placeOf(oracle.account, SYNC);
  for (const key of scenario.records) records.set(key, { fields: {}, epoch: 0 });
  const loaderPorts = mutateLoaders?.(base) ?? ((ports: LoaderPorts) => ports);
  const stage: Stage = {
    ...{ scenario, base, oracle, definition, loaderPorts },
    ...{ crash: crashing(base, kills, witness(oracle)), waiting: [], acts: [...scenario.acts] },
    ...{ loader: undefined, isDeleted: false, calm: 0, invoked: 0 },
  };
  watch(stage);
  return stage;
}

const COLUMNS = ['id', 'name', 'score', 'changed_at'].map((name) => ({ name, type: 'varchar' }));

/** A few rows a batch and two batches a shard, so that a run of nine rows takes every path. */
function smallCuts(base: MemoryPorts): void {
  const { update } = base.state;
  base.state.update = (key, change) => {
    const cut = change.set?.cut as Cut | undefined;
    if (cut === undefined || cut.totalBytes === 0) return update(key, change);
    const batches = Math.ceil(cut.totalBytes / BATCH_BYTES);
    const small: Cut = { batchBytes: BATCH_BYTES, shardBatches: 2, batches, totalBytes: cut.totalBytes };
    return update(key, { ...change, set: { ...change.set, cut: small } });
  };
}
const BATCH_BYTES = 500;

function watch(stage: Stage): void {
  const { base, oracle, waiting } = stage;
  watchPorts(base, oracle);
  base.warehouse.onSubmit = (statement) => runStatement(stage, statement);
  base.events.onPublish(({ type, detail }) => {
    if (type !== 'Run Settled') return;
    const epoch = Number(detail.epoch);
    later(waiting, base, (ports) => finishRun(ports, { syncId: SYNC, epoch }));
  });
}

function later(waiting: Invocation[], { clock }: MemoryPorts, run: Invocation['run']): void {
  waiting.push({ run, timeoutMs: 5 * MINUTE_MS, from: clock.now(), left: RETRIES });
}

/** At once, and its event follows. */
function runStatement({ base, oracle, waiting }: Stage, asked: Statement): void {
  const { id, request } = asked;
  const { epoch } = request;
  base.warehouse.run(id);
  noteExtraction(oracle, asked, base.warehouse.tables.get(SYNC)?.rows ?? [], true);
  const ran = base.warehouse.statements.get(id);
  const statement = ran?.state === 'finished' ? ('finished' as const) : ('failed' as const);
  later(waiting, base, (ports) => fanOut(ports, { syncId: SYNC, epoch, statement, statementId: id, signal }));
}

/** The model changes, a second later the schedule fires, and the minutes pass until the next tick. */
async function oneTick(stage: Stage, tick: number): Promise<void> {
  const { base, scenario, oracle, waiting, crash } = stage;
  const { clock } = base;
  const endsAt = clock.now() + TICK_MINUTES * MINUTE_MS;
  const table = base.warehouse.tables.get(SYNC);
  const rows = scenario.models[tick]?.(timestampText(clock.now()));
  if (table !== undefined && rows !== undefined) table.rows = rows;
  await clock.runUntil(clock.now() + 1000);
  const scheduledAt = clock.now();
  const flips = oracle.flipped.length;
  const wrong = oracle.violations.length;
  const killed = crash.effects.length;
  later(waiting, base, async (ports) => {
    const started = await startRun(ports, { syncId: SYNC, scheduledAt, owner: `tick${tick}` });
    noteTick(oracle, SYNC, scheduledAt, started);
  });
  for (let minute = 0; clock.now() < endsAt - MINUTE_MS; minute += 1) {
    const before = crash.effects.length;
    if (scenario.isRestless && tick < scenario.models.length - 1) disturb(base, rows ?? [], minute);
    await oneMinute(stage, tick, minute);
    if (before === crash.effects.length && isAtRest(stage)) break;
  }
  await clock.runUntil(endsAt);
  checkMinute(oracle, SYNC, stage.isDeleted);
  const isCalm = oracle.flipped.length > flips && oracle.violations.length === wrong && killed > 0;
  stage.calm = isCalm && isAtRest(stage) ? stage.calm + 1 : 0;
}

/** In every other minute there is a row more, and the others stand the other way round. */
function disturb(base: MemoryPorts, rows: readonly ModelRow[], minute: number): void {
  const table = base.warehouse.tables.get(SYNC);
  if (table === undefined || minute === 0) return;
  const guest = {
    id: keyOf(0),
    name: `guest${CANARY}`,
    score: String(minute),
    changed_at: timestampText(base.clock.now()),
  };
  table.rows = minute % 2 === 0 ? rows : [guest, ...rows.toReversed()];
}

function isAtRest({ base, waiting, acts }: Stage): boolean {
  if (waiting.length > 0 || acts.length > 0 || base.queue.waiting() > 0) return false;
  const item = base.state.peek(syncKey(SYNC));
  if (item === undefined) return true;
  const { phase, wanted, lastScheduled } = plainSync(item, SYNC);
  return phase === 'idle' && wanted <= lastScheduled;
}

async function oneMinute(stage: Stage, tick: number, minute: number): Promise<void> {
  const { base, oracle } = stage;
  const startedAt = base.clock.now();
  await asynchronous(stage);
  await people(stage, tick, minute);
  await loads(stage);
  await asynchronous(stage);
  const owner = `sweep${startedAt}`;
  await invoke(stage, (ports) => sweep(ports, { owner, signal }));
  checkMinute(oracle, SYNC, stage.isDeleted);
  await base.clock.runUntil(startedAt + MINUTE_MS);
}

async function asynchronous(stage: Stage): Promise<void> {
  const { base, waiting } = stage;
  for (;;) {
    const at = waiting.findIndex(({ from }) => from <= base.clock.now());
    const [next] = at < 0 ? [] : waiting.splice(at, 1);
    if (next === undefined) return;
    const { is } = await invoke(stage, next.run);
    if (is === 'returned' || next.left === 0) continue;
    waiting.push({ ...next, left: next.left - 1, from: base.clock.now() + MINUTE_MS });
  }
}

function invoke<T>({ crash }: Stage, run: (ports: Ports) => Promise<T>) {
  const within = crash.environment();
  return crash.invoke(within, 5 * MINUTE_MS, () => run(within.ports));
}

async function people(stage: Stage, tick: number, minute: number): Promise<void> {
  await decide(stage);
  const [act] = stage.acts;
  if (act === undefined || act.tick > tick || (act.tick === tick && act.minute > minute)) return;
  prepare(stage, act);
  const { is } = await invoke(stage, WORK[act.does]);
  if (is !== 'returned') return;
  stage.acts.shift();
  if (act.does === 'delete') noteDeleted(stage.oracle, SYNC);
  if (act.does === 'write again') stage.isDeleted = false;
}

async function decide(stage: Stage): Promise<void> {
  const { base, oracle, scenario } = stage;
  const item = base.state.peek(syncKey(SYNC));
  const { phase, hold, epoch } = item === undefined ? { phase: 'idle' } : plainSync(item, SYNC);
  if (phase !== 'held' || hold === undefined) return;
  const { planHash } = hold;
  if (scenario.holds === 'discard') {
    await invoke(stage, (ports) => discardHold(ports, { syncId: SYNC, planHash }));
    return;
  }
  const known = oracle.epochs.get(epochName(SYNC, epoch ?? 0));
  if (known !== undefined) known.approved = true;
  await invoke(stage, (ports) => approveHold(ports, { syncId: SYNC, planHash, signal }));
}

/** What a person writes; the engine's part of it follows and may die. */
function prepare(stage: Stage, { does }: Act): void {
  const { base, scenario } = stage;
  if (does === 'delete') {
    base.definitions.erase(SYNC);
    stage.isDeleted = true;
  }
  if (does !== 'edit' && does !== 'write again') return;
  const fields = [
    ...stage.definition.fields.filter(({ to }) => to !== 'source'),
    { to: 'source', value: 'v2' },
  ];
  stage.definition = writtenSync(SYNC, { ...scenario.parts, fields });
  base.definitions.write(SYNC, { ...stage.definition } as never);
}

const reconcile = (ports: Ports) => reconcileSync(ports, { syncId: SYNC });

const WORK: Readonly<Record<Act['does'], (ports: Ports) => Promise<unknown>>> = {
  pause: (ports) => pauseSync(ports, { syncId: SYNC, code: 'by_hand' }),
  resume: (ports) => resumeSync(ports, { syncId: SYNC }),
  edit: reconcile,
  delete: reconcile,
  'write again': reconcile,
};

async function loads(stage: Stage): Promise<void> {
  const { queue, settings } = stage.base;
  for (const lane of ['express', 'bulk'] as const) {
    for (const delivery of queue.receive(
      ACCOUNT.name,
      lane,
      LOADS_PER_MINUTE,
      6 * settings.loaderTimeoutMs,
    )) {
      await load(stage, delivery);
    }
  }
}

async function load(stage: Stage, delivery: Delivery): Promise<void> {
  const { base, crash, oracle } = stage;
  const { message, receiveCount, receivedAt } = delivery;
  stage.loader ??= warmLoader(stage);
  const { within, ports } = stage.loader;
  const { loaderTimeoutMs } = base.settings;
  const deadlineAt = base.clock.now() + loaderTimeoutMs;
  const input = { message, receiveCount, receivedAt, deadlineAt, signal };
  const seen = stage.loaderPorts(ports, message);
  const ended = await crash.invoke(within, loaderTimeoutMs, () => loadBatch(seen, input));
  if (ended.is === 'killed') stage.loader = undefined;
  if (ended.is !== 'returned') return;
  const { value } = ended;
  const known = oracle.epochs.get(epochName(SYNC, message.epoch));
  if (value.is !== 'done' && known !== undefined) known.handBacks += 1;
  const isAlive =
    value.is === 'done'
      ? crash.afterwards('delete message', () => base.queue.delete(delivery))
      : crash.afterwards('hide message', () => base.queue.setVisibility(delivery, value.afterMs));
  if (!isAlive) stage.loader = undefined;
}

function warmLoader({ base, crash, oracle }: Stage): { within: Environment; ports: LoaderPorts } {
  const within = crash.environment();
  const { account } = oracle;
  const { onLateWork } = witness(oracle);
  const tools = { account, clock: base.clock, faults: NO_FAULTS, random: seededRandom(1), onLateWork };
  const settings = base.settings.accounts[ACCOUNT.name] ?? ACCOUNT;
  const destination = crash.bound(within, boundTo(tools, within));
  return { within, ports: { ...within.ports, account: settings, destination } };
}

function failing(base: MemoryPorts): readonly string[] {
  const item = base.state.peek(syncKey(SYNC));
  const failures = item === undefined ? null : plainSync(item, SYNC).failures;
  if (failures === null) return [];
  const read = (key: string): string => Buffer.from(base.objects.bytes(key) ?? '').toString('utf8');
  const { entries } = JSON.parse(read(failures.manifest)) as { entries: { url: string }[] };
  const lines = entries.flatMap(({ url }) => read(base.objects.keyOf(url)).split('\n'));
  const keys = lines.filter((line) => line !== '').map((line) => String(JSON.parse(line).row_key));
  return [...new Set(keys)].toSorted();
}
