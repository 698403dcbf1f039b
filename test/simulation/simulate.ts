/**
 * One seed, one history: a safety phase under faults and edits, then a liveness phase without, until everything has
 * come to rest. The same seed gives the same history.
 */
import { hash } from 'node:crypto';
import { Fault } from '../../shared/core/fault.ts';
import { readMessage } from '../../shared/core/message.ts';
import { SYNC_PARTITION } from '../../shared/core/names.ts';
import type { Cut, Hold } from '../../shared/core/run.ts';
import type { Sync } from '../../shared/core/sync.ts';
import type { Item } from '../../shared/ports.ts';
import { ACCOUNT, acceptSync, type MemoryPorts, memoryPorts, writtenSync } from '../memory/memory-ports.ts';
import { memoryQueue } from '../memory/memory-queue.ts';
import { type Random, seededRandom } from '../memory/seeded.ts';
import { pairName } from './coverage.ts';
import { bodyOf, type Deployed } from './deploys.ts';
import { placeOf, type Shape, simulatedAccount } from './destination.ts';
import { type FaultLimits, type FaultName, type Faults, faultRates } from './fault-rates.ts';
import {
  checkApply,
  checkBreaker,
  checkQueued,
  checkRate,
  checkRest,
  checkTransition,
  checkWrites,
  noteSettled,
  noteSplits,
} from './invariants.ts';
import { checkSend, checkWanted, noteFault, notePause } from './invariants-time.ts';
import { CANARY, keyOf, modelEditor } from './model-edits.ts';
import { epochName, freshOracle, type Oracle, type Violation } from './oracle.ts';
import { syncNow } from './people.ts';
import { begin, MINUTE_MS, type World } from './world.ts';

export type History = {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly faults: Readonly<Partial<Record<FaultName, number>>>;
  /** `<fault> <phase>`: how often a fault hit a sync in that phase. */
  readonly pairs: Readonly<Record<string, number>>;
  readonly runs: number;
  readonly batches: number;
  readonly commits: number;
  /** Of every write to the state table, in order. */
  readonly hash: string;
  /** Writes to the state table, requests and faults, with their times. */
  readonly events: readonly string[];
  /** How many events there were when the first invariant broke. */
  readonly brokenAt: number | undefined;
};

/** Changes the ports under the use cases: what a missing guard would do. */
export type Mutation = (base: MemoryPorts) => void;
/** The same for what only loaders see. */
export type LoaderMutation = (base: MemoryPorts) => World['loaderPorts'];

/** And for what stands around the use cases, as a handler does. */
export type WorldMutation = (world: World) => void;

export type Options = {
  readonly mutate?: Mutation;
  readonly mutateLoaders?: LoaderMutation;
  readonly mutateWorld?: WorldMutation;
  readonly limits?: FaultLimits;
};

/** Slow and quick ones, one with a long window, and one so fast that its slots are good for a whole reservation. */
const RATES = [
  { requests: 20, perMs: 1000 },
  { requests: 20, perMs: 1000 },
  { requests: 6, perMs: 1000 },
  { requests: 3, perMs: 1000 },
  { requests: 40, perMs: 10_000 },
  { requests: 250, perMs: 1000 },
] as const;

export async function simulate(
  seed: number,
  { mutate, mutateLoaders, mutateWorld, limits = {} }: Options = {},
): Promise<History> {
  const random = seededRandom(seed);
  const base = basePorts(seed, random);
  mutate?.(base);
  const loaderPorts = mutateLoaders?.(base);
  const noted: Noted = { events: [], pairs: {}, brokenAt: undefined };
  const world = await makeWorld(base, random, { limits, noted, loaderPorts });
  mutateWorld?.(world);
  watch(world, noted);
  begin(world);
  const { clock } = base;
  await clock.runUntil(clock.now() + (15 + random.below(30)) * MINUTE_MS);
  // Some see a long outage through to its end, with faults and edits all the while.
  if (random.chance(0.05)) await clock.runUntil(Math.max(clock.now(), world.account.downUntil));
  const isAtRest = comeToRest(world);
  await clock.runWhile(clock.now() + 65 * MINUTE_MS, isAtRest);
  world.isOver = true;
  // A tick may have begun a run in this very moment; a message or a sweep may still be on its way.
  await clock.runUntil(clock.now() + MINUTE_MS);
  await clock.runWhile(clock.now() + 40 * MINUTE_MS, isAtRest);
  judge(world);
  return {
    seed,
    violations: world.oracle.violations,
    faults: world.faults.fired,
    pairs: noted.pairs,
    ...world.counts,
    hash: hash('sha256', noted.events.join('\n'), 'hex'),
    events: noted.events,
    brokenAt: noted.brokenAt,
  };
}

