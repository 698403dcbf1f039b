/**
 * One message queue with SQS's standard semantics, kept in a journal. A message is in one of these states:
 *
 *   ready   may be received; entered by `send`, or when its invisibility ends; left by `receive`
 *   hidden  received and not deleted, or delayed; `visibleAt` says until when; left by time, `changeVisibility`,
 *           `delete`
 *   gone    deleted, expired, or moved to the dead-letter queue when it would be received once too often
 *
 * A restart reads the journal: hidden messages stay hidden until their time. Asynchronous invocations of functions
 * use the same queue, as Lambda itself does.
 */
import { randomUUID } from 'node:crypto';
import { COMPACT_LINES, type Journal, openJournal } from './journal.ts';

export type QueueSettings = {
  readonly name: string;
  readonly arn: string;
  readonly visibilityMs: number;
  readonly delayMs: number;
  readonly retentionMs: number;
  /** A message received this often goes to `deadLetters` instead of being received again. */
  readonly receivesMax: number;
  readonly deadLetters: () => LocalQueue | undefined;
  /** After a restart nothing is hidden: who had received it is dead. SQS proper does not know that. */
  readonly startVisible?: boolean;
};

export type Message = {
  readonly id: string;
  readonly body: string;
  /** Epoch milliseconds, as all times here. */
  readonly sentAt: number;
  readonly groupId: string | undefined;
  readonly receives: number;
  readonly firstReceivedAt: number;
  /** Valid until the message is received again. */
  readonly receipt: string;
};

export type LocalQueue = {
  readonly settings: QueueSettings;
  send(body: string, options?: { groupId?: string | undefined; delayMs?: number | undefined }): string;
  receive(max: number, visibilityMs?: number): Message[];
  /** False when the receipt is of an earlier receive: the message stays. */
  remove(receipt: string): boolean;
  changeVisibility(receipt: string, ms: number): boolean;
  counts(): { readonly ready: number; readonly hidden: number };
  purge(): void;
  /** Resolves when a message is ready, the time is over or the signal aborts. */
  wait(ms: number, signal?: AbortSignal): Promise<void>;
  close(): void;
};

type Kept = {
  readonly id: string;
  readonly body: string;
  readonly sentAt: number;
  readonly groupId: string | undefined;
  receives: number;
  firstReceivedAt: number;
  visibleAt: number;
};

/** Lines of the journal: sent, received, visibility, deleted. */
type Line =
  | { s: string; b: string; t: number; g?: string | undefined; v: number; n?: number; f?: number }
  | { r: string; f: number; v: number }
  | { v: number; of: string }
  | { d: string };

