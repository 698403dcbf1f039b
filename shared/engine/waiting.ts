/** Why a run that is loading does not get on: the account, not the sync, has to wait. For people; nothing depends on it. */
import { BULK_HORIZON_MS } from '../core/limits.ts';
import { budgetKey } from '../core/names.ts';
import type { SyncState } from '../core/run.ts';
import type { Ports } from '../ports.ts';
import { budgetOf } from './account-rate.ts';
import { readBreaker } from './breaker.ts';
import { findFrozen } from './frozen.ts';

export type Waiting = {
  readonly account: string;
  /** `breaker_open`: it could not be reached. `told_to_wait`: it said so, with Retry-After or by refusing requests. */
  readonly why: 'breaker_open' | 'told_to_wait';
  /** Epoch milliseconds. */
  readonly until: number;
};

/** Null when it gets on, or is not loading. */
export async function waitingOf(
  { state, objects, clock }: Pick<Ports, 'state' | 'objects' | 'clock'>,
  { syncId, phase, epoch }: SyncState,
): Promise<Waiting | null> {
  if (phase !== 'loading') return null;
  const account = (await findFrozen(objects, syncId, epoch))?.definition.sync.destination.account;
  if (account === undefined) return null;
  const breaker = await readBreaker(state, account);
  if (breaker.state !== 'closed') {
    const until = breaker.state === 'open' ? breaker.openUntil : breaker.probeUntil;
    return { account, why: 'breaker_open', until };
  }
  const { nextFreeAt } = budgetOf(await state.read(budgetKey(account)));
  // Nearer than that loaders wait for their slots, and the run gets on.
  return nextFreeAt > clock.now() + 2 * BULK_HORIZON_MS
    ? { account, why: 'told_to_wait', until: nextFreeAt }
    : null;
}
