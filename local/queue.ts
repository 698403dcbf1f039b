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

/** Opens the queue kept in `file`, with whatever an earlier process left in it. */
export const openQueue = (settings: QueueSettings, file: string): LocalQueue => new FileQueue(settings, file);

class FileQueue implements LocalQueue {
  readonly settings: QueueSettings;
  readonly #journal: Journal;
  readonly #all = new Map<string, Kept>();
  readonly #hidden: Map<string, Kept>;
  #ready: Kept[] = [];
  readonly #waiters = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;

  constructor(settings: QueueSettings, file: string) {
    this.settings = settings;
    this.#journal = openJournal(file);
    for (const line of this.#journal.entries) replay(this.#all, line as Line);
    if (settings.startVisible) for (const message of this.#all.values()) message.visibleAt = 0;
    this.#hidden = new Map(this.#all);
    this.#surface();
  }

  send(body: string, options: { groupId?: string | undefined; delayMs?: number | undefined } = {}): string {
    const { groupId, delayMs = this.settings.delayMs } = options;
    const sentAt = Date.now();
    const id = randomUUID();
    const message = {
      id,
      body,
      sentAt,
      groupId,
      receives: 0,
      firstReceivedAt: 0,
      visibleAt: sentAt + delayMs,
    };
    this.#journal.append(sentLine(message));
    this.#all.set(id, message);
    if (delayMs > 0) this.#hidden.set(id, message);
    else this.#ready.push(message);
    if (delayMs > 0 || this.#waiters.size > 0) this.#surface();
    return id;
  }

  receive(max: number, visibilityMs = this.settings.visibilityMs): Message[] {
    const now = Date.now();
    const taken: Message[] = [];
    let read = 0;
    while (taken.length < max && read < this.#ready.length) {
      const message = this.#ready[read++];
      const received = message && this.#take(message, now, visibilityMs);
      if (received) taken.push(received);
    }
    this.#ready = this.#ready.slice(read);
    if (read > 0) this.#surface();
    return taken;
  }

  remove(receipt: string): boolean {
    const message = this.#held(receipt);
    if (message !== undefined) this.#drop(message);
    return message !== undefined;
  }

  changeVisibility(receipt: string, ms: number): boolean {
    const message = this.#held(receipt);
    if (message === undefined) return false;
    message.visibleAt = Date.now() + ms;
    this.#journal.append({ v: message.visibleAt, of: message.id } satisfies Line);
    this.#surface();
    return true;
  }

  counts(): { ready: number; hidden: number } {
    return { ready: this.#ready.length, hidden: this.#hidden.size };
  }

  purge(): void {
    for (const message of [...this.#all.values()]) this.#drop(message);
    this.#ready = [];
  }

  async wait(ms: number, signal?: AbortSignal): Promise<void> {
    if (this.#ready.length > 0 || ms <= 0 || signal?.aborted) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(patience);
        this.#waiters.delete(done);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const patience = setTimeout(done, ms);
      this.#waiters.add(done);
      signal?.addEventListener('abort', done);
    });
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const wake of [...this.#waiters]) wake();
    this.#journal.close();
  }

  /** Makes ready what has been hidden long enough, and comes back for the next. */
  #surface(): void {
    const now = Date.now();
    let next = Number.POSITIVE_INFINITY;
    for (const message of this.#hidden.values()) {
      if (message.visibleAt > now) next = Math.min(next, message.visibleAt);
      else {
        this.#hidden.delete(message.id);
        this.#ready.push(message);
      }
    }
    clearTimeout(this.#timer);
    if (next !== Number.POSITIVE_INFINITY)
      this.#timer = setTimeout(() => this.#surface(), Math.min(next - now, TIMER_MS_MAX));
    if (this.#ready.length > 0) for (const wake of [...this.#waiters]) wake();
  }

  #drop(message: Kept): void {
    this.#all.delete(message.id);
    this.#hidden.delete(message.id);
    this.#journal.append({ d: message.id } satisfies Line);
    if (this.#journal.length > COMPACT_LINES && this.#journal.length > 4 * this.#all.size)
      this.#journal.rewrite([...this.#all.values()].map(sentLine));
  }

  /** The message, if the receipt is of its latest receive. */
  #held(receipt: string): Kept | undefined {
    const [id = '', receives] = receipt.split('#');
    const message = this.#hidden.get(id);
    return message !== undefined && String(message.receives) === receives ? message : undefined;
  }

  /** Takes one ready message, or undefined when it expired or went to the dead-letter queue. */
  #take(message: Kept, now: number, visibilityMs: number): Message | undefined {
    const { settings } = this;
    if (now - message.sentAt > settings.retentionMs) {
      this.#drop(message);
      return undefined;
    }
    const deadLetters = message.receives >= settings.receivesMax ? settings.deadLetters() : undefined;
    if (deadLetters !== undefined) {
      deadLetters.send(message.body, { groupId: message.groupId });
      this.#drop(message);
      return undefined;
    }
    message.receives += 1;
    message.firstReceivedAt ||= now;
    message.visibleAt = now + visibilityMs;
    this.#hidden.set(message.id, message);
    this.#journal.append({ r: message.id, f: message.firstReceivedAt, v: message.visibleAt } satisfies Line);
    return { ...message, receipt: `${message.id}#${message.receives}` };
  }
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
