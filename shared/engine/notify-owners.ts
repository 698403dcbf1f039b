/**
 * From time to time, for every sync that may be in trouble or was: what an event should have said and did not, what
 * had to wait for its hour, and what is worth a reminder.
 */
import { asFault } from '../core/fault.ts';
import { NOTICE_PARTITION, SYNC_PARTITION } from '../core/names.ts';
import { notifyOwner, type OwnerPorts } from './notify-owner.ts';
import { mayBeTrouble } from './notify-owner-facts.ts';
import { noticeOf } from './notify-owner-notice.ts';
import { syncOf } from './sync-state.ts';

/** One sync that cannot be helped does not keep the others waiting; throws when the lists cannot be read. */
export async function notifyOwners(
  ports: OwnerPorts,
  { signal }: { readonly signal: AbortSignal },
): Promise<{ readonly looked: number; readonly failed: number }> {
  let failed = 0;
  const candidates = await candidatesOf(ports);
  for (const syncId of candidates) {
    if (signal.aborted) break;
    try {
      await notifyOwner(ports, { syncId });
    } catch (error) {
      failed += 1;
      ports.telemetry.log('warn', 'owner_not_notified', { syncId, fault: asFault(error).code });
    }
  }
  return { looked: candidates.size, failed };
}

async function candidatesOf({ state }: OwnerPorts): Promise<ReadonlySet<string>> {
  const candidates = new Set<string>();
  for await (const { sort, partition: _, ...item } of state.list(SYNC_PARTITION)) {
    if (mayBeTrouble(syncOf(item, sort))) candidates.add(sort);
  }
  for await (const { sort, partition: _, ...item } of state.list(NOTICE_PARTITION)) {
    if (noticeOf(item).told !== undefined) candidates.add(sort);
  }
  return candidates;
}
