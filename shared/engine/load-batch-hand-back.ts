/** How long a message that goes back stays hidden: long enough that nobody asks in vain all day, short enough to settle. */
import {
  HAND_BACK_AGE_SHARE,
  HAND_BACK_JITTER_MS_MAX,
  HAND_BACK_JITTER_SHARE,
  HAND_BACK_STALL_SHARE,
  HAND_BACKS_PER_STALL,
  VISIBILITY_MS_MAX,
} from '../core/limits.ts';
import type { LoaderPorts } from '../ports.ts';
import type { Stop } from './load-batch-delivery.ts';

export type HandBack = {
  readonly stop: Pick<Stop, 'code' | 'afterMs'>;
  /** The delivery made some of its rows final. */
  readonly gotOn: boolean;
  readonly receivedAt: number;
  /** Since when the run sends; absent: not known. */
  readonly sendingSince: number | undefined;
};

/**
 * Visibility in milliseconds. At least a five-hundredth of the stall time, so that a run is fenced long before its
 * messages have been received a thousand times; it grows with the time that the run has been sending, so that the many
 * batches of a long run do not keep loaders busy with asking, though never so far that nobody settles until the run
 * counts as stalled; within twelve hours of the receipt. A delivery whose time was over comes back at once, and one that
 * got on where slots are rare for the next of them: it alone, or all would come for it.
 */
export function handBackMs(
  { clock, ids, settings }: Pick<LoaderPorts, 'clock' | 'ids' | 'settings'>,
  { stop, gotOn, receivedAt, sendingSince = receivedAt }: HandBack,
): number {
  const isPrompt = stop.code === 'deadline' || (stop.code === 'slot_far' && gotOn);
  const leastMs = settings.runStallMs / HAND_BACKS_PER_STALL;
  const ageMs = Math.max(0, clock.now() - sendingSince);
  const agedMs = Math.min(ageMs * HAND_BACK_AGE_SHARE, settings.runStallMs * HAND_BACK_STALL_SHARE);
  const pauseMs = isPrompt ? leastMs : Math.max(leastMs, agedMs);
  // A run must not count as stalled because its messages came back so much later than they might.
  const askedMs = isPrompt ? 0 : Math.min(stop.afterMs * HAND_BACK_JITTER_SHARE, HAND_BACK_JITTER_MS_MAX);
  const jitterMs = Math.max(pauseMs * HAND_BACK_JITTER_SHARE, askedMs);
  const wishedMs = Math.max(stop.afterMs, pauseMs) + jitterMs * ids.random();
  const mostMs = VISIBILITY_MS_MAX - (clock.now() - receivedAt);
  return Math.max(0, Math.ceil(Math.min(mostMs, wishedMs)));
}
