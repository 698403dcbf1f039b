/**
 * All batches are settled: check that every row is accounted for, name the failure set, and flip. Any loader's
 * event, the fan-out and the sweep may call it, together and again; the flip is one conditional write, so one wins.
 */
import { failureManifestKey, failureObjectLines, failuresPrefix, syncKey } from '../core/names.ts';
import { type Counts, isConserved } from '../core/outcomes.ts';
import type { Cut, FailurePointer, Seal, SyncState } from '../core/run.ts';
import type { RunCodeOf } from '../core/run-codes.ts';
import type { CopyManifest } from '../core/stage.ts';
import type { Ports } from '../ports.ts';
import { RUN_ATTRIBUTES } from './end-run.ts';
import { type FencePorts, fenceRun } from './fence-run.ts';
import { readCarriedManifest, readFrozen, readStageManifest } from './frozen.ts';
import { recordCommit } from './record-commit.ts';
import { retireFailures } from './retire-failures.ts';
import { at, type RunRecord, readRun, readSync, settledCounts, syncOf } from './sync-state.ts';

export type FinishPorts = FencePorts & Pick<Ports, 'ids' | 'objects'>;

export type FinishResult =
  | { readonly is: 'committed' | 'loading' | 'stale' }
  | { readonly is: 'fenced'; readonly code: string };

/** Throws transient Faults of the ports: repeat. */
export async function finishRun(
  ports: FinishPorts,
  input: { readonly syncId: string; readonly epoch: number },
): Promise<FinishResult> {
  const { syncId, epoch } = input;
  const sync = await readSync(ports.state, syncId);
  if (sync === undefined || sync.epoch !== epoch) return { is: 'stale' };
  const run = await readRun(ports.state, syncId, epoch);
  if (isFlipped(sync, epoch)) {
    if (run !== undefined) await recordCommit(ports, run, sync);
    if (run?.result === undefined) await retireFailures(ports, sync);
    return { is: 'committed' };
  }
  if (sync.phase !== 'loading' || sync.cut === undefined) return { is: 'stale' };
  if (run?.stop !== undefined) return stopRun(ports, run, run.stop);
  if (run?.sealed === undefined) return { is: 'loading' };
  const counts = await settledCounts(ports.state, sync.cut, run);
  if (counts === undefined) return { is: 'loading' };
  return settle(ports, { sync, run, cut: sync.cut, sealed: run.sealed, counts });
}

export const isFlipped = (sync: SyncState, epoch: number): boolean =>
  sync.phase === 'idle' && sync.epoch === epoch && sync.snapshotEpoch === epoch;

/** A loader cannot write SYNC: it asks, and this fences. */
async function stopRun(
  ports: FinishPorts,
  { syncId, epoch }: RunRecord,
  { code, message, pause }: NonNullable<RunRecord['stop']>,
): Promise<FinishResult> {
  await fenceRun(ports, { syncId, epoch, code, pause, reason: message });
  return { is: 'fenced', code };
}

type Settled = {
  readonly sync: SyncState;
  readonly run: RunRecord;
  readonly cut: Cut;
  readonly sealed: Seal;
  readonly counts: Counts;
};

async function settle(ports: FinishPorts, settled: Settled): Promise<FinishResult> {
  const { sync, run } = settled;
  const { syncId, epoch } = sync;
  const failures = await listFailures(ports, settled);
  const code = await miscount(ports, settled, failures.settledLines);
  if (code !== undefined) {
    const ended = await fenceRun(ports, { syncId, epoch, code, pause: true });
    // Whoever committed it in the meantime has marked older failures, which were read as missing: nothing is wrong then.
    if (ended.is === 'stale') return { is: 'stale' };
    ports.telemetry.log('error', code, { syncId, epoch, ...settled.counts });
    return { is: 'fenced', code };
  }
  const pointer = await writeFailures(ports, sync, failures);
  if (!(await flip(ports, settled, pointer))) return { is: 'stale' };
  // First: people wait for the record, and for older failure sets nobody does.
  await recordCommit(ports, run, { failures: pointer, ...healing(sync) }, sync.startedAt);
  await retireFailures(ports, sync, sync);
  return { is: 'committed' };
}

