/**
 * When to stop a run, and how a loader asks for it.
 *
 * Failure storm: a fifth of at least a thousand fresh rows rejected. Fresh = never tried before, so a run that
 * carries only old failures makes no storm. Counted per loader process and run, over all its batches: no read, no
 * write, and a loader that has sent a thousand fresh rows has seen enough of any run.
 *
 * A loader's role cannot write SYNC. It leaves its request on RUN, first one wins, and announces it: finish-run and
 * the sweep find `stop` there and fence the run.
 */
import { STORM_ROWS_MIN, STORM_SHARE } from '../core/limits.ts';
import { runKey } from '../core/names.ts';
import type { LoaderPorts } from '../ports.ts';

export type FreshCounts = { rows: number; rejected: number };

export const noFresh = (): FreshCounts => ({ rows: 0, rejected: 0 });

export const isStorm = ({ rows, rejected }: FreshCounts): boolean =>
  rows >= STORM_ROWS_MIN && rejected >= STORM_SHARE * rows;

export type StopRequest = {
  readonly code: string;
  /** Text for the owner of the sync: no row values. */
  readonly message: string;
  /** The sync waits for a person or for a new definition version. */
  readonly pause: boolean;
};

/** One write and one event; safe to repeat, the first request stays. */
export async function requestStop(
  ports: Pick<LoaderPorts, 'clock' | 'state' | 'events' | 'telemetry' | 'account'>,
  run: { readonly syncId: string; readonly epoch: number },
  stop: StopRequest,
): Promise<void> {
  const { syncId, epoch } = run;
  await ports.state.update(runKey(syncId, epoch), {
    setIfAbsent: { stop: { ...stop, at: ports.clock.now() } },
  });
  ports.telemetry.log('warn', 'run_stop_requested', { syncId, epoch, code: stop.code, pause: stop.pause });
  ports.telemetry.count('run_stop_requested', 1, ports.account.name);
  await ports.events.publish({ type: 'Run Settled', detail: { syncId, epoch, stop: stop.code } });
}
