/**
 * A definition was deleted: its run is fenced, its schedule and what the warehouse keeps for it are removed. SYNC
 * stays, because an epoch must never be used twice; it forgets its generation, so that a definition of the same
 * name starts afresh. What the destination holds is left as it is.
 *
 * In this order, each step safe to repeat: no new run can start once the accepted version is gone. The warehouse is last,
 * because it may make one wait for long: its author is told before that the definition is gone.
 */
import { Fault } from '../core/fault.ts';
import { ACQUIRE_TRIES_MAX } from '../core/limits.ts';
import { syncKey } from '../core/names.ts';
import type { SyncState } from '../core/run.ts';
import type { RunCode } from '../core/run-codes.ts';
import type { Ports } from '../ports.ts';
import { type FencePorts, fenceRun } from './fence-run.ts';
import { at, readSync } from './sync-state.ts';

export type DeletePorts = FencePorts & Pick<Ports, 'definitions' | 'schedules' | 'warehouse'>;

/** Throws what the ports threw, and a run that keeps starting: repeat. */
export async function deleteSync(ports: DeletePorts, input: { readonly syncId: string }): Promise<void> {
  const { syncId } = input;
  await ports.definitions.forget(syncId);
  await ports.schedules.remove(syncId);
  const epoch = await stopRun(ports, syncId);
  await ports.definitions.setStatus(syncId, {
    state: 'deleted',
    version: 0,
    at: ports.clock.now(),
    answers: '',
    faults: [],
  });
  await ports.warehouse.forget(syncId, epoch);
}

/** Gives the last epoch. A run that was starting just now may come in between, once: no other can. */
async function stopRun(ports: DeletePorts, syncId: string): Promise<number> {
  for (let turn = 0; turn < ACQUIRE_TRIES_MAX; turn += 1) {
    const sync = await readSync(ports.state, syncId);
    if (sync === undefined) return 0;
    if (sync.phase === 'idle') {
      if (await startAfresh(ports, sync)) return sync.epoch;
    } else {
      await fenceRun(ports, { syncId, epoch: sync.epoch, code: 'definition_deleted' satisfies RunCode });
    }
  }
  throw new Fault('transient', 'sync_contended', 'the sync kept changing while it was deleted');
}

async function startAfresh(ports: DeletePorts, sync: SyncState): Promise<boolean> {
  const written = await ports.state.update(syncKey(sync.syncId), {
    when: at(sync.epoch, 'idle'),
    set: { generation: '', wanted: 0 },
    remove: ['paused', 'trouble'],
  });
  return written.applied;
}
