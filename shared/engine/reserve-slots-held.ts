/**
 * The slots of one loader's last reservation: which is next, which are used, which came too late.
 *
 *   reserved -> used (a call goes out) · void (its moment passed by more than the lateness) · dropped with the rest
 */
import type { Slots } from './reserve-slots.ts';

export type HeldSlots = {
  /** The moment of the next slot that is not too late, or undefined; those before it that are become void. */
  nextAt(now: number): number | undefined;
  /** Uses the slot that `nextAt` gave last. */
  use(): void;
  /** A new reservation in place of the last one; gives what became of that one. */
  takeOver(slots: Slots): HeldBefore;
  /** Forgets what is reserved. */
  drop(): void;
  /** Those that are neither used nor void. */
  left(): Slots | undefined;
  /** When the last reservation ends, dropped or not; 0 before the first. */
  endAt(): number;
  /** The last two reservations lie end to end: nobody else reserved in between. */
  hasNoRival(): boolean;
};

export type HeldBefore = {
  readonly used: number;
  readonly voided: number;
  /** It was dropped before its end, or there was none. */
  readonly isDropped: boolean;
};

/** A slot that is later than `latenessMs` is void. */
export function heldSlots(latenessMs: number): HeldSlots {
  let held: Slots | undefined;
  /** Used and void ones: the next slot's number. */
  let next = 0;
  let used = 0;
  let voided = 0;
  let endAt = 0;
  let hasNoRival = false;

  return {
    nextAt: (now) => {
      if (held === undefined) return undefined;
      const late = Math.ceil((now - latenessMs - held.startAt) / held.stepMs);
      if (late > next) {
        voided += Math.min(late, held.count) - next;
        next = Math.min(late, held.count);
      }
      return next < held.count ? held.startAt + next * held.stepMs : undefined;
    },
    use: () => {
      next += 1;
      used += 1;
    },
    takeOver: (slots) => {
      const before = { used, voided, isDropped: held === undefined };
      [held, next, used, voided] = [slots, 0, 0, 0];
      hasNoRival = Math.abs(slots.startAt - endAt) < 1;
      endAt = slots.startAt + slots.count * slots.stepMs;
      return before;
    },
    drop: () => {
      held = undefined;
    },
    left: () => held && { ...held, startAt: held.startAt + next * held.stepMs, count: held.count - next },
    endAt: () => endAt,
    hasNoRival: () => hasNoRival,
  };
}