/** In the lanes, or among the dead letters. */
const isWaiting = ({ queue }: MemoryPorts): boolean => queue.waiting() + queue.dead() > 0;

const rateOf = ({ settings }: MemoryPorts) => settings.accounts[ACCOUNT.name]?.rate ?? ACCOUNT.rate;

function judge({ base, faults, oracle, syncs }: World): void {
  const { violations } = oracle;
  for (const { definition, editor } of syncs.values()) checkRest(oracle, definition, editor.table.rows);
  if (isWaiting(base)) violations.push({ invariant: 'I8', message: 'messages are left over' });
  checkRate(oracle, rateOf(base));
  if (faults.total() === 0) checkWrites(oracle);
  for (const message of base.warehouse.broken) {
    const [statementId = ''] = message.split(':');
    if (!oracle.late.has(statementId)) violations.push({ invariant: 'I1', message });
  }
  for (const key of base.objects.rewritten) {
    violations.push({ invariant: 'I1', message: `${key} was rewritten` });
  }
}

type Noted = {
  readonly events: string[];
  readonly pairs: Record<string, number>;
  brokenAt: number | undefined;
};

function basePorts(seed: number, random: Random): MemoryPorts {
  const rate = random.pick(RATES);
  const account = { ...ACCOUNT, rate, requestRowsMax: 5 };
  const extraction = random.pick(['unload', 'unload', 'pages'] as const);
  const base = memoryPorts(seed, { accounts: { [ACCOUNT.name]: account }, extraction });
  // Some histories have a queue that gives up early, so that dead letters occur.
  const receivesMax = random.chance(0.3) ? 4 + random.below(6) : 1000;
  const queue = memoryQueue(base.clock, random.fork(), receivesMax);
  Object.assign(base, { queue });
  smallCuts(base, random.fork());
  return base;
}

/** Stages are small here: another version of the code, perhaps one deployed mid-run, cuts them into few rows each. */
function smallCuts(base: MemoryPorts, random: Random): void {
  const { update } = base.state;
  base.state.update = (key, change) => {
    const cut = change.set?.cut as Cut | undefined;
    if (cut === undefined || cut.totalBytes === 0) return update(key, change);
    const batchBytes = 300 + random.below(1500);
    const batches = Math.ceil(cut.totalBytes / batchBytes);
    const small: Cut = { batchBytes, shardBatches: 2 + random.below(4), batches, totalBytes: cut.totalBytes };
    return update(key, { ...change, set: { ...change.set, cut: small } });
  };
}

/** Nobody looks at some held runs, and they expire: in minutes here, or a history would take a week. */
function forgetHolds(base: MemoryPorts, faults: Faults, random: Random, forgotten: Set<string>): void {
  const { update } = base.state;
  base.state.update = async (key, change) => {
    const hold = change.set?.hold as Hold | undefined;
    if (hold === undefined || !faults.fires('forgottenPerHold', key.sort)) return update(key, change);
    const until = base.clock.now() + random.below(25 * MINUTE_MS);
    const written = await update(key, { ...change, set: { ...change.set, hold: { ...hold, until } } });
    if (written.applied) forgotten.add(epochName(key.sort, Number(written.item.epoch)));
    return written;
  };
}

/** They hit every sync of the account. */
const OF_ALL: readonly FaultName[] = ['downPerMinute', 'deployedPerMinute'];

type Making = {
  readonly limits: FaultLimits;
  readonly noted: Noted;
  readonly loaderPorts: World['loaderPorts'] | undefined;
};

