/**
 * From guards passed to sealed: the one path for a run that just finished extracting, for a held one that was
 * approved, and for every repeat of either.
 *
 * Order matters. SYNC goes to `loading` before the first send, or a loader that is quicker than we are would drop
 * its batch for ever; the cut is in that same write. The seal comes after the last send, so an unsealed run is one
 * whose fan-out must be repeated.
 */
import { makeCut } from '../core/batches.ts';
import { Fault } from '../core/fault.ts';
import { runKey, syncKey } from '../core/names.ts';
import type { Cut, Seal, SyncState } from '../core/run.ts';
import type { ExtractionCounts, StageManifest } from '../core/stage.ts';
import type { AccountSettings, Ports } from '../ports.ts';
import { type FinishPorts, type FinishResult, finishRun } from './finish-run.ts';
import { type SendPorts, sendBatches } from './send-batches.ts';
import { at, syncOf } from './sync-state.ts';

export type SendRunPorts = FinishPorts & SendPorts;

export type SendPlan = {
  /** As read: extracting, held, or loading for a repeat. */
  readonly sync: SyncState;
  readonly account: AccountSettings;
  readonly counts: ExtractionCounts;
  readonly stage: StageManifest;
};

/** Throws transient Faults of `sendBatches` and of the ports: repeat the fan-out. */
export async function sendRun(
  ports: SendRunPorts,
  plan: SendPlan,
  signal: AbortSignal,
): Promise<FinishResult> {
  const { syncId, epoch } = plan.sync;
  const cut = await enterLoading(ports, plan);
  if (cut === undefined) return { is: 'stale' };
  await sendBatches(ports, { syncId, epoch, account: plan.account.name, cut }, signal);
  await seal(ports, plan, cut);
  // A quick loader may have settled the last batch before the seal: nobody else would finish the run then.
  return finishRun(ports, { syncId, epoch });
}

/** The cut that holds for this run, whoever wrote it; undefined when the run has moved on. */
async function enterLoading(ports: SendRunPorts, plan: SendPlan): Promise<Cut | undefined> {
  const { sync } = plan;
  if (sync.phase === 'loading') return sync.cut;
  const now = ports.clock.now();
  const { settings } = ports;
  const written = await ports.state.update(syncKey(sync.syncId), {
    when: at(sync.epoch, sync.phase),
    set: {
      phase: 'loading',
      cut: makeCut(plan.stage, plan.account),
      loadingSince: now,
      deadline: now + settings.runStallMs,
      leaseUntil: now + settings.extractorLeaseMs,
    },
    remove: ['hold'],
  });
  const after = written.item === undefined ? undefined : syncOf(written.item, sync.syncId);
  if (after?.epoch !== sync.epoch || after.phase !== 'loading') return undefined;
  return after.cut;
}

async function seal(ports: Pick<Ports, 'state'>, plan: SendPlan, cut: Cut): Promise<void> {
  const { sync, counts } = plan;
  const sealed: Seal = {
    shards: Math.ceil(cut.batches / cut.shardBatches),
    cut,
    counts,
    candidateWatermark: candidateWatermark(sync, counts),
  };
  await ports.state.update(runKey(sync.syncId, sync.epoch), { setIfAbsent: { sealed } });
}

/** Never back, and never past rows that an empty table may have hidden for a moment. */
export function candidateWatermark(
  sync: Pick<SyncState, 'watermark'>,
  counts: Pick<ExtractionCounts, 'hi' | 'modelRows'>,
): string | null {
  const { hi, modelRows } = counts;
  if (hi === null || modelRows === 0) return sync.watermark;
  return sync.watermark === null || hi > sync.watermark ? hi : sync.watermark;
}

/** The account that the frozen definition names; a `config` Fault when this environment no longer has it. */
export function accountOf(settings: Ports['settings'], name: string): AccountSettings {
  const account = settings.accounts[name];
  if (account !== undefined) return account;
  throw new Fault('config', 'account_unknown', `this environment has no destination account ${name}`, {
    remedy: 'add the account to the environment, or name another one in the definition',
    path: 'destination.account',
  });
}