/** I2: what went in equals what came out, or something is wrong with us and nothing may move. */
async function miscount(
  ports: FinishPorts,
  { sync, cut, sealed, counts }: Settled,
  failureLines: number,
): Promise<RunCodeOf<'pause'> | undefined> {
  const { extracted } = sealed.counts;
  if (!isConserved(counts) || counts.rows !== extracted) return 'counts_do_not_add_up';
  // Lines can be more than failures (a batch delivered twice), never fewer.
  if (failureLines < counts.rejected + counts.dead) return 'failures_not_recorded';
  if (cut.batches === 0) return undefined;
  const { syncId, epoch } = sync;
  const { account } = (await readFrozen(ports.objects, syncId, epoch)).definition.sync.destination;
  const stage = await readStageManifest(ports.objects, syncId, epoch, account);
  return stage.rows === extracted ? undefined : 'stage_miscounted';
}

type FailureList = { readonly manifest: CopyManifest; readonly lines: number; readonly settledLines: number };

/** Failure objects by name, which carries their lines, and the carried files; nothing is read. */
async function listFailures(ports: FinishPorts, { sync, sealed }: Settled): Promise<FailureList> {
  const entries: CopyManifest['entries'][number][] = [];
  const add = (key: string, bytes: number): void => {
    entries.push({ url: ports.objects.url(key), mandatory: true, meta: { content_length: bytes } });
  };
  let settledLines = 0;
  for await (const { key, bytes } of ports.objects.list(failuresPrefix(sync.syncId, sync.epoch))) {
    settledLines += failureObjectLines(key) ?? 0;
    add(key, bytes);
  }
  if (sealed.counts.carried === 0) return { manifest: { entries }, lines: settledLines, settledLines };
  const carried = await readCarriedManifest(ports.objects, sync.syncId, sync.epoch);
  for (const file of carried.files) add(file.key, file.bytes);
  return { manifest: { entries }, lines: settledLines + carried.rows, settledLines };
}

async function writeFailures(
  ports: FinishPorts,
  sync: SyncState,
  { manifest, lines }: FailureList,
): Promise<FailurePointer | null> {
  if (lines === 0) return null;
  const key = failureManifestKey(sync.syncId, sync.epoch, ports.ids.next());
  await ports.objects.put(key, JSON.stringify(manifest));
  return { manifest: key, count: lines };
}

/** The single write that ends a run: watermark, snapshot and failures move together, once. */
async function flip(
  ports: FinishPorts,
  { sync, cut, sealed }: Settled,
  failures: FailurePointer | null,
): Promise<boolean> {
  // A run that sent nothing leaves nobody behind who could still be sending.
  const graceMs = cut.batches === 0 ? 0 : ports.settings.graceMs;
  const written = await ports.state.update(syncKey(sync.syncId), {
    when: at(sync.epoch, 'loading'),
    set: {
      phase: 'idle',
      watermark: sealed.candidateWatermark,
      snapshotEpoch: sync.epoch,
      failures,
      dirty: [],
      lastCount: sealed.counts.modelRows,
      notBefore: ports.clock.now() + graceMs,
      committedAt: ports.clock.now(),
      ...healing(sync),
    },
    remove: [...RUN_ATTRIBUTES, 'trouble', ...(sync.trouble === undefined ? ['healedRuns'] : [])],
  });
  if (written.applied) return true;
  return written.item !== undefined && isFlipped(syncOf(written.item, sync.syncId), sync.epoch);
}

/** `trouble` goes with the flip; what is left of it is for whoever records the commit. */
const healing = ({ trouble }: SyncState): Pick<SyncState, 'healedRuns'> =>
  trouble === undefined ? {} : { healedRuns: trouble.runs };
