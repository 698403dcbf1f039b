/** Ends a held run: nothing was sent, so nothing moves and nothing is dirty. Expiry is a discard by the sweep. */
import type { RunCodeOf } from '../core/run-codes.ts';
import { type EndPorts, endRun } from './end-run.ts';
import { readSync } from './sync-state.ts';

export type DiscardResult =
  | { readonly is: 'discarded'; readonly epoch: number }
  | { readonly is: 'refused'; readonly code: 'not_held' | 'another_plan' };

/** Without `planHash` whatever is held is discarded. The next tick of the schedule starts a new run. */
export async function discardHold(
  ports: EndPorts,
  input: { readonly syncId: string; readonly planHash?: string; readonly code?: RunCodeOf<'discarded'> },
): Promise<DiscardResult> {
  const sync = await readSync(ports.state, input.syncId);
  if (sync?.phase !== 'held') return { is: 'refused', code: 'not_held' };
  if (input.planHash !== undefined && sync.hold?.planHash !== input.planHash) {
    return { is: 'refused', code: 'another_plan' };
  }
  const ended = await endRun(ports, sync, { ended: 'discarded', code: input.code ?? 'discarded' });
  return ended ? { is: 'discarded', epoch: sync.epoch } : { is: 'refused', code: 'not_held' };
}
