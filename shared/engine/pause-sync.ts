/**
 * Pauses a sync: no run starts until someone resumes it, and one that is at work is fenced, in the same write.
 */
import { ACQUIRE_TRIES_MAX } from '../core/limits.ts';
import type { Ports } from '../ports.ts';
import { type FencePorts, fenceRun } from './fence-run.ts';
import { pauseIdle } from './pause-idle.ts';
import { readSync } from './sync-state.ts';

export type PauseResult =
  | { readonly is: 'paused'; readonly code: string }
  | { readonly is: 'refused'; readonly code: 'contended' | 'sync_unknown' };

export type PausePorts = FencePorts & Pick<Ports, 'definitions'>;

/** `code`: why, snake_case. A sync that is paused already keeps its first reason. */
export async function pauseSync(
  ports: PausePorts,
  input: { readonly syncId: string; readonly code: string },
): Promise<PauseResult> {
  const { syncId, code } = input;
  for (let turn = 0; turn < ACQUIRE_TRIES_MAX; turn += 1) {
    const sync = await readSync(ports.state, syncId);
    if (sync?.paused !== undefined) return { is: 'paused', code: sync.paused.code };
    // A typing error must not look as if a sync had stopped; one that never ran can be paused.
    if (sync === undefined && (await ports.definitions.accepted(syncId)) === undefined) {
      return { is: 'refused', code: 'sync_unknown' };
    }
    if (sync === undefined || sync.phase === 'idle') {
      if (await pauseIdle(ports, { syncId, code }, sync)) return { is: 'paused', code };
      continue;
    }
    const fenced = await fenceRun(ports, { syncId, epoch: sync.epoch, code, pause: true });
    if (fenced.is === 'fenced') return { is: 'paused', code };
  }
  return { is: 'refused', code: 'contended' };
}
