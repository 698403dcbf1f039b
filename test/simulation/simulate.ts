/**
 * One seed, one history: a safety phase under faults and edits, then a liveness phase without, then everything must
 * have come to rest. The same seed gives the same history.
 */
import { hash } from 'node:crypto';
import { SYNC_PARTITION } from '../../shared/core/names.ts';
import type { Cut } from '../../shared/core/run.ts';
import type { Sync } from '../../shared/core/sync.ts';
import type { Item } from '../../shared/ports.ts';
import { ACCOUNT, acceptSync, type MemoryPorts, memoryPorts, writtenSync } from '../memory/memory-ports.ts';
import { memoryQueue } from '../memory/memory-queue.ts';
import { type Random, seededRandom } from '../memory/seeded.ts';
import { simulatedAccount } from './destination.ts';
import { type FaultName, faultRates } from './fault-rates.ts';
import {
  checkApply,
  checkQueued,
  checkRate,
  checkRest,
  checkTransition,
  type Oracle,
  type Violation,
} from './invariants.ts';
import { modelEditor } from './model-edits.ts';
import { begin, type World } from './world.ts';

export type History = {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly faults: Readonly<Partial<Record<FaultName, number>>>;
  readonly runs: number;
  readonly batches: number;
  readonly commits: number;
  /** Of every write to the state table, in order. */
  readonly hash: string;
  readonly lastEvents: readonly string[];
};

/** Changes the ports under the use cases: what a missing guard would do. */
export type Mutation = (base: MemoryPorts) => void;

const MINUTE_MS = 60_000;
const RATE = { requests: 20, perMs: 1000 };

export async function simulate(seed: number, mutate: Mutation = () => undefined): Promise<History> {
  const random = seededRandom(seed);
  const base = basePorts(seed, random);
  mutate(base);
  const world = await makeWorld(base, random);
  const events: string[] = [];
  watch(world, events);
  begin(world);
  const { clock } = base;
  await clock.runUntil(clock.now() + (40 + random.below(50)) * MINUTE_MS);
  comeToRest(world);
  await clock.runUntil(clock.now() + 65 * MINUTE_MS);
  world.isOver = true;
  await clock.runUntil(clock.now() + 40 * MINUTE_MS);
  const { violations } = world.oracle;
  for (const { definition, editor } of world.syncs.values()) {
    checkRest(world.oracle, definition, editor.table.rows);
  }
  if (base.queue.waiting() > 0) violations.push({ invariant: 'I8', message: 'messages are left over' });
  checkRate(world.oracle, RATE);
  for (const message of base.warehouse.broken) violations.push({ invariant: 'I1', message });
  for (const key of base.objects.rewritten)
    violations.push({ invariant: 'I1', message: `${key} was rewritten` });
  const history = hash('sha256', events.join('\n'), 'hex');
  return {
    seed,
    violations,
    faults: world.faults.fired,
    ...world.counts,
    hash: history,
    lastEvents: events.slice(-20),
  };
}

function basePorts(seed: number, random: Random): MemoryPorts {
  const account = { ...ACCOUNT, rate: RATE, requestRowsMax: 5 };
  const base = memoryPorts(seed, { accounts: { [ACCOUNT.name]: account } });
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

async function makeWorld(base: MemoryPorts, random: Random): Promise<World> {
  const faults = faultRates(random.fork());
  const account = simulatedAccount();
  const oracle: Oracle = { ports: base, account, epochs: new Map(), violations: [] };
  const syncs: World['syncs'] = new Map();
  for (let index = 1 + random.below(2); index >= 0; index -= 1) {
    const definition = anySync(`sync${index}`, random);
    const editor = modelEditor(random.fork(), base.clock.now());
    base.warehouse.tables.set(definition.syncId, editor.table);
    syncs.set(definition.syncId, { definition, editor });
    await acceptSync(base, definition);
  }
  base.warehouse.filesMax = 1 + random.below(4);
  base.queue.refuse = () => faults.fires('messageRefused');
  const onLateWork: World['host']['onLateWork'] = (_process, what) => {
    oracle.violations.push({ invariant: 'I6', message: `${what} after its function had returned` });
  };
  const host = { base, faults, random: random.fork(), onLateWork };
  return {
    ...{ base, host, faults, random: random.fork(), account, oracle, syncs },
    periodMs: (8 + random.below(20)) * MINUTE_MS,
    isQuiet: false,
    isOver: false,
    counts: { runs: 0, batches: 0, commits: 0 },
  };
}

function anySync(syncId: string, random: Random): Sync {
  const by = random.pick(['cursor', 'diff', 'all'] as const);
  const changes = by === 'cursor' ? { by, column: 'changed_at', lagSeconds: 60 } : { by };
  const mode = by !== 'cursor' && random.chance(0.6) ? 'mirror' : 'upsert';
  return writtenSync(syncId, {
    changes,
    destination: { mode },
    guards: { maxDeletes: 1 + random.below(6), maxDeleteRatio: 0.5, maxShrink: 0.3 },
  });
}

function watch(world: World, events: string[]): void {
  const { base, oracle, account, syncs } = world;
  base.state.onWrite((key, before: Item | undefined, after: Item) => {
    events.push(`${base.clock.now()} ${key.partition} ${key.sort} ${JSON.stringify(after)}`);
    if (key.partition === SYNC_PARTITION) checkTransition(oracle, key.sort, before, after);
  });
  account.onApply = (syncId, epoch, { operation }, key) => {
    checkApply(oracle, syncId, epoch, operation, key);
  };
  const look = (): void => {
    for (const syncId of syncs.keys()) {
      checkQueued(oracle, syncId, (epoch) => base.queue.holds(syncId, epoch));
    }
    base.clock.schedule(base.clock.now() + MINUTE_MS, look);
  };
  look();
}

/** No more faults, no more edits; what people had put off is done. */
function comeToRest(world: World): void {
  world.faults.stop();
  world.isQuiet = true;
  world.account.downUntil = 0;
  for (const { editor } of world.syncs.values()) editor.restore();
}
