/**
 * One loader's slots: hands them out at their moments, reserves the next before the last is used, and drops those
 * that have become too late. One pacer per process; slots that a batch leaves over serve the next.
 */
import { RESERVATION_MS_MAX, RESERVE_AHEAD_MS } from '../core/limits.ts';
import type { Lane } from '../core/message.ts';
import type { LoaderPorts } from '../ports.ts';
import { budgetOf, isFast, slotLatenessMs } from './adapt-rate.ts';
import type { CallsUnderWay } from './calls-under-way.ts';
import { type BudgetView, freshView, type Reservation, reserveSlots, type Slots } from './reserve-slots.ts';

export type Pacer = {
  readonly view: BudgetView;
  /** Waits for the next slot; never past `latestAt`. Calls must not overlap. */
  take(need: SlotNeed): Promise<Taken>;
  /** Forget what is reserved: the account was told to wait. */
  drop(): void;
  /** Ends what is under way, so that nothing is pending when a handler returns. Never throws. */
  rest(): Promise<void>;
};

export type SlotNeed = {
  readonly lane: Lane;
  /** Requests that the batch still has, roughly; at least 1. */
  readonly remaining: number;
  /** So many of its calls may be under way at once. */
  readonly callsMax: number;
  readonly latestAt: number;
  readonly signal: AbortSignal;
};

export type Taken =
  /** Void after `lateAt`, whatever is still to be done before the call. */
  | { readonly is: 'go'; readonly lateAt: number }
  | { readonly is: 'busy'; readonly freeAt: number }
  | { readonly is: 'open' };

type PacerPorts = Pick<LoaderPorts, 'clock' | 'state' | 'account' | 'telemetry'>;
/** A fast account's first reservation; it doubles with use. */
const FAST_START = 16;

export function slotPacer(ports: PacerPorts, calls: CallsUnderWay): Pacer {
  const view = freshView();
  const latenessMs = slotLatenessMs(ports.account);
  const isUnordered = isFast(ports.account);
  let held: Slots | undefined;
  let used = 0;
  let sent = 0;
  let voided = 0;
  let lastEndAt = 0;
  let isAlone = false;
  let appetite = isUnordered ? FAST_START : Number.POSITIVE_INFINITY;
  let ahead: { readonly reserving: Promise<Reservation>; readonly drops: number } | undefined;
  let drops = 0;

  /** The next slot that is not too late, or undefined. */
  const nextAt = (now: number): number | undefined => {
    if (held === undefined) return undefined;
    const late = Math.ceil((now - latenessMs - held.startAt) / held.stepMs);
    if (late > used) {
      voided += Math.min(late, held.count) - used;
      used = Math.min(late, held.count);
    }
    return used < held.count ? held.startAt + used * held.stepMs : undefined;
  };
  const heldEndAt = (): number => (held === undefined ? 0 : held.startAt + held.count * held.stepMs);
  const hold = (slots: Slots): void => {
    // What was used of the last reservation says how much one loader can use of a fast account.
    if (held !== undefined && Number.isFinite(appetite)) {
      appetite = voided > 0 ? Math.max(FAST_START, sent * 1.25) : Math.min(SLOTS_MAX, appetite * 2);
    }
    if (voided > 0) ports.telemetry.count('slots_void', voided, ports.account.name);
    [held, used, sent, voided] = [slots, 0, 0, 0];
    isAlone = Math.abs(slots.startAt - lastEndAt) < 1;
    lastEndAt = heldEndAt();
  };
  const heldLeft = (): Slots | undefined =>
    held && { ...held, startAt: held.startAt + used * held.stepMs, count: held.count - used };
  /**
   * A fast account's slots wait for calls that are late; its appetite says how many are used. And where nobody else
   * reserves, nobody has use for what is left over: then a write a second is enough.
   */
  const usable = (slots: Slots, { callsMax }: SlotNeed): number =>
    isUnordered || isAlone ? slots.count : calls.usable(slots, heldLeft(), callsMax);
  const reserve = (need: SlotNeed): Promise<Reservation> => {
    const left = held === undefined ? 0 : held.count - used;
    // Nobody else reserves, and the next batch comes to this process: what this one leaves over is not lost.
    const wanted = isAlone && need.lane === 'bulk' ? SLOTS_MAX : need.remaining - left;
    return reserveSlots(ports, view, {
      count: Math.max(1, Math.min(wanted, Math.ceil(Math.min(appetite, SLOTS_MAX)))),
      lane: need.lane,
      isHolder: ports.clock.now() < lastEndAt + RESERVATION_MS_MAX,
      latestAt: need.latestAt,
      // Whoever has made no call yet must not think that nobody at work can use a whole second.
      newcomerSlots: (slots) => (calls.isKnown() || isUnordered ? usable(slots, need) : need.callsMax),
      usable: (slots) => usable(slots, need),
    });
  };
  const refill = async (need: SlotNeed): Promise<Taken | undefined> => {
    const asked = ahead;
    // Also when it fails: the pacer outlives this batch, and the next one must ask anew.
    ahead = undefined;
    const early = await asked?.reserving;
    const before = drops;
    const isGood = early?.is === 'slots' && asked?.drops === drops;
    const reservation = isGood ? early : await reserve(need);
    if (reservation.is !== 'slots') return reservation;
    // On its way while the account was told to wait: its slots lie before the end of that wait.
    if (drops === before) hold(reservation.slots);
    return undefined;
  };
  const lookAhead = (need: SlotNeed, now: number): void => {
    if (ahead !== undefined || held === undefined || need.remaining <= held.count - used) return;
    if (heldEndAt() - now > RESERVE_AHEAD_MS) return;
    const startAt = Math.max(budgetOf(view.item).nextFreeAt, now + view.callMs);
    // Every call that may be under way still is, then: whoever asks later gets slots that it can use.
    if (usable({ startAt, stepMs: held.stepMs, count: 1 }, need) < 1) return;
    ahead = { reserving: reserve(need), drops };
    // Whoever refills sees the error; without a refill nobody needs it.
    ahead.reserving.catch(() => undefined);
  };

  return {
    view,
    drop: () => {
      held = undefined;
      drops += 1;
    },
    rest: async () => {
      await ahead?.reserving.catch(() => undefined);
    },
    take: async (need) => {
      for (;;) {
        const now = ports.clock.now();
        const slotAt = nextAt(now);
        if (slotAt === undefined) {
          const refused = await refill(need);
          if (refused !== undefined) return refused;
          continue;
        }
        if (slotAt >= need.latestAt) return { is: 'busy', freeAt: slotAt };
        lookAhead(need, now);
        if (slotAt <= now) {
          used += 1;
          sent += 1;
          return { is: 'go', lateAt: slotAt + latenessMs };
        }
        await ports.clock.sleep(Math.ceil(slotAt - now), need.signal);
      }
    },
  };
}

/** Slots in one reservation of the fastest account. */
const SLOTS_MAX = 100_000;
