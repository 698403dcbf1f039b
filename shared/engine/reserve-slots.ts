/**
 * Reserving call slots of a destination account, shared by all its loaders through one BUDGET item.
 *
 * `nextFreeAt` is the first slot that nobody has. A reservation moves it by at most one second of slots, with one of
 * two conditional writes (DynamoDB has no maximum): it lies ahead, within the horizon -> add; it is older than now
 * -> start from now. Beyond the horizon the message is handed back, so nobody sleeps on the bill. Under express
 * pressure bulk also keeps a clock of its own, `bulkFreeAt`, that runs ten percent faster than its slots.
 */
import {
  BULK_HORIZON_MS,
  BULK_SHARE_UNDER_PRESSURE,
  EXPRESS_HORIZON_MS,
  EXPRESS_PRESSURE_MS,
  NEWCOMER_HORIZON_MS,
  RESERVATION_MS_MAX,
} from '../core/limits.ts';
import type { Lane } from '../core/message.ts';
import { budgetKey } from '../core/names.ts';
import type { Condition, Item, LoaderPorts, Update } from '../ports.ts';
import { type Budget, budgetOf, sameRate, slotMs } from './account-rate.ts';
import { absentOr } from './conditions.ts';

/** Evenly spaced moments, the first at `startAt`; fractional milliseconds. */
export type Slots = { readonly startAt: number; readonly stepMs: number; readonly count: number };

export type Reservation =
  | { readonly is: 'slots'; readonly slots: Slots }
  /** Too far ahead; the first free slot is at `freeAt`. */
  | { readonly is: 'busy'; readonly freeAt: number }
  /** A breaker is open. */
  | { readonly is: 'open' };

/** What a loader last saw of BUDGET. `nextFreeAt` never goes back, so an old item never promises too little. */
export type BudgetView = {
  item: Item | undefined;
  isKnown: boolean;
  /** When it was seen; epoch milliseconds. */
  seenAt: number;
  /** Moving average of a budget write's duration: slots nearer than this would be missed. */
  callMs: number;
};

export const freshView = (): BudgetView => ({ item: undefined, isKnown: false, seenAt: 0, callMs: 10 });

export type SlotRequest = {
  readonly count: number;
  readonly lane: Lane;
  /** True for a loader that is at work already: it may wait up to the lane's horizon. */
  readonly isHolder: boolean;
  /** No slot at or past this moment. */
  readonly latestAt: number;
  /** How many of these slots there will be calls for, from the first on; at least one is reserved. */
  readonly usable: (slots: Slots) => number;
  /** The same, as a newcomer has to see it. */
  readonly newcomerSlots: (slots: Slots) => number;
};

type BudgetPorts = Pick<LoaderPorts, 'clock' | 'state' | 'account'>;
/** Two writes by design, one more when the rate changed in between. */
const TRIES_MAX = 4;
/** What was seen longer ago than this may mislead. */
const VIEW_MS_MAX = 50;

/** At most RESERVATION_MS_MAX of slots, rounded up. Transient Faults of the state table pass through. */
export async function reserveSlots(
  ports: BudgetPorts,
  view: BudgetView,
  request: SlotRequest,
): Promise<Reservation> {
  const key = budgetKey(ports.account.name);
  if (!view.isKnown || mayMislead(view, request, ports.clock.now())) await look(ports, view);
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const now = ports.clock.now();
    const budget = budgetOf(view.item);
    if (budget.breaker !== undefined) {
      await look(ports, view);
      if (budgetOf(view.item).breaker !== undefined) return { is: 'open' };
      continue;
    }
    const earliestAt = now + view.callMs;
    const stepMs = slotMs(ports.account, budget, now);
    const horizonAt = now + horizonMs(request, now, stepMs);
    const freeAt = freeFor(budget, request.lane, now);
    if (freeAt > horizonAt) return { is: 'busy', freeAt };
    const startAt = Math.max(budget.nextFreeAt, earliestAt);
    const most = Math.min(
      request.count,
      slotsWithin(stepMs),
      Math.ceil((request.latestAt - startAt) / stepMs),
    );
    if (most < 1) return { is: 'busy', freeAt: startAt };
    const count = Math.max(1, request.usable({ startAt, stepMs, count: most }));
    const written = await ports.state.update(
      key,
      reservation({ budget, lane: request.lane, now, earliestAt, horizonAt, spanMs: count * stepMs }),
    );
    view.callMs += (Math.min(500, ports.clock.now() - now) - view.callMs) * 0.2;
    saw(ports, view, written.item);
    if (written.applied) {
      const endAt = budgetOf(written.item).nextFreeAt;
      return { is: 'slots', slots: { startAt: endAt - count * stepMs, stepMs, count } };
    }
  }
  return { is: 'busy', freeAt: budgetOf(view.item).nextFreeAt };
}

