/**
 * How many slots a loader should reserve: not fewer than its batch has calls for, and not more than it can use, since
 * other loaders have use for the rest.
 */
import type { Lane } from '../core/message.ts';
import type { CallsUnderWay } from './calls-under-way.ts';
import type { Slots } from './reserve-slots.ts';
import type { HeldBefore, HeldSlots } from './reserve-slots-held.ts';

export type SlotNeed = {
  readonly lane: Lane;
  /** Requests that the batch still has, roughly; at least 1. */
  readonly remaining: number;
  /** So many of its calls may be under way at once. */
  readonly callsMax: number;
  readonly latestAt: number;
  readonly signal: AbortSignal;
};

export type Appetite = {
  /** Slots that the next reservation should have; at least 1. */
  wanted(need: SlotNeed): number;
  /** How many of `slots` there will be calls for, from the first on. */
  usable(slots: Slots, need: SlotNeed): number;
  /** The same, for a loader that is not at work yet. */
  newcomerSlots(slots: Slots, need: SlotNeed): number;
  /** What became of the last reservation. */
  learn(before: HeldBefore): void;
};

/** A fast account's first reservation; it doubles with use. */
const FAST_START = 16;
/** Slots in one reservation of the fastest account. */
const SLOTS_MAX = 100_000;

export function slotAppetite(isFast: boolean, calls: CallsUnderWay, held: HeldSlots): Appetite {
  let most = isFast ? FAST_START : Number.POSITIVE_INFINITY;
  /**
   * A fast account's slots wait for calls that are late; `most` says how many are used. And where nobody else
   * reserves, nobody has use for what is left over: then a write a second is enough.
   */
  const usable = (slots: Slots, { callsMax }: SlotNeed): number =>
    isFast || held.hasNoRival() ? slots.count : calls.usable(slots, held.left(), callsMax);
  return {
    wanted: ({ lane, remaining }) => {
      // Nobody else reserves, and the next batch comes to this process: what this one leaves over is not lost.
      const isAllOurs = held.hasNoRival() && lane === 'bulk';
      const wanted = isAllOurs ? SLOTS_MAX : remaining - (held.left()?.count ?? 0);
      return Math.max(1, Math.min(wanted, Math.ceil(Math.min(most, SLOTS_MAX))));
    },
    usable,
    // Whoever has made no call yet must not think that nobody at work can use a whole second.
    newcomerSlots: (slots, need) => (calls.isKnown() || isFast ? usable(slots, need) : need.callsMax),
    learn: ({ used, voided, isDropped }) => {
      // What was used of the last reservation says how much one loader can use of a fast account.
      if (isDropped || !isFast) return;
      most = voided > 0 ? Math.max(FAST_START, used * 1.25) : Math.min(SLOTS_MAX, most * 2);
    },
  };
}
