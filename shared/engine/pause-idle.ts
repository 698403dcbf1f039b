/** Pauses a sync that has no run at work: one write, and nobody starts a run until someone resumes it. */
import { syncKey } from '../core/names.ts';
import type { SyncState } from '../core/run.ts';
import type { Ports } from '../ports.ts';
import { announce } from './announce.ts';
import { pausedBy } from './end-run.ts';
import { at } from './sync-state.ts';

export type IdlePause = {
  readonly syncId: string;
  /** Why, snake_case. */
  readonly code: string;
  /** For the owner of the sync; no row value. */
  readonly reason?: string | undefined;
};

/** `sync` as read, idle, or undefined before its first run; false when it has changed since. */
export async function pauseIdle(
  ports: Pick<Ports, 'clock' | 'state' | 'events' | 'telemetry'>,
  { syncId, code, reason }: IdlePause,
  sync: SyncState | undefined,
): Promise<boolean> {
  const paused = pausedBy(code, ports.clock.now(), sync?.definitionVersion ?? 0);
  const written = await ports.state.update(syncKey(syncId), {
    when: sync === undefined ? [{ attribute: 'epoch', is: 'absent' }] : at(sync.epoch, 'idle'),
    set: sync === undefined ? { epoch: 0, phase: 'idle', paused } : { paused },
  });
  const said = reason === undefined ? {} : { reason };
  if (written.applied) await announce(ports, 'Sync Paused', { syncId, code, ...said });
  return written.applied;
}
