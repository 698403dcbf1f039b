/**
 * What people look at: each sync's state, what its run has done so far, and its last runs. No row values.
 */
import { STATUS_RUNS_MAX } from '../core/limits.ts';
import { SYNC_PARTITION, shardKey } from '../core/names.ts';
import { addCounts, type Counts, NO_ROWS, unpackCounts } from '../core/outcomes.ts';
import type { Hold, Phase, RunResult, SyncState } from '../core/run.ts';
import type { ExtractionCounts } from '../core/stage.ts';
import type { DefinitionStatus, Item, Ports } from '../ports.ts';
import { type RunRecord, readRun, readSync, syncOf } from './sync-state.ts';
import { type Waiting, waitingOf } from './waiting.ts';

export type SyncStatus = {
  readonly syncId: string;
  readonly phase: Phase;
  readonly epoch: number;
  readonly paused: SyncState['paused'] | null;
  readonly hold: Hold | null;
  readonly waiting: Waiting | null;
  readonly notBefore: number;
  readonly lastScheduled: number;
  readonly wanted: number;
  readonly watermark: string | null;
  /** Rows of the model at the last commit; -1 before the first. */
  readonly modelRows: number;
  /** Lines of the failure set. */
  readonly failures: number;
  readonly dirtyEpochs: number;
  readonly definition: DefinitionStatus | null;
  /** Newest first, the active one included. */
  readonly runs: readonly RunStatus[];
};

export type RunStatus = {
  readonly epoch: number;
  readonly definitionVersion: number;
  readonly state: Phase | RunResult['ended'] | 'ended';
  readonly code: string | null;
  readonly reason: string | null;
  readonly endedAt: number | null;
  readonly startedAt: number | null;
  /** Batches settled of batches cut; both 0 before the cut. */
  readonly settled: number;
  readonly batches: number;
  readonly counts: Counts;
  readonly extraction: ExtractionCounts | null;
  readonly failures: number;
};

export type StatusPorts = Pick<Ports, 'state' | 'objects' | 'definitions' | 'clock'>;

/** One sync, with its last runs; or all of them, each with its last run only. */
export async function syncStatus(
  ports: StatusPorts,
  input: { readonly syncId?: string },
): Promise<readonly SyncStatus[]> {
  if (input.syncId !== undefined) {
    const sync = await readSync(ports.state, input.syncId);
    return sync === undefined ? [] : [await statusOf(ports, sync, STATUS_RUNS_MAX)];
  }
  const all: SyncStatus[] = [];
  for await (const { sort, partition: _, ...item } of ports.state.list(SYNC_PARTITION)) {
    all.push(await statusOf(ports, syncOf(item, sort), 1));
  }
  return all;
}

async function statusOf(ports: StatusPorts, sync: SyncState, runsMax: number): Promise<SyncStatus> {
  const runs: RunStatus[] = [];
  for (let epoch = sync.epoch; epoch > 0 && runs.length < runsMax; epoch -= 1) {
    const run = await readRun(ports.state, sync.syncId, epoch);
    if (run !== undefined || epoch === sync.epoch) runs.push(await runStatus(ports, sync, epoch, run));
    else break;
  }
  const { syncId, phase, epoch, notBefore, lastScheduled, wanted, watermark } = sync;
  return {
    ...{ syncId, phase, epoch, notBefore, lastScheduled, wanted, watermark },
    paused: sync.paused ?? null,
    hold: sync.hold ?? null,
    waiting: await waitingOf(ports, sync),
    modelRows: sync.lastCount,
    failures: sync.failures?.count ?? 0,
    dirtyEpochs: sync.dirty.length,
    definition: (await ports.definitions.status(sync.syncId)) ?? null,
    runs,
  };
}

async function runStatus(
  ports: StatusPorts,
  sync: SyncState,
  epoch: number,
  run: RunRecord | undefined,
): Promise<RunStatus> {
  const { result } = run ?? {};
  const isActive = epoch === sync.epoch && sync.phase !== 'idle';
  const cut = run?.sealed?.cut ?? (isActive ? sync.cut : undefined);
  const progress = await settledSoFar(
    ports,
    sync.syncId,
    epoch,
    run,
    cut?.batches ?? 0,
    cut?.shardBatches ?? 1,
  );
  return {
    epoch,
    definitionVersion: run?.definitionVersion ?? sync.definitionVersion,
    state: result?.ended ?? (isActive ? sync.phase : epoch === sync.snapshotEpoch ? 'committed' : 'ended'),
    code: result?.code ?? null,
    reason: result?.reason ?? null,
    endedAt: result?.at ?? null,
    startedAt: isActive ? (sync.startedAt ?? null) : null,
    settled: progress.settled,
    batches: cut?.batches ?? 0,
    counts: result?.counts ?? progress.counts,
    extraction: result?.extraction ?? run?.sealed?.counts ?? null,
    failures: result?.failures ?? 0,
  };
}

async function settledSoFar(
  ports: StatusPorts,
  syncId: string,
  epoch: number,
  run: RunRecord | undefined,
  batches: number,
  shardBatches: number,
): Promise<{ readonly settled: number; readonly counts: Counts }> {
  let settled = 0;
  let counts = NO_ROWS;
  for (let shard = 0; shard * shardBatches < batches; shard += 1) {
    const sum = run?.shardSums.get(shard);
    const found =
      sum === undefined ? settledOf(await ports.state.read(shardKey(syncId, epoch, shard))) : [sum];
    settled += sum === undefined ? found.length : Math.min(shardBatches, batches - shard * shardBatches);
    counts = found.reduce(addCounts, counts);
  }
  return { settled, counts };
}

function settledOf(item: Item | undefined): readonly Counts[] {
  return Object.entries(item ?? {}).flatMap(([name, value]) =>
    /^b\d+$/.test(name) && typeof value === 'string' ? [unpackCounts(value)] : [],
  );
}
