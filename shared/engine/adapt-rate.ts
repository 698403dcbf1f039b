/**
 * What a throttle answer does to the rate of its account: the account waits, and goes on more slowly. How it recovers
 * follows from the marks that are left here; see account-rate.ts.
 */
import { EXPRESS_HORIZON_MS, RATE_CUT_SHARE, RATE_FLOOR_SHARE, RETRY_AFTER_MS_MAX } from '../core/limits.ts';
import { budgetKey } from '../core/names.ts';
import { fullRate, type Rated } from '../core/rate.ts';
import type { Item, LoaderPorts } from '../ports.ts';
import { type Budget, budgetOf, rateAt } from './account-rate.ts';
import { absentOr, same } from './conditions.ts';

/**
 * After a throttle answer: the next free slot of the whole account moves by `retryAfterMs` (one window when the
 * vendor did not say), and the rate is cut at most once per window. Gives the moment when sending may go on.
 */
export async function slowDown(
  ports: Pick<LoaderPorts, 'clock' | 'state' | 'account'>,
  known: Item | undefined,
  retryAfterMs: number | undefined,
): Promise<{ readonly item: Item | undefined; readonly freeAt: number }> {
  const now = ports.clock.now();
  const { account, state } = ports;
  const windowMs = Math.max(1000, account.rate.perMs);
  const freeAt = now + Math.min(retryAfterMs ?? windowMs, RETRY_AFTER_MS_MAX);
  const paused = await state.update(budgetKey(account.name), {
    when: [absentOr('nextFreeAt', '<', freeAt)],
    // Later slots move `nextFreeAt`; a run that waited for the end of a silence is judged after it.
    set: { nextFreeAt: freeAt, ...(freeAt > now + EXPRESS_HORIZON_MS ? { silentUntil: freeAt } : {}) },
  });
  const item = paused.item ?? known;
  const budget = budgetOf(item);
  if (budget.cutAt !== undefined && budget.cutAt > now - windowMs) {
    return { item, freeAt: Math.max(freeAt, budget.nextFreeAt) };
  }
  const cut = await state.update(budgetKey(account.name), {
    when: [same('cutAt', budget.cutAt)],
    set: { cutAt: now, rate: cutRate(account, budget, now) },
  });
  return { item: cut.item ?? item, freeAt };
}

function cutRate(account: Rated, budget: Budget, now: number): number {
  return Math.max(fullRate(account) * RATE_FLOOR_SHARE, rateAt(account, budget, now) * RATE_CUT_SHARE);
}
