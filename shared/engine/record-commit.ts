/**
 * After the flip: what the run came to, on RUN for people, and the event. The flip has already decided, so this may
 * be late and may be repeated; who writes the record announces it, and whoever that is finds what to say in `sync`.
 */
import type { RunResult, SyncState } from '../core/run.ts';
import type { Ports } from '../ports.ts';
import { announce } from './announce.ts';
import { recordResult } from './end-run.ts';
import { type RunRecord, settledCounts } from './sync-state.ts';

/** `sync`: as the flip left it. `startedAt`: when the run began, if the caller still knows. */
export async function recordCommit(
  ports: Pick<Ports, 'clock' | 'state' | 'events' | 'telemetry'>,
  run: RunRecord,
  { failures, healedRuns }: Pick<SyncState, 'failures' | 'healedRuns'>,
  startedAt?: number,
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
  const took = startedAt === undefined ? {} : { durationMs: result.at - startedAt };
  ports.telemetry.log('info', 'run_committed', { syncId, epoch, ...counts, ...took });
  const { extracted, unchanged, carried } = sealed.counts;
  const rows = { extracted, unchanged, carried, ...counts, failures: result.failures ?? 0 };
  // The first good run after bad ones: whoever was told of those is told of this.
  const healed = healedRuns === undefined ? {} : { healedRuns };
  await announce(ports, 'Run Committed', { syncId, epoch, ...rows, ...healed });
}
