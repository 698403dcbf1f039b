/**
 * After the flip: what the run came to, on RUN for people, and the event. The flip has already decided, so this may
 * be late and may be repeated; who writes the record announces it.
 */
import type { FailurePointer, RunResult, SyncState } from '../core/run.ts';
import type { Ports } from '../ports.ts';
import { announce } from './announce.ts';
import { recordResult } from './end-run.ts';
import { type RunRecord, settledCounts } from './sync-state.ts';

/** `before`: SYNC as it was just before the flip, when the caller knows it. */
export async function recordCommit(
  ports: Pick<Ports, 'clock' | 'state' | 'events' | 'telemetry'>,
  run: RunRecord,
  failures: FailurePointer | null,
  before?: SyncState,
): Promise<void> {
  if (run.result !== undefined || run.sealed === undefined) return;
  const { syncId, epoch, sealed } = run;
  const counts = await settledCounts(ports.state, sealed.cut, run);
  if (counts === undefined) return;
  const result: RunResult = {
    ended: 'committed',
    at: ports.clock.now(),
    counts,
    extraction: sealed.counts,
    failures: failures?.count ?? 0,
  };
  if (!(await recordResult(ports, syncId, epoch, result))) return;
  const took = before?.startedAt === undefined ? {} : { durationMs: result.at - before.startedAt };
  ports.telemetry.log('info', 'run_committed', { syncId, epoch, ...counts, ...took });
  const { extracted, unchanged, carried } = sealed.counts;
  const rows = { extracted, unchanged, carried, ...counts, failures: result.failures ?? 0 };
  // The first good run after bad ones: whoever was told of those is told of this.
  const healed = before?.trouble === undefined ? {} : { healedRuns: before.trouble.runs };
  await announce(ports, 'Run Committed', { syncId, epoch, ...rows, ...healed });
}
