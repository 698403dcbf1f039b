/**
 * Sends the requests of a batch: waits for a slot, keeps as many in flight as the account allows, and sees to it
 * that every row ends or stays pending. One loop starts requests; what comes back puts work on `retries`.
 *
 *   group from the stage or from `retries` -> slot -> call -> its rows are final
 *     what is written before the call took too long -> its slot is void, another one; written once only
 *     deferred rows            -> a smaller group, later; DEFERRALS_MAX times, then rejected, `no_answer`
 *     refused as a whole       -> two halves, until the bad row is alone
 *     throttled                -> the account's budget moves; the group again
 *     unreachable              -> the group again after a pause; often in a row: the breaker opens
 *   anything that ends the delivery early sets `stop`: nothing new starts, what is in flight ends.
 */
import { asFault } from '../core/fault.ts';
import { DEFERRAL_WAIT_MS_MAX } from '../core/limits.ts';
import { count, type Delivery, stopDelivery, watchStorm } from './load-batch-delivery.ts';
import { takeAnswer } from './send-rows-answer.ts';
import { type CallResult, callDestination } from './send-rows-call.ts';
import { beforeCall, saveJob } from './send-rows-claim.ts';
import { type Group, groupBuilder } from './send-rows-group.ts';
import { probe, type Slot, takeSlot } from './send-rows-slot.ts';

/** Ends when every row of `groups` is final or `d.stop` is set; nothing is in flight then. */
export async function sendRows(d: Delivery, groups: AsyncIterator<Group>): Promise<void> {
  const running = new Set<Promise<unknown>>();
  const inFlightMax = d.isInOrder ? 1 : d.plan.inFlightMax;
  const source = { groups, isDry: false };
  try {
    while (d.stop === undefined) {
      if (running.size >= inFlightMax) await Promise.race(running);
      const group = await nextGroup(d, source, running);
      if (group === undefined || d.stop !== undefined) break;
      const slot = await takeSlot(d);
      if (slot === 'stopped') {
        d.retries.push(group);
        break;
      }
      const isPaced = 'lateAt' in slot;
      const call = isPaced ? attempt(d, group, slot) : probe(d, slot, () => attempt(d, group));
      const request = d.memory.calls.track(call).finally(() => running.delete(request));
      running.add(request);
      // Until the probe is answered nothing else goes out.
      if (!isPaced) await request;
    }
  } finally {
    await Promise.all(running);
    await d.memory.pacer.rest();
  }
}

/** One call and what follows from it; errors of our own ports stop the delivery, they never escape. */
async function attempt(d: Delivery, group: Group, slot?: Slot): Promise<CallResult | undefined> {
  try {
    if (!group.isPrepared) {
      await beforeCall(d, group);
      if (isVoid(d, slot)) return giveBack(d, group);
    }
    group.isPrepared = false;
    const result = await callDestination(d, group, (id) => saveJob(d, group, id));
    await takeAnswer(d, group, result);
    watchStorm(d);
    return result;
  } catch (error) {
    d.retries.push(group);
    stopDelivery(d, { code: 'state_unreachable', afterMs: 1000, isOrderly: false });
    d.ports.telemetry.log('warn', 'delivery_interrupted', {
      syncId: d.message.syncId,
      fault: asFault(error).code,
    });
    return undefined;
  }
}

/** The writes before the call have outlasted the slot: used now, two windows of the vendor could add up. */
const isVoid = (d: Delivery, slot: Slot | undefined): boolean =>
  slot !== undefined && d.ports.clock.now() > slot.lateAt;

/** For another slot, and then nothing comes between it and the call: so a request voids one slot at most. */
function giveBack(d: Delivery, group: Group): undefined {
  group.isPrepared = true;
  d.retries.push(group);
  count(d, 'slots_void', 1);
}

type Source = { readonly groups: AsyncIterator<Group>; isDry: boolean };

/** The next request to make, waiting for it if need be; undefined when all rows are final or it takes too long. */
async function nextGroup(
  d: Delivery,
  source: Source,
  running: Set<Promise<unknown>>,
): Promise<Group | undefined> {
  while (d.stop === undefined) {
    const due = dueRetry(d);
    if (due !== undefined) return due;
    const mayRead = !source.isDry && !(d.isInOrder && d.retries.length > 0);
    if (mayRead) {
      const next = await source.groups.next();
      if (next.done !== true) return next.value;
      source.isDry = true;
      continue;
    }
    if (d.retries.length === 0 && running.size === 0) return undefined;
    await waitForWork(d, running);
  }
  return undefined;
}

/** In order: the newest retry only, so that a part ends before what follows it. */
function dueRetry(d: Delivery): Group | undefined {
  const { retries } = d;
  if (retries.length === 0) return undefined;
  const now = d.ports.clock.now();
  if (d.isInOrder) return (retries.at(-1)?.dueAt ?? 0) <= now ? retries.pop() : undefined;
  const at = retries.findIndex((group) => group.dueAt <= now);
  const group = at < 0 ? undefined : retries.splice(at, 1)[0];
  return group?.isDeferred === true ? gathered(d, group, now) : group;
}

/** One deferred row of each of a hundred requests makes one request, not a hundred. */
function gathered(d: Delivery, first: Group, now: number): Group {
  const builder = groupBuilder(d.plan);
  const parts = [first];
  for (let at = d.retries.length - 1; at >= 0; at -= 1) {
    const group = d.retries[at];
    if (group === undefined || !group.isDeferred || group.dueAt > now) continue;
    if (group.operation !== first.operation) continue;
    parts.push(...d.retries.splice(at, 1));
  }
  if (parts.length === 1) return first;
  const whole: Group[] = [];
  for (const { operation, rows, lines, indexes } of parts) {
    rows.forEach((row, at) => {
      const line = lines[at];
      const index = indexes[at];
      if (line === undefined || index === undefined) return;
      const lineBytes = d.ledger.end(index) - d.ledger.start(index);
      const full = builder.add({ operation, row, line, index, lineBytes });
      if (full !== undefined) whole.push(full);
    });
  }
  const [group, ...others] = [...whole, ...builder.rest()].map((one) => ({ ...one, isDeferred: true }));
  d.retries.push(...others);
  return group ?? first;
}

/** Until a request ends or a retry is due; a retry that is far away hands the message back instead. */
async function waitForWork(d: Delivery, running: Set<Promise<unknown>>): Promise<void> {
  const { clock } = d.ports;
  const next = d.isInOrder ? d.retries.at(-1)?.dueAt : earliest(d.retries);
  if (next === undefined) {
    await Promise.race(running);
    return;
  }
  const waitMs = Math.max(0, next - clock.now());
  const tooLong = waitMs > DEFERRAL_WAIT_MS_MAX || next >= d.stopAt;
  if (tooLong) {
    if (running.size === 0) stopDelivery(d, { code: 'waiting', afterMs: waitMs, isOrderly: true });
    else await Promise.race(running);
    return;
  }
  const wake = new AbortController();
  const signal = AbortSignal.any([wake.signal, d.stopping.signal]);
  const slept = clock.sleep(Math.ceil(waitMs), signal).catch(() => undefined);
  await Promise.race([...running, slept]);
  wake.abort();
}

const earliest = (groups: readonly Group[]): number | undefined =>
  groups.length === 0 ? undefined : Math.min(...groups.map(({ dueAt }) => dueAt));
