/**
 * The rate of a destination account as its BUDGET item says it. Pure: adapt-rate.ts writes what this reads.
 *
 * Stored are only the marks of events: `rate` after the last cut and `cutAt`, `rampAt` when a breaker closed, and
 * `silentUntil` when the destination asked for a longer pause.
 * The rate of this moment follows from them and the clock (additive growth since the cut, ramp steps since the
 * close), so recovering costs no write and every loader computes the same.
 */

import { RAMP_STEP_MS, RATE_RECOVERY_SHARE } from '../core/limits.ts';
import { fullRate, type Rated } from '../core/rate.ts';
import type { Attribute, Condition, Item } from '../ports.ts';
import { same } from './conditions.ts';

/** BUDGET as decisions need it; times in epoch milliseconds, `rate` in requests per second. */
export type Budget = {
  readonly nextFreeAt: number;
  readonly rate: number | undefined;
  readonly cutAt: number | undefined;
  readonly rampAt: number | undefined;
  /** The end of the last silence that the destination asked for. */
  readonly silentUntil: number | undefined;
  /** Generation of the open breaker: nobody reserves while it is there. */
  readonly breaker: number | undefined;
  readonly expressAt: number;
  readonly bulkFreeAt: number;
};

export function budgetOf(item: Item | undefined): Budget {
  return {
    nextFreeAt: numberOf(item?.nextFreeAt) ?? 0,
    rate: numberOf(item?.rate),
    cutAt: numberOf(item?.cutAt),
    rampAt: numberOf(item?.rampAt),
    silentUntil: numberOf(item?.silentUntil),
    breaker: numberOf(item?.breaker),
    expressAt: numberOf(item?.expressAt) ?? 0,
    bulkFreeAt: numberOf(item?.bulkFreeAt) ?? 0,
  };
}

/** Milliseconds between two slots at this moment. */
export function slotMs(account: Rated, budget: Budget, now: number): number {
  return 1000 / (rateAt(account, budget, now) * rampShare(budget, now));
}

/** Requests per second that the last cut leaves at this moment. */
export function rateAt(account: Rated, budget: Budget, now: number): number {
  return Math.min(grownRate(account, budget, now), fullRate(account));
}

/** Conditions that hold while nobody has cut the rate, closed or opened the breaker since `budget` was read. */
export function sameRate(budget: Budget): readonly Condition[] {
  return [same('cutAt', budget.cutAt), same('rampAt', budget.rampAt), { attribute: 'breaker', is: 'absent' }];
}

function grownRate(account: Rated, budget: Budget, now: number): number {
  if (budget.rate === undefined || budget.cutAt === undefined) return fullRate(account);
  const windows = Math.max(0, now - budget.cutAt) / Math.max(1000, account.rate.perMs);
  return budget.rate + fullRate(account) * RATE_RECOVERY_SHARE * windows;
}

function rampShare(budget: Budget, now: number): number {
  if (budget.rampAt === undefined) return 1;
  const step = Math.max(0, Math.floor((now - budget.rampAt) / RAMP_STEP_MS));
  return step >= 3 ? 1 : 2 ** (step - 3);
}

const numberOf = (value: Attribute | undefined): number | undefined =>
  typeof value === 'number' ? value : undefined;
