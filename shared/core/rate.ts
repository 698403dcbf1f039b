/**
 * The pace at which an account's limit lets us send when nothing is in the way. Pure: what throttle answers and breakers do to
 * it is the engine's, account-rate.ts.
 */
import {
  FAST_REQUESTS_PER_SECOND,
  RATE_SHARE,
  RESERVATION_MS_MAX,
  SLOT_LATENESS_SHARE,
  TRANSIT_JITTER_MS,
} from './limits.ts';

/** What the vendor allows: `requests` in any `perMs`. */
export type Rated = { readonly rate: { readonly requests: number; readonly perMs: number } };

/**
 * Requests per second that we allow ourselves: a vendor counts when requests arrive, and they are not all under way for
 * the same time. A fast account's slots are good for a whole reservation, since no
 * single loader can use them in order; a window may then hold the slots of window plus reservation, so the pace
 * is set for that: 49% of a limit per second, 89% of one per ten seconds.
 */
export function fullRate(account: Rated): number {
  const { requests, perMs } = account.rate;
  const windowMs = perMs + TRANSIT_JITTER_MS + (isFast(account) ? slotLatenessMs(account) : 0);
  return (requests * RATE_SHARE * 1000) / windowMs;
}

/** How late a slot may be used; later it is void, or two windows of the vendor could add up. */
export function slotLatenessMs(account: Rated): number {
  const strict = account.rate.perMs * SLOT_LATENESS_SHARE;
  return isFast(account) ? Math.max(RESERVATION_MS_MAX, strict) : strict;
}

/** A window so long that 1.2% of it covers a reservation needs no special pace. */
export function isFast({ rate }: Rated): boolean {
  const perSecond = (rate.requests / rate.perMs) * 1000;
  return perSecond > FAST_REQUESTS_PER_SECOND && rate.perMs * SLOT_LATENESS_SHARE < RESERVATION_MS_MAX / 2;
}