export function openQueue(settings: QueueSettings, file: string): LocalQueue {
  const journal = openJournal(file);
  const all = new Map<string, Kept>();
  for (const line of journal.entries) replay(all, line as Line);
  if (settings.startVisible) for (const message of all.values()) message.visibleAt = 0;
  const hidden = new Map(all);
  let ready: Kept[] = [];
  const waiters = new Set<() => void>();
  let timer: NodeJS.Timeout | undefined;

  function surface(): void {
    const now = Date.now();
    let next = Number.POSITIVE_INFINITY;
    for (const message of hidden.values()) {
      if (message.visibleAt > now) next = Math.min(next, message.visibleAt);
      else {
        hidden.delete(message.id);
        ready.push(message);
      }
    }
    clearTimeout(timer);
    timer =
      next === Number.POSITIVE_INFINITY ? undefined : setTimeout(surface, Math.min(next - now, TIMER_MS_MAX));
    if (ready.length > 0) for (const wake of [...waiters]) wake();
  }

  function drop(message: Kept): void {
    all.delete(message.id);
    hidden.delete(message.id);
    journal.append({ d: message.id } satisfies Line);
    if (journal.length > COMPACT_LINES && journal.length > 4 * all.size) compact(journal, all);
  }

  /** The message, if the receipt is of its latest receive. */
  function held(receipt: string): Kept | undefined {
    const [id = '', receives] = receipt.split('#');
    const message = all.get(id);
    return message !== undefined && hidden.has(id) && String(message.receives) === receives
      ? message
      : undefined;
  }

  /** Takes one ready message, or undefined when it expired or went to the dead-letter queue. */
  function take(message: Kept, now: number, visibilityMs: number): Message | undefined {
    if (now - message.sentAt > settings.retentionMs) {
      drop(message);
      return undefined;
    }
    const deadLetters = message.receives >= settings.receivesMax ? settings.deadLetters() : undefined;
    if (deadLetters !== undefined) {
      deadLetters.send(message.body, { groupId: message.groupId });
      drop(message);
      return undefined;
    }
    message.receives += 1;
    message.firstReceivedAt ||= now;
    message.visibleAt = now + visibilityMs;
    hidden.set(message.id, message);
    journal.append({ r: message.id, f: message.firstReceivedAt, v: message.visibleAt } satisfies Line);
    return { ...message, receipt: `${message.id}#${message.receives}` };
  }

  surface();
  return {
    settings,
    send(body, { groupId, delayMs = settings.delayMs } = {}) {
      const now = Date.now();
      const id = randomUUID();
      const message = {
        id,
        body,
        sentAt: now,
        groupId,
        receives: 0,
        firstReceivedAt: 0,
        visibleAt: now + delayMs,
      };
      journal.append(sentLine(message));
      all.set(id, message);
      if (delayMs > 0) hidden.set(id, message);
      else ready.push(message);
      if (delayMs > 0 || waiters.size > 0) surface();
      return id;
    },
    receive(max, visibilityMs = settings.visibilityMs) {
      const now = Date.now();
      const taken: Message[] = [];
      let read = 0;
      while (taken.length < max && read < ready.length) {
        const message = ready[read++];
        const received = message && take(message, now, visibilityMs);
        if (received) taken.push(received);
      }
      ready = ready.slice(read);
      if (read > 0) surface();
      return taken;
    },
    remove(receipt) {
      const message = held(receipt);
      if (message !== undefined) drop(message);
      return message !== undefined;
    },
    changeVisibility(receipt, ms) {
      const message = held(receipt);
      if (message === undefined) return false;
      message.visibleAt = Date.now() + ms;
      journal.append({ v: message.visibleAt, of: message.id } satisfies Line);
      surface();
      return true;
    },
    counts: () => ({ ready: ready.length, hidden: hidden.size }),
    purge() {
      for (const message of [...all.values()]) drop(message);
      ready = [];
    },
    async wait(ms, signal) {
      if (ready.length > 0 || ms <= 0 || signal?.aborted) return;
      await new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(patience);
          waiters.delete(done);
          signal?.removeEventListener('abort', done);
          resolve();
        };
        const patience = setTimeout(done, ms);
        waiters.add(done);
        signal?.addEventListener('abort', done);
      });
    },
    close() {
      clearTimeout(timer);
      for (const wake of [...waiters]) wake();
      journal.close();
    },
  };
}

/** setTimeout fires at once for anything beyond 2^31 ms. */
const TIMER_MS_MAX = 24 * 60 * 60 * 1000;

function replay(all: Map<string, Kept>, line: Line): void {
  if ('s' in line) {
    const {
      s: id,
      b: body,
      t: sentAt,
      g: groupId,
      v: visibleAt,
      n: receives = 0,
      f: firstReceivedAt = 0,
    } = line;
    all.set(id, { id, body, sentAt, groupId, receives, firstReceivedAt, visibleAt });
  } else if ('d' in line) all.delete(line.d);
  else {
    const message = all.get('r' in line ? line.r : line.of);
    if (message === undefined) return;
    message.visibleAt = line.v;
    if ('r' in line) {
      message.receives += 1;
      message.firstReceivedAt = line.f;
    }
  }
}

const sentLine = (message: Kept): Line => ({
  s: message.id,
  b: message.body,
  t: message.sentAt,
  ...(message.groupId === undefined ? {} : { g: message.groupId }),
  v: message.visibleAt,
  ...(message.receives === 0 ? {} : { n: message.receives, f: message.firstReceivedAt }),
});

const compact = (journal: Journal, all: ReadonlyMap<string, Kept>): void =>
  journal.rewrite([...all.values()].map(sentLine));
