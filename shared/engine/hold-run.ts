/**
 * Holds a run for a person: epoch and stage stay, nothing is sent, no other run starts. It ends by approval (of this
 * very plan), discard, or expiry.
 */
import { HOLD_MS_MAX } from '../core/limits.ts';
import { syncKey } from '../core/names.ts';
import type { Hold, SyncState } from '../core/run.ts';
import type { ExtractionCounts } from '../core/stage.ts';
import type { Ports } from '../ports.ts';
import { announce } from './announce.ts';
import { at } from './sync-state.ts';

/** True when the run is held, by this call or by a repeat that came first. */
export async function holdRun(
  ports: Pick<Ports, 'clock' | 'state' | 'events' | 'telemetry'>,
  sync: SyncState,
  plan: Pick<Hold, 'planHash' | 'reasons'>,
  counts: ExtractionCounts,
): Promise<boolean> {
  const { syncId, epoch } = sync;
  const until = ports.clock.now() + HOLD_MS_MAX;
  const written = await ports.state.update(syncKey(syncId), {
    when: at(epoch, 'extracting'),
    set: { phase: 'held', hold: { ...plan, until } },
    remove: ['leaseUntil'],
  });
  if (!written.applied) return written.item?.epoch === epoch && written.item?.phase === 'held';
  ports.telemetry.log('warn', 'run_held', { syncId, epoch, reasons: plan.reasons.map((one) => one.code) });
  const { extracted, added, changed, removed, invalid } = counts;
  const numbers = { extracted, added, changed, removed, invalid };
  await announce(ports, 'Run Held', { syncId, epoch, ...plan, until, counts: numbers });
  return true;
}
