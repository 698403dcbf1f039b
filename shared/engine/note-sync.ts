/**
 * Makes a sync known to whoever lists syncs as soon as its definition is written, not only when its first run starts: one
 * whose schedule never fires would be seen by nobody.
 */
import { syncKey } from '../core/names.ts';
import type { Ports } from '../ports.ts';

/** Nothing when the sync is known; safe to repeat. Throws what the state table threw. */
export async function noteSync({ state }: Pick<Ports, 'state'>, syncId: string): Promise<void> {
  await state.update(syncKey(syncId), {
    when: [{ attribute: 'epoch', is: 'absent' }],
    set: { epoch: 0, phase: 'idle' },
  });
}