async function makeWorld(base: MemoryPorts, random: Random, making: Making): Promise<World> {
  const syncs: World['syncs'] = new Map();
  const faults = faultRates(random.fork(), making.limits, ({ name, syncId }) => {
    noteFault(oracle, name);
    making.noted.events.push(`${base.clock.now()} fault ${name} ${syncId ?? ''}`);
    // What names no sync and is not the sweep's own hits all of them.
    const hit = syncId !== undefined ? [syncId] : OF_ALL.includes(name) ? [...syncs.keys()] : [];
    for (const sort of hit) {
      const phase = base.state.peek({ partition: SYNC_PARTITION, sort })?.phase ?? 'idle';
      const pair = pairName(name, String(phase));
      making.noted.pairs[pair] = (making.noted.pairs[pair] ?? 0) + 1;
    }
  });
  const forgotten = new Set<string>();
  forgetHolds(base, faults, random.fork(), forgotten);
  const account = simulatedAccount(random.pick(SHAPES));
  const oracle = freshOracle(base, account);
  const isCoarse = random.chance(0.3);
  for (let index = random.below(3); index >= 0; index -= 1) {
    const definition = anySync(`sync${index}`, random);
    const editor = modelEditor(random.fork(), base.clock.now(), isCoarse);
    base.warehouse.tables.set(definition.syncId, editor.table);
    // A table that is being loaded when its sync begins: what comes into it later may carry old stamps.
    if (random.chance(0.1)) {
      editor.reload(0);
      base.clock.schedule(base.clock.now() + random.below(30 * MINUTE_MS), () => {
        editor.restore();
        return false;
      });
    }
    if (definition.destination.mode === 'update') haveRecords(oracle, definition.syncId, random);
    const { generation } = await acceptSync(base, definition);
    base.definitions.write(definition.syncId, JSON.parse(JSON.stringify(definition)));
    const reconciled = Promise.resolve();
    syncs.set(definition.syncId, { definition, generation, editor, isDeleted: false, reconciled });
  }
  base.warehouse.filesMax = 1 + random.below(4);
  base.warehouse.way = base.settings.extraction;
  const code = random.pick(['former', 'present'] as const);
  const deployed: Deployed = { senders: code, loaders: code };
  base.queue.write = (message) => bodyOf(deployed, message);
  base.queue.refuse = ({ syncId }) => faults.fires('messageRefused', syncId);
  const onLateWork: World['host']['onLateWork'] = (what) => {
    oracle.violations.push({ invariant: 'I6', message: `${what} after its function had returned` });
  };
  const onThrown: World['host']['onThrown'] = (error) => {
    keepSecret(oracle, 'an error', String(error));
    if (error instanceof Fault && error.kind === 'transient') return;
    oracle.violations.push({ invariant: 'no bug', message: `a use case threw ${String(error)}` });
  };
  const host = { base, faults, random: random.fork(), onLateWork, onThrown };
  return {
    ...{ base, host, faults, random: random.fork(), account, oracle, syncs, isCoarse },
    read: readMessage,
    ...{ frozen: new Map(), loaders: new WeakMap(), deployed, forgotten },
    loaderPorts: making.loaderPorts ?? ((ports) => ports),
    periodMs: (5 + random.below(12)) * MINUTE_MS,
    isQuiet: false,
    isOver: false,
    counts: { runs: 0, batches: 0, commits: 0 },
  };
}

const CALLS: Shape = { kind: 'calls', idempotency: 'idempotent' };
const SHAPES: readonly Shape[] = [
  CALLS,
  CALLS,
  CALLS,
  { kind: 'calls', idempotency: 'keyed' },
  { kind: 'calls', idempotency: 'unsafe' },
  { kind: 'jobs', idempotency: 'idempotent' },
  { kind: 'jobs', idempotency: 'keyed' },
  { kind: 'jobs', idempotency: 'unsafe' },
];

function anySync(syncId: string, random: Random): Sync {
  const by = random.pick(['cursor', 'diff', 'all'] as const);
  const changes = by === 'cursor' ? { by, column: 'changed_at', lagSeconds: 60 } : { by };
  const mode = random.pick(by === 'cursor' ? CURSOR_MODES : MODES);
  const clears = by !== 'cursor' && mode !== 'insert' && random.chance(0.2);
  const unknowns = random.pick(['resend', 'mark', 'park'] as const);
  return writtenSync(syncId, {
    changes,
    destination: { mode, unknowns, ...(clears ? { removed: 'clear' } : {}) },
    guards: { maxDeletes: 1 + random.below(6), maxDeleteRatio: 0.5, maxShrink: 0.3 },
  });
}

const CURSOR_MODES = ['upsert', 'upsert', 'insert', 'update'] as const;
const MODES = ['mirror', 'mirror', 'mirror', 'upsert', 'insert', 'update'] as const;

/** Somebody else has made some of the records that an update will look for. */
function haveRecords({ account }: Oracle, syncId: string, random: Random): void {
  const { records } = placeOf(account, syncId);
  for (let number = 1; number <= 40; number += 1) {
    if (random.chance(0.7)) records.set(keyOf(number), { fields: {}, epoch: 0 });
  }
}