/**
 * A newcomer mostly hears "busy", and whoever believes that the account has been idle since is mostly wrong: a read tells
 * them for a fifth of what a refused write costs.
 */
const mayMislead = (view: BudgetView, { isHolder }: SlotRequest, now: number): boolean =>
  now - view.seenAt > VIEW_MS_MAX && (!isHolder || budgetOf(view.item).nextFreeAt < now + view.callMs);

async function look(ports: BudgetPorts, view: BudgetView): Promise<void> {
  saw(ports, view, await ports.state.read(budgetKey(ports.account.name)));
}

function saw(ports: BudgetPorts, view: BudgetView, item: Item | undefined): void {
  view.item = item;
  view.isKnown = true;
  view.seenAt = ports.clock.now();
}

/** Rounded up, so that one loader alone writes at most once a second. */
const slotsWithin = (stepMs: number): number => Math.ceil(RESERVATION_MS_MAX / stepMs);

function horizonMs({ lane, isHolder, newcomerSlots }: SlotRequest, now: number, stepMs: number): number {
  if (lane === 'express') return EXPRESS_HORIZON_MS;
  if (isHolder) return BULK_HORIZON_MS;
  // Those at work reserve about as much at once as this one would: behind more than that it would wait with them.
  const atOnce = newcomerSlots({ startAt: now, stepMs, count: slotsWithin(stepMs) });
  return Math.min(NEWCOMER_HORIZON_MS, NEWCOMER_SHARE * atOnce * stepMs);
}
const NEWCOMER_SHARE = 1.25;

const underPressure = (budget: Budget, lane: Lane, now: number): boolean =>
  lane === 'bulk' && budget.expressAt > now - EXPRESS_PRESSURE_MS;

const freeFor = (budget: Budget, lane: Lane, now: number): number =>
  underPressure(budget, lane, now) ? Math.max(budget.nextFreeAt, budget.bulkFreeAt) : budget.nextFreeAt;

type Plan = {
  readonly budget: Budget;
  readonly lane: Lane;
  readonly now: number;
  readonly earliestAt: number;
  readonly horizonAt: number;
  readonly spanMs: number;
};

function reservation({ budget, lane, now, earliestAt, horizonAt, spanMs }: Plan): Update {
  const when: Condition[] = [...sameRate(budget)];
  const set: Record<string, number> = {};
  const add: Record<string, number> = {};
  const advance = (attribute: string, value: number, byMs: number): void => {
    if (value >= earliestAt) {
      when.push({ attribute, is: '>=', value: earliestAt }, { attribute, is: '<=', value: horizonAt });
      add[attribute] = byMs;
    } else {
      when.push(absentOr(attribute, '<', earliestAt));
      set[attribute] = earliestAt + byMs;
    }
  };
  advance('nextFreeAt', budget.nextFreeAt, spanMs);
  if (underPressure(budget, lane, now)) {
    advance('bulkFreeAt', budget.bulkFreeAt, spanMs / BULK_SHARE_UNDER_PRESSURE);
  }
  if (lane === 'express') set.expressAt = now;
  return { when, set, add };
}
