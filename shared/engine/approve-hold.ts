/**
 * A person approves a held run, by the hash of its plan: this very epoch goes on, through the same path as a run
 * that was never held. What is sent is what was looked at, because the stage is immutable and the hash is made anew.
 */
import { Fault } from '../core/fault.ts';
import type { SyncState } from '../core/run.ts';
import { findCounts, readFrozen, readStageManifest } from './frozen.ts';
import { planHashOf } from './plan-hash.ts';
import { accountOf, type SendPlan, type SendRunPorts, sendRun } from './send-run.ts';
import { readSync } from './sync-state.ts';

export type ApproveInput = {
  readonly syncId: string;
  readonly planHash: string;
  readonly signal: AbortSignal;
};

export type ApproveResult =
  | { readonly is: 'approved'; readonly epoch: number }
  | { readonly is: 'refused'; readonly code: 'not_held' | 'another_plan' | 'expired' };

/**
 * Throws a `config` Fault when the account is gone. When it throws a transient one the approval may have been
 * taken: the sweep then goes on with the run.
 */
export async function approveHold(ports: SendRunPorts, input: ApproveInput): Promise<ApproveResult> {
  const sync = await readSync(ports.state, input.syncId);
  if (sync?.phase !== 'held' || sync.hold === undefined) return { is: 'refused', code: 'not_held' };
  if (sync.hold.planHash !== input.planHash) return { is: 'refused', code: 'another_plan' };
  if (ports.clock.now() >= sync.hold.until) return { is: 'refused', code: 'expired' };
  const plan = await heldPlan(ports, sync);
  if (plan.planHash !== input.planHash) return { is: 'refused', code: 'another_plan' };
  ports.telemetry.log('info', 'hold_approved', { syncId: sync.syncId, epoch: sync.epoch });
  const sent = await sendRun(ports, plan, input.signal);
  if (sent.is === 'stale') return { is: 'refused', code: 'not_held' };
  return { is: 'approved', epoch: sync.epoch };
}

async function heldPlan(
  ports: SendRunPorts,
  sync: SyncState,
): Promise<SendPlan & { readonly planHash: string }> {
  const { syncId, epoch } = sync;
  const counts = await findCounts(ports.objects, syncId, epoch);
  if (counts === undefined) throw new Fault('bug', 'counts_missing', 'a held run has no counts');
  const { definition } = await readFrozen(ports.objects, syncId, epoch);
  const account = accountOf(ports.settings, definition.sync.destination.account);
  const stage = await readStageManifest(ports.objects, syncId, epoch, account.name);
  const planHash = planHashOf({ definitionVersion: definition.version, epoch, counts, stage });
  return { sync, account, counts, stage, planHash };
}
