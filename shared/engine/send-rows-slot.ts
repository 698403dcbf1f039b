/**
 * A slot for the next request of a delivery, or the ticket for the one probe of an open breaker, or neither.
 */
import { asFault } from '../core/fault.ts';
import { BULK_HORIZON_MS } from '../core/limits.ts';
import { budgetOf, slotMs } from './account-rate.ts';
import { type Breaker, closeBreaker, electProbe, readBreaker, tripBreaker, unmarkClosed } from './breaker.ts';
import { type Delivery, requestsLeft, stopDelivery } from './load-batch-delivery.ts';
import type { Taken } from './reserve-slots-pacer.ts';
import { type CallResult, isAuth } from './send-rows-call.ts';

/** A breaker is looked at twice when its closer died between two writes. */
const LOOKS_MAX = 2;

/** Leave to make one call, void after `lateAt`. */
export type Slot = { readonly lateAt: number };

/** Waits for a slot. `stopped`: `d.stop` says why and for how long the message goes back. */
export async function takeSlot(d: Delivery): Promise<Slot | 'stopped' | Breaker> {
  for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
    const taken = await nextSlot(d);
    if (taken === undefined) return 'stopped';
    if (taken.is === 'go') return taken;
    if (taken.is === 'busy') return stopBusy(d, taken.freeAt);
    const breaker = await readBreaker(d.ports.state, d.ports.account.name);
    if (breaker.state !== 'closed') return probeTicket(d, breaker);
    await unmarkClosed(d.ports, breaker);
  }
  return stopBusy(d, d.ports.clock.now());
}

/**
 * Sends the one request of a probe. Whatever proves that the destination is there closes the breaker; nothing but
 * silence, transport faults and refused credentials open it again, for twice as long.
 */
export async function probe(
  d: Delivery,
  ticket: Breaker,
  send: () => Promise<CallResult | undefined>,
): Promise<void> {
  const result = await send();
  if (result !== undefined && isThere(result)) {
    await closeBreaker(d.ports, ticket);
    d.memory.pacer.forget();
    return;
  }
  const breaker = await tripBreaker(d.ports, ticket, 'probe_failed');
  stopOpen(d, breaker);
}

const isThere = (result: CallResult): boolean =>
  result.is === 'answered' ||
  result.is === 'refused' ||
  result.is === 'throttled' ||
  result.is === 'working' ||
  (result.is === 'misconfigured' && !isAuth(result.fault));

async function nextSlot(d: Delivery): Promise<Taken | undefined> {
  const { clock } = d.ports;
  if (clock.now() >= d.stopAt) return { is: 'busy', freeAt: d.stopAt };
  try {
    return await d.memory.pacer.take({
      lane: d.lane,
      latestAt: d.stopAt,
      signal: d.stopping.signal,
      remaining: requestsLeft(d),
      callsMax: d.isInOrder ? 1 : d.plan.inFlightMax,
    });
  } catch (error) {
    // The wait was ended by `stop`, or BUDGET cannot be reached: then nothing was sent, and nothing is wrong.
    stopDelivery(d, { code: asFault(error).code, afterMs: 1000, isOrderly: true });
    return undefined;
  }
}

function stopBusy(d: Delivery, freeAt: number): 'stopped' {
  const now = d.ports.clock.now();
  stopDelivery(d, { code: busyCode(d, freeAt, now), afterMs: Math.max(0, freeAt - now), isOrderly: true });
  return 'stopped';
}

/** Out of time, or the next slot is too far away whoever asks for it, or others have the next ones. */
function busyCode(d: Delivery, freeAt: number, now: number): 'deadline' | 'slot_far' | 'no_slot' {
  if (now >= d.stopAt) return 'deadline';
  return freeAt >= d.stopAt || areRare(d, now) ? 'slot_far' : 'no_slot';
}

/** At this moment's rate, which a throttle answer may have cut: nobody waits for a slot until it is the next. */
function areRare({ ports, memory }: Delivery, now: number): boolean {
  return slotMs(ports.account, budgetOf(memory.pacer.lastSeen()), now) > BULK_HORIZON_MS;
}

async function probeTicket(d: Delivery, breaker: Breaker): Promise<'stopped' | Breaker> {
  const { ids, settings } = d.ports;
  const ticket = await electProbe(d.ports, breaker, ids.next(), settings.loaderTimeoutMs);
  if (ticket !== undefined) return ticket;
  stopOpen(d, breaker);
  return 'stopped';
}

/** Back when a probe may be due, not all at the same moment. */
export function stopOpen(d: Delivery, breaker: Breaker): void {
  const { clock, ids, settings } = d.ports;
  const until = breaker.state === 'probing' ? breaker.probeUntil : breaker.openUntil;
  const waitMs = Math.max(0, until - clock.now()) + ids.random() * 0.1 * settings.breakerOpenMs;
  stopDelivery(d, { code: 'breaker_open', afterMs: waitMs, isOrderly: true });
}
