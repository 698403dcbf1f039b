/**
 * A table's stream and the event source mapping that reads it: one shard, records in order, a failing batch is
 * tried again, halved if the template says so, and in the end handed to the failure queue, so that one bad record
 * cannot block the shard for ever. Records wait in a journal, each mapping has its own.
 */
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { COMPACT_LINES, type Journal, openJournal } from '../journal.ts';
import type { Matcher } from '../patterns.ts';
import type { DynamoItem } from '../services/dynalite.ts';
import type { InvokeResult } from './environment.ts';
import type { LocalFunction } from './function.ts';
import { reportedFailures, type Source } from './queue-source.ts';

export type StreamRecord = {
  readonly eventID: string;
  readonly eventName: 'INSERT' | 'MODIFY' | 'REMOVE';
  readonly eventVersion: '1.1';
  readonly eventSource: 'aws:dynamodb';
  readonly awsRegion: string;
  readonly eventSourceARN: string;
  readonly dynamodb: {
    readonly ApproximateCreationDateTime: number;
    readonly Keys: DynamoItem;
    readonly NewImage?: DynamoItem;
    readonly OldImage?: DynamoItem;
    readonly SequenceNumber: string;
    readonly SizeBytes: number;
    readonly StreamViewType: string;
  };
};

export type StreamSourceSettings = {
  readonly file: string;
  readonly batchSize: number;
  /** -1: for ever. */
  readonly retriesMax: number;
  readonly bisect: boolean;
  readonly partial: boolean;
  /** Any of them lets a record through; none: all records. */
  readonly filters: readonly Matcher[];
  /** Before the first retry of a batch; absent: as on AWS, about a second. */
  readonly retryMs?: number;
  readonly bury: ((records: readonly StreamRecord[], attempts: number) => void) | undefined;
};

export type StreamSource = Source & {
  /** Between `stop` and `close` too: a write that was under way is still told, and delivered after the next start. */
  append(record: StreamRecord): void;
  pending(): number;
  close(): void;
};

/** Before the first retry of a batch; each further one waits as much longer. */
const RETRY_MS = 1000;
const RETRY_STEPS_MAX = 10;

/** Begins to deliver what the journal holds and what is appended. */
export const startStreamSource = (target: LocalFunction, settings: StreamSourceSettings): StreamSource =>
  new JournalSource(target, settings);

class JournalSource implements StreamSource {
  readonly #target: LocalFunction;
  readonly #settings: StreamSourceSettings;
  readonly #journal: Journal;
  readonly #records: StreamRecord[] = [];
  readonly #stopping = new AbortController();
  #wake = Promise.withResolvers<void>();

  constructor(target: LocalFunction, settings: StreamSourceSettings) {
    this.#target = target;
    this.#settings = settings;
    this.#journal = openJournal(settings.file);
    for (const line of this.#journal.entries as ({ a: StreamRecord } | { d: number })[])
      if ('a' in line) this.#records.push(line.a);
      else this.#records.splice(0, line.d);
    this.#stopping.signal.addEventListener('abort', () => this.#wake.resolve());
    void this.#pump();
  }

  append(record: StreamRecord): void {
    const { filters } = this.#settings;
    if (filters.length > 0 && !filters.some((passes) => passes(record))) return;
    this.#journal.append({ a: record });
    this.#records.push(record);
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  pending(): number {
    return this.#records.length;
  }

  stop(): void {
    this.#stopping.abort();
  }

  close(): void {
    this.#journal.close();
  }

  async #pump(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      if (this.#records.length === 0) await this.#wake.promise;
      else await this.#deliver(this.#records.slice(0, this.#settings.batchSize));
    }
  }

