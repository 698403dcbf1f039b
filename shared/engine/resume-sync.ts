/** Lets a paused sync run again: the sweep starts a run as soon as it may, without waiting for the schedule. */
import { syncKey } from '../core/names.ts';
import type { Ports } from '../ports.ts';
import { announce } from './announce.ts';
import { nextTick } from './end-run.ts';
import { at, readSync } from './sync-state.ts';

export type ResumeResult =
  | { readonly is: 'resumed' }
  | { readonly is: 'refused'; readonly code: 'not_paused' | 'contended' };

export async function resumeSync(
  ports: Pick<Ports, 'clock' | 'state' | 'events' | 'telemetry'>,
  input: { readonly syncId: string },
): Promise<ResumeResult> {
  const { syncId } = input;
  const sync = await readSync(ports.state, syncId);
  if (sync?.paused === undefined) return { is: 'refused', code: 'not_paused' };
  const written = await ports.state.update(syncKey(syncId), {
    when: [...at(sync.epoch, sync.phase), { attribute: 'paused', is: 'present' }],
    set: { wanted: nextTick(sync, ports.clock.now()), resumedAt: ports.clock.now() },
    remove: ['paused'],
  });
  if (!written.applied) return { is: 'refused', code: 'contended' };
  await announce(ports, 'Sync Resumed', { syncId, code: sync.paused.code });
  return { is: 'resumed' };
}
