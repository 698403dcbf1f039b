/**
 * Once a day, for every sync: runs that have ended and have no audit record, because the event that tells of an end
 * was lost. Names are listed, so nothing is written to find out.
 */
import { asFault } from '../core/fault.ts';
import { AUDIT_CATCH_UP_RUNS_MAX } from '../core/limits.ts';
import { auditedEpoch, auditRunKey, auditRunsPrefix, SYNC_PARTITION } from '../core/names.ts';
import type { SyncState } from '../core/run.ts';
import { type AuditPorts, auditRun } from './audit.ts';
import { syncOf } from './sync-state.ts';

/** One sync that cannot be helped does not keep the others waiting; throws when the syncs cannot be listed. */
export async function auditMissingRuns(
  ports: AuditPorts,
  { signal }: { readonly signal: AbortSignal },
): Promise<{ readonly looked: number; readonly failed: number }> {
  let looked = 0;
  let failed = 0;
  for await (const { sort, partition: _, ...item } of ports.state.list(SYNC_PARTITION)) {
    if (signal.aborted) break;
    looked += 1;
    try {
      await auditMissing(ports, syncOf(item, sort), signal);
    } catch (error) {
      failed += 1;
      ports.telemetry.log('warn', 'runs_not_audited', { syncId: sort, fault: asFault(error).code });
    }
  }
  return { looked, failed };
}

async function auditMissing(
  ports: AuditPorts,
  { syncId, epoch }: SyncState,
  signal: AbortSignal,
): Promise<void> {
  const before = Math.max(0, epoch - AUDIT_CATCH_UP_RUNS_MAX);
  const there = new Set<number | undefined>();
  for await (const key of ports.audit.names(auditRunsPrefix(syncId), auditRunKey(syncId, before)))
    there.add(auditedEpoch(key));
  for (let missing = before + 1; missing <= epoch && !signal.aborted; missing += 1) {
    // The run before the last may be about to write its result; the one before that is not.
    if (!there.has(missing)) await auditRun(ports, { syncId, epoch: missing, isOver: missing < epoch - 1 });
  }
}
