/**
 * What follows from a call that the destination did not take: it throttles, cannot be reached, or refuses our
 * settings. May write (budget, breaker); throws transient Faults of the state table.
 */
import type { Fault } from '../core/fault.ts';
import { BREAKER_FAULTS, TRANSPORT_PAUSE_MS_MIN, TRANSPORT_RETRIES_MAX } from '../core/limits.ts';
import { slowDown } from './adapt-rate.ts';
import { readBreaker, tripBreaker } from './breaker.ts';
import { count, type Delivery, stopDelivery } from './load-batch-delivery.ts';
import { isAuth } from './send-rows-call.ts';
import type { Group } from './send-rows-group.ts';
import { stopOpen } from './send-rows-slot.ts';

/** The account waits, and goes on more slowly; the group is due when it may. */
export async function throttled(d: Delivery, group: Group, fault: Fault): Promise<void> {
  const { pacer } = d.memory;
  count(d, 'throttled', 1);
  pacer.drop();
  const { item, freeAt } = await slowDown(d.ports, pacer.lastSeen(), fault.retryAfterMs);
  // And what was reserved before the budget knew.
  pacer.drop();
  pacer.learn(item);
  group.dueAt = freeAt;
}

/** The group again after a pause; often in a row the breaker opens, and too often for one group the delivery ends. */
export async function unreachable(d: Delivery, group: Group, fault: Fault): Promise<void> {
  const { clock, ids } = d.ports;
  count(d, 'transport_faults', 1);
  d.memory.faults += 1;
  if (fault.retryAfterMs !== undefined) await throttled(d, group, fault);
  if (d.memory.faults >= BREAKER_FAULTS) return openBreaker(d, fault);
  group.attempts += 1;
  const pauseMs = TRANSPORT_PAUSE_MS_MIN * 2 ** group.attempts;
  if (group.attempts > TRANSPORT_RETRIES_MAX) {
    stopDelivery(d, { code: fault.code, afterMs: pauseMs * 4, isOrderly: true });
    return;
  }
  group.dueAt = Math.max(group.dueAt, clock.now() + pauseMs * ids.random());
}

/** Refused credentials may have been renewed: the secret is read again once; anything else is for the owner. */
export async function misconfigured(d: Delivery, group: Group, fault: Fault): Promise<void> {
  if (isAuth(fault)) {
    d.memory.faults += 1;
    d.ports.destination.forgetSecret();
    group.attempts += 1;
    if (group.attempts === 1) return;
    if (d.memory.faults >= BREAKER_FAULTS) await openBreaker(d, fault);
  }
  stopDelivery(d, {
    code: fault.code,
    afterMs: 0,
    isOrderly: true,
    run: { code: fault.code, message: fault.message, pause: false },
  });
}

async function openBreaker(d: Delivery, fault: Fault): Promise<void> {
  // Whoever else saw it may have opened it already; then this changes nothing.
  const seen = await readBreaker(d.ports.state, d.ports.account.name);
  const breaker = await tripBreaker(d.ports, seen, fault.code);
  d.memory.pacer.drop();
  d.memory.pacer.forget();
  stopOpen(d, breaker);
}
