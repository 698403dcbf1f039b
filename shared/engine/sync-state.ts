/**
 * SYNC, RUN and SHARD items as the engine reads them, and the conditions that every write to SYNC names.
 * Reads are strongly consistent; nothing here decides, it only gives shapes to what lies in the state table.
 */
import { runKey, shardKey, syncKey } from '../core/names.ts';
import { addCounts, type Counts, NO_ROWS, unpackCounts } from '../core/outcomes.ts';
import type { Cut, Phase, RunState, SyncState } from '../core/run.ts';
import { runItemSchema, syncItemSchema } from '../core/state-items.ts';
import type { Condition, Item, StateStore } from '../ports.ts';

/** The state of a sync, or undefined before its first run. Throws ZodError on an item that is not ours. */
export async function readSync(state: StateStore, syncId: string): Promise<SyncState | undefined> {
  const item = await state.read(syncKey(syncId));
  return item === undefined ? undefined : syncOf(item, syncId);
}

/** A SYNC item as an update returned it. */
export function syncOf(item: Item, syncId: string): SyncState {
  return { ...defined(syncItemSchema.parse(item)), syncId } as SyncState;
}

/** What a sync is before its first run. */
export function freshSync(syncId: string): SyncState {
  return { ...(syncItemSchema.parse({}) as Omit<SyncState, 'syncId'>), syncId };
}

/**
 * Since when a run may send, undefined while it is not known. A run that a former version began to send has its start
 * alone, and may stand beside what a still older run left behind.
 */
export function sendingSince({ startedAt, loadingSince }: SyncState): number | undefined {
  if (loadingSince === undefined) return startedAt;
  return Math.max(loadingSince, startedAt ?? 0);
}

/** The conditions that tie a write to one run in one phase. */
export function at(epoch: number, phase: Phase): readonly Condition[] {
  return [
    { attribute: 'epoch', is: '=', value: epoch },
    { attribute: 'phase', is: '=', value: phase },
  ];
}

/** The RUN item of one epoch and its rolled-up shards (by shard number). */
export type RunRecord = RunState & { readonly shardSums: ReadonlyMap<number, Counts> };

export async function readRun(
  state: StateStore,
  syncId: string,
  epoch: number,
): Promise<RunRecord | undefined> {
  const item = await state.read(runKey(syncId, epoch));
  return item === undefined ? undefined : runOf(item, syncId, epoch);
}

/** A RUN item as an update returned it. */
export function runOf(item: Item, syncId: string, epoch: number): RunRecord {
  const shardSums = new Map<number, Counts>();
  for (const [name, value] of Object.entries(item)) {
    if (/^s\d+$/.test(name) && typeof value === 'string')
      shardSums.set(Number(name.slice(1)), unpackCounts(value));
  }
  return { ...defined(runItemSchema.parse(item)), syncId, epoch, shardSums } as RunRecord;
}

/**
 * The sum over all batches of a run, or undefined while one is not settled. Rolled-up shards come from RUN, the
 * others from their SHARD items, so a roll-up that was lost delays nothing.
 */
export async function settledCounts(
  state: StateStore,
  cut: Cut,
  run: RunRecord,
): Promise<Counts | undefined> {
  let sum = NO_ROWS;
  for (let shard = 0; shard * cut.shardBatches < cut.batches; shard += 1) {
    const counts = run.shardSums.get(shard) ?? (await shardCounts(state, cut, run, shard));
    if (counts === undefined) return undefined;
    sum = addCounts(sum, counts);
  }
  return sum;
}

async function shardCounts(
  state: StateStore,
  cut: Cut,
  run: RunRecord,
  shard: number,
): Promise<Counts | undefined> {
  const item = await state.read(shardKey(run.syncId, run.epoch, shard));
  let sum = NO_ROWS;
  const batches = Math.min(cut.shardBatches, cut.batches - shard * cut.shardBatches);
  for (let ordinal = 0; ordinal < batches; ordinal += 1) {
    const packed = item?.[`b${ordinal}`];
    if (typeof packed !== 'string') return undefined;
    sum = addCounts(sum, unpackCounts(packed));
  }
  return sum;
}

/** Without the names whose value is undefined: an optional attribute is absent, never undefined. */
function defined<T extends object>(record: T): T {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as T;
}