  /** Delivers the records, or gives up on them; afterwards they are gone from the journal, unless it was stopped. */
  async #deliver(batch: readonly StreamRecord[], attempts = 0): Promise<void> {
    const { partial, retriesMax, bisect, bury, retryMs = RETRY_MS } = this.#settings;
    const result = await this.#invoke(batch);
    if (result === undefined) return;
    const done = doneCount(result, partial, batch);
    this.#drop(done);
    const rest = batch.slice(done);
    if (rest.length === 0) return;
    const tries = done > 0 ? 1 : attempts + 1;
    if (retriesMax >= 0 && tries > retriesMax) {
      bury?.(rest, tries);
      this.#drop(rest.length);
      return;
    }
    await pause(retryMs * Math.min(tries, RETRY_STEPS_MAX), this.#stopping.signal);
    const half = bisect && result.is === 'error' ? Math.ceil(rest.length / 2) : rest.length;
    await this.#deliver(rest.slice(0, half), tries);
    if (half < rest.length) await this.#deliver(rest.slice(half), tries);
  }

  /** Undefined when stopped. */
  async #invoke(batch: readonly StreamRecord[]): Promise<InvokeResult | undefined> {
    const { signal } = this.#stopping;
    const event = JSON.stringify({ Records: batch });
    while (!signal.aborted) {
      await this.#target.slot(signal);
      const result = signal.aborted ? undefined : await this.#target.invoke(event);
      if (result !== undefined) return signal.aborted ? undefined : result;
    }
    return undefined;
  }

  #drop(count: number): void {
    if (count === 0) return;
    this.#records.splice(0, count);
    this.#journal.append({ d: count });
    if (this.#journal.length > COMPACT_LINES && this.#journal.length > 4 * this.#records.length)
      this.#journal.rewrite(this.#records.map((record) => ({ a: record })));
  }
}

/** How many records from the front are done with. */
function doneCount(result: InvokeResult, partial: boolean, batch: readonly StreamRecord[]): number {
  if (result.is === 'error') return 0;
  const reported = partial ? reportedFailures(result.payload) : [];
  if (reported === undefined) return 0;
  const positions = reported.map((id) => batch.findIndex(({ dynamodb }) => dynamodb.SequenceNumber === id));
  return positions.length === 0 ? batch.length : Math.max(0, Math.min(...positions));
}

const NEW_VIEWS: ReadonlySet<string> = new Set(['NEW_IMAGE', 'NEW_AND_OLD_IMAGES']);
const OLD_VIEWS: ReadonlySet<string> = new Set(['OLD_IMAGE', 'NEW_AND_OLD_IMAGES']);

/** The record of one write, or undefined when nothing changed: DynamoDB writes none then. */
export function streamRecord(
  stream: {
    readonly arn: string;
    readonly region: string;
    readonly keys: readonly string[];
    readonly view: string;
  },
  before: DynamoItem | undefined,
  after: DynamoItem | undefined,
): StreamRecord | undefined {
  const item = after ?? before;
  if (item === undefined || isDeepStrictEqual({ ...before }, { ...after })) return undefined;
  const images = {
    ...(after === undefined || !NEW_VIEWS.has(stream.view) ? {} : { NewImage: after }),
    ...(before === undefined || !OLD_VIEWS.has(stream.view) ? {} : { OldImage: before }),
  };
  return {
    eventID: randomUUID().replaceAll('-', ''),
    eventName: before === undefined ? 'INSERT' : after === undefined ? 'REMOVE' : 'MODIFY',
    eventVersion: '1.1',
    eventSource: 'aws:dynamodb',
    awsRegion: stream.region,
    eventSourceARN: stream.arn,
    dynamodb: {
      ApproximateCreationDateTime: Math.floor(Date.now() / 1000),
      Keys: Object.fromEntries(stream.keys.map((name) => [name, item[name] ?? {}])),
      ...images,
      SequenceNumber: nextSequence(),
      SizeBytes: JSON.stringify(images).length,
      StreamViewType: stream.view,
    },
  };
}

let lastSequence = 0n;
/** Increasing within a process and across restarts. */
function nextSequence(): string {
  const now = BigInt(Date.now()) * 1_000_000n;
  lastSequence = now > lastSequence ? now : lastSequence + 1n;
  return String(lastSequence).padStart(21, '0');
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
