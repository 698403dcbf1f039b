/**
 * Fills what a loader holds: a reservation when it has no slots left, and the next one a little before that. What
 * it last saw of BUDGET is here as well.
 */
import { RESERVATION_MS_MAX, RESERVE_AHEAD_MS } from '../core/limits.ts';
import type { Item, LoaderPorts } from '../ports.ts';
import { budgetOf } from './account-rate.ts';
import { freshView, type Reservation, reserveSlots, type Slots } from './reserve-slots.ts';
import type { Appetite, SlotNeed } from './reserve-slots-appetite.ts';
import type { HeldSlots } from './reserve-slots-held.ts';

export type SlotSupply = {
  /** New slots, those reserved ahead if there are any; gives why there are none. Transient Faults pass through. */
  refill(need: SlotNeed): Promise<Refusal | undefined>;
  /** Begins the next reservation when the last slots are near. */
  lookAhead(need: SlotNeed, now: number): void;
  /** Forget what is reserved: the account was told to wait. */
  drop(): void;
  /** BUDGET as it was seen last. */
  lastSeen(): Item | undefined;
  /** Somebody has just seen BUDGET. */
  learn(item: Item | undefined): void;
  /** BUDGET has changed: it is read before the next reservation. */
  forget(): void;
  /** Ends what is under way, so that nothing is pending when a handler returns. Never throws. */
  rest(): Promise<void>;
};

export type Refusal = Exclude<Reservation, { is: 'slots' }>;

export type SupplyPorts = Pick<LoaderPorts, 'clock' | 'state' | 'account' | 'telemetry'>;

export function slotSupply(ports: SupplyPorts, held: HeldSlots, appetite: Appetite): SlotSupply {
  const view = freshView();
  let ahead: { readonly reserving: Promise<Reservation>; readonly drops: number } | undefined;
  let drops = 0;

  const reserve = (need: SlotNeed): Promise<Reservation> =>
    reserveSlots(ports, view, {
      count: appetite.wanted(need),
      lane: need.lane,
      isHolder: ports.clock.now() < held.endAt() + RESERVATION_MS_MAX,
      latestAt: need.latestAt,
      newcomerSlots: (slots) => appetite.newcomerSlots(slots, need),
      usable: (slots) => appetite.usable(slots, need),
    });
  const takeOver = (slots: Slots): void => {
    const before = held.takeOver(slots);
    appetite.learn(before);
    if (before.voided > 0) ports.telemetry.count('slots_void', before.voided, ports.account.name);
  };

  return {
    refill: async (need) => {
      const asked = ahead;
      // Also when it fails: the pacer outlives this batch, and the next one must ask anew.
      ahead = undefined;
      const early = await asked?.reserving;
      const before = drops;
      const isGood = early?.is === 'slots' && asked?.drops === drops;
      const reservation = isGood ? early : await reserve(need);
      if (reservation.is !== 'slots') return reservation;
      // On its way while the account was told to wait: its slots lie before the end of that wait.
      if (drops === before) takeOver(reservation.slots);
      return undefined;
    },
    lookAhead: (need, now) => {
      const left = held.left();
      if (ahead !== undefined || left === undefined || need.remaining <= left.count) return;
      if (held.endAt() - now > RESERVE_AHEAD_MS) return;
      const startAt = Math.max(budgetOf(view.item).nextFreeAt, now + view.callMs);
      // Every call that may be under way still is, then: whoever asks later gets slots that it can use.
      if (appetite.usable({ startAt, stepMs: left.stepMs, count: 1 }, need) < 1) return;
      ahead = { reserving: reserve(need), drops };
      // Whoever refills sees the error; without a refill nobody needs it.
      ahead.reserving.catch(() => undefined);
    },
    drop: () => {
      held.drop();
      drops += 1;
    },
    lastSeen: () => view.item,
    learn: (item) => {
      view.item = item;
      view.isKnown = true;
    },
    forget: () => {
      view.isKnown = false;
    },
    rest: async () => {
      await ahead?.reserving.catch(() => undefined);
    },
  };
}
