/**
 * Abandons a run: nothing moves, and if something may have been sent its epoch becomes dirty. Loaders of the epoch
 * stop within one batch, because each reads SYNC first; no other run starts before the grace has passed, because
 * one that has read SYNC already may still be sending.
 */
import { asFault } from '../core/fault.ts';
import type { SyncState } from '../core/run.ts';
import type { Ports } from '../ports.ts';
import { type EndPorts, endRun } from './end-run.ts';
import { pauseIdle } from './pause-idle.ts';
import { readRun, readSync } from './sync-state.ts';

export type FencePorts = EndPorts & Partial<Pick<Ports, 'warehouse'>>;

export type FenceInput = {
  readonly syncId: string;
  readonly epoch: number;
  /** Why, snake_case; when `pause` is set it is also why the sync is paused. */
  readonly code: string;
  readonly pause?: boolean;
  /** For the owner of the sync; no row value. */
  readonly reason?: string;
  /** Start another run as soon as the grace has passed. */
  readonly again?: boolean;
  /** A destination asked for a longer silence than the grace: epoch milliseconds. */
  readonly notBefore?: number;
};

export async function fenceRun(
  ports: FencePorts,
  input: FenceInput,
): Promise<{ readonly is: 'fenced' | 'stale' }> {
  const sync = await readSync(ports.state, input.syncId);
  if (sync === undefined || sync.epoch !== input.epoch) return { is: 'stale' };
  if (sync.phase === 'idle') return pauseEnded(ports, input);
  const { code, reason, pause = false, again = false } = input;
  const notBefore = Math.max(silenceUntil(ports, sync), input.notBefore ?? 0);
  const fenced = await endRun(ports, sync, {
    ...{ ended: 'fenced', code, pause, again, notBefore },
    ...(reason === undefined ? {} : { reason }),
  });
  if (!fenced) return pauseEnded(ports, input);
  await cancelStatement(ports, sync);
  return { is: 'fenced' };
}

/**
 * The run has ended otherwise: a sync that was to stop stops all the same. Not after a commit or a deletion, nor when the
 * run's own end was this pause, which somebody has taken back since.
 */
async function pauseEnded(ports: FencePorts, input: FenceInput): Promise<{ readonly is: 'stale' }> {
  const { syncId, epoch, code, pause = false } = input;
  if (!pause) return { is: 'stale' };
  const sync = await readSync(ports.state, syncId);
  const isOver = sync?.epoch === epoch && sync.phase === 'idle' && sync.snapshotEpoch !== epoch;
  if (!isOver || sync.paused !== undefined || sync.generation === '') return { is: 'stale' };
  const run = await readRun(ports.state, syncId, epoch);
  if (run?.result?.code !== code) await pauseIdle(ports, input, sync);
  return { is: 'stale' };
}

/** Only a run that was sending needs silence after it. */
function silenceUntil(ports: FencePorts, sync: SyncState): number {
  return sync.phase === 'loading' ? ports.clock.now() + ports.settings.graceMs : sync.notBefore;
}

/** Best effort: a statement that goes on leaves only a stage that nobody reads. */
async function cancelStatement(ports: FencePorts, sync: SyncState): Promise<void> {
  if (ports.warehouse === undefined || sync.phase !== 'extracting') return;
  try {
    const run = await readRun(ports.state, sync.syncId, sync.epoch);
    if (run?.statementId !== undefined) await ports.warehouse.cancel(run.statementId);
  } catch (error) {
    const fault = asFault(error).code;
    ports.telemetry.log('warn', 'statement_not_cancelled', { syncId: sync.syncId, epoch: sync.epoch, fault });
  }
}
