/**
 * SQS in memory: two lanes and a dead-letter queue per destination account, standard queues (no order), visibility
 * timeouts, receive counts, redrive. `receive` may give any visible message; a taken one comes back when its
 * visibility ends without a delete.
 */
import { Fault } from '../../shared/core/fault.ts';
import { QUEUE_RETENTION_MS, RECEIVES_MAX } from '../../shared/core/limits.ts';
import type { BatchMessage, Lane } from '../../shared/core/message.ts';
import type { Clock, Queue } from '../../shared/ports.ts';
import type { Random } from './seeded.ts';

export type Delivery = {
  readonly id: number;
  readonly message: BatchMessage;
  /** As it was sent: `write` may have made another version of it. */
  readonly body: string;
  readonly receiveCount: number;
  readonly firstReceivedAt: number;
  readonly receivedAt: number;
};

export type MemoryQueue = Queue & {
  /** At most `max` visible messages of a lane, each hidden for `visibilityMs`. */
  receive(account: string, lane: Lane, max: number, visibilityMs: number): readonly Delivery[];
  /** Ignored when the message was received again in between, as an old receipt handle is. */
  delete(delivery: Delivery): void;
  /** From now; ignored when the message was received again in between, as an old receipt handle is. */
  setVisibility(delivery: Delivery, ms: number): void;
  receiveDead(account: string, max: number, visibilityMs: number): readonly Delivery[];
  /** Messages anywhere in the account's lanes, visible or not. */
  waiting(account?: string): number;
  dead(account?: string): number;
  /** When the next hidden message becomes visible; undefined when none waits. */
  nextVisibleAt(account: string, lane: Lane): number | undefined;
  /** Sends a message a second time, as an at-least-once queue may. */
  duplicate(account: string, lane: Lane, message: BatchMessage): void;
  /** A message of this run is anywhere, the dead-letter queue included. */
  holds(syncId: string, epoch: number): boolean;
  /** Which of the messages of one call are not taken; none by default. */
  refuse: (message: BatchMessage) => boolean;
  /** The body of a message that is sent now. */
  write: (message: BatchMessage) => string;
};

type Held = {
  readonly id: number;
  readonly place: string;
  readonly message: BatchMessage;
  readonly body: string;
  readonly sentAt: number;
  firstReceivedAt: number | undefined;
  visibleAt: number;
  receives: number;
};

/** `accounts`: those that have queues; any when absent. */
export function memoryQueue(
  clock: Clock,
  random: Random,
  receivesMax = RECEIVES_MAX,
  accounts?: readonly string[],
): MemoryQueue {
  const held = new Map<number, Held>();
  let sent = 0;
  const place = (account: string, lane: string): string => `${account}/${lane}`;
  const put = (where: string, message: BatchMessage, body: string, sentAt: number): void => {
    sent += 1;
    held.set(sent, {
      id: sent,
      place: where,
      message: { ...message },
      body,
      sentAt,
      firstReceivedAt: undefined,
      visibleAt: clock.now(),
      receives: 0,
    });
  };
  const expire = (one: Held): boolean => {
    if (clock.now() - one.sentAt <= QUEUE_RETENTION_MS) return false;
    return held.delete(one.id);
  };
  const redrive = (one: Held): boolean => {
    if (one.place.endsWith('/dead') || one.receives < receivesMax) return false;
    held.delete(one.id);
    put(`${one.place.split('/')[0]}/dead`, one.message, one.body, one.sentAt);
    return true;
  };
  const receive = (where: string, max: number, visibilityMs: number): Delivery[] => {
    const visible = [...held.values()].filter((one) => one.place === where && one.visibleAt <= clock.now());
    const out: Delivery[] = [];
    for (const one of random.shuffled(visible)) {
      if (out.length === max) break;
      if (expire(one) || redrive(one)) continue;
      one.receives += 1;
      one.visibleAt = clock.now() + visibilityMs;
      one.firstReceivedAt ??= clock.now();
      const { id, body, receives: receiveCount, firstReceivedAt } = one;
      const message = { ...one.message };
      out.push({ id, message, body, receiveCount, firstReceivedAt, receivedAt: clock.now() });
    }
    return out;
  };
  const count = (match: (one: Held) => boolean): number => [...held.values()].filter(match).length;
  const mine = (one: Held, account: string | undefined): boolean =>
    account === undefined || one.place.startsWith(`${account}/`);
  const queue: MemoryQueue = {
    refuse: () => false,
    write: (message) => JSON.stringify(message),
    send: async (account, lane, messages) => {
      if (accounts?.includes(account) === false)
        throw new Fault('config', 'account_unknown', `no queue for ${account}`);
      const refused = messages.filter((message) => queue.refuse(message));
      for (const message of messages) {
        if (refused.includes(message)) continue;
        put(place(account, lane), message, queue.write(message), clock.now());
      }
      return refused;
    },
    receive: (account, lane, max, visibilityMs) => receive(place(account, lane), max, visibilityMs),
    receiveDead: (account, max, visibilityMs) => receive(`${account}/dead`, max, visibilityMs),
    delete: (delivery) => {
      if (held.get(delivery.id)?.receives === delivery.receiveCount) held.delete(delivery.id);
    },
    setVisibility: (delivery, ms) => {
      const one = held.get(delivery.id);
      if (one?.receives === delivery.receiveCount) one.visibleAt = clock.now() + ms;
    },
    waiting: (account) => count((one) => mine(one, account) && !one.place.endsWith('/dead')),
    dead: (account) => count((one) => mine(one, account) && one.place.endsWith('/dead')),
    holds: (syncId, epoch) => count(({ message: m }) => m.syncId === syncId && m.epoch === epoch) > 0,
    nextVisibleAt: (account, lane) => {
      const times = [...held.values()]
        .filter((one) => one.place === place(account, lane))
        .map((one) => one.visibleAt);
      return times.length === 0 ? undefined : Math.min(...times);
    },
    duplicate: (account, lane, message) =>
      put(place(account, lane), message, queue.write(message), clock.now()),
  };
  return queue;
}