function watch(world: World, noted: Noted): void {
  const { base, oracle, account, syncs } = world;
  const { events } = noted;
  const { violations } = oracle;
  const push = violations.push.bind(violations);
  violations.push = (...broken) => {
    noted.brokenAt ??= events.length;
    return push(...broken);
  };
  account.onEffect = (what) => void events.push(`${base.clock.now()} ${what}`);
  base.state.onWrite((key, before: Item | undefined, after: Item) => {
    const { partition, sort } = key;
    const text = `${partition} ${sort} ${JSON.stringify(after)}`;
    events.push(`${base.clock.now()} ${text}`);
    keepSecret(oracle, 'an item', text);
    if (partition === SYNC_PARTITION) checkTransition(oracle, sort, before, after);
    else if (partition.startsWith('BREAKER#')) checkBreaker(oracle, before, after);
    else if (partition.startsWith('SHARD#')) noteSplits(oracle, partition.slice(6), sort, after);
    noteWrite(oracle, partition, sort, before, after);
  });
  account.onSend = () => checkSend(oracle, (world.faults.fired.clockSkew ?? 0) > 0);
  account.onPause = (waitMs) => notePause(oracle, waitMs);
  account.onApply = (syncId, epoch, request, row) => checkApply(oracle, syncId, epoch, request, row);
  account.onKeyReused = (key) => {
    oracle.violations.push({ invariant: 'class B', message: `${key} came again with other rows` });
  };
  base.events.onPublish(({ type, detail }) => {
    keepSecret(oracle, type, JSON.stringify(detail));
    const isOwnCheck = MISCOUNTS.includes(String(detail.code));
    if (isOwnCheck) oracle.violations.push({ invariant: 'I2', message: `${type} ${JSON.stringify(detail)}` });
  });
  const { log } = base.telemetry;
  Object.assign(base.telemetry, {
    log: (...line: Parameters<typeof log>) => {
      keepSecret(oracle, 'a log line', JSON.stringify(line));
      if (line[0] === 'error') violations.push({ invariant: 'no bug', message: JSON.stringify(line) });
    },
    count: (...metric: readonly unknown[]) => keepSecret(oracle, 'a metric', JSON.stringify(metric)),
  });
  const look = (): false => {
    for (const [syncId, { isDeleted }] of syncs) {
      checkWanted(oracle, syncId, isDeleted);
      checkQueued(oracle, syncId, (epoch) => base.queue.holds(syncId, epoch));
    }
    base.clock.schedule(base.clock.now() + MINUTE_MS, look);
    return false;
  };
  look();
}

/** What a run says when its rows do not add up: its own check must never find anything. */
export const MISCOUNTS: readonly string[] = [
  'counts_do_not_add_up',
  'failures_not_recorded',
  'stage_miscounted',
];

/** I15: no row value and no key where people and machines read along. */
export function keepSecret({ violations }: Oracle, where: string, text: string): void {
  if (!text.includes(CANARY)) return;
  violations.push({ invariant: 'I15', message: `${where} holds a value: ${text.slice(0, 300)}` });
}

/** A write to an item of a run, whichever it is. */
export function noteWrite(
  oracle: Oracle,
  partition: string,
  sort: string,
  before: Item | undefined,
  after: Item,
): void {
  const [kind, syncId = '', epoch] = partition.split('#');
  const at = kind === 'SYNC' ? after.epoch : kind === 'SHARD' ? epoch : kind === 'RUN' ? sort : undefined;
  if (at === undefined || before?.wanted !== after.wanted) return;
  const name = epochName(kind === 'SYNC' ? sort : syncId, Number(at));
  oracle.writes.set(name, (oracle.writes.get(name) ?? 0) + 1);
  if (kind !== 'SYNC') noteSettled(oracle, name, before, after);
}

/** No more faults, no more edits; what people had put off is done. Gives the test of whether all is at rest. */
function comeToRest(world: World): () => boolean {
  const { base, faults, oracle, syncs } = world;
  faults.stop();
  world.isQuiet = true;
  world.account.downUntil = 0;
  Object.assign(world.deployed, { senders: 'present', loaders: 'present' });
  for (const { editor } of syncs.values()) editor.restore();
  const calmAt = base.clock.now() + 2 * MINUTE_MS;
  let seen = -1;
  const isAtRest = (): boolean => {
    if (isWaiting(base)) return false;
    return [...syncs.keys()].every((syncId) => {
      const sync = syncNow(base, syncId);
      if (sync?.phase !== 'idle' || sync.paused !== undefined || sync.snapshotEpoch !== sync.epoch)
        return false;
      const calm = oracle.flipped.filter(
        (one) =>
          one.syncId === syncId && (oracle.epochs.get(epochName(syncId, one.epoch))?.ranAt ?? 0) > calmAt,
      );
      return calm.length >= 2 && calm.at(-1)?.epoch === sync.epoch;
    });
  };
  // Looked at once a second of simulated time, or it would cost more than the history.
  return () => {
    const second = Math.floor(base.clock.now() / 1000);
    if (second === seen) return false;
    seen = second;
    return isAtRest();
  };
}
