/**
 * A table's stream and the event source mapping that reads it: one shard, records in order, a failing batch is
 * tried again, halved if the template says so, and in the end handed to the failure queue, so that one bad record
 * cannot block the shard for ever. Records wait in a journal, each mapping has its own.
 */
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { COMPACT_LINES, openJournal } from '../journal.ts';
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

export type StreamSource = Source & { append(record: StreamRecord): void; pending(): number };

/** Before the first retry of a batch; each further one waits as much longer. */
const RETRY_MS = 1000;
const RETRY_STEPS_MAX = 10;

export function startStreamSource(target: LocalFunction, settings: StreamSourceSettings): StreamSource {
  const stopping = new AbortController();
  const journal = openJournal(settings.file);
  const records: StreamRecord[] = [];
  for (const line of journal.entries as ({ a: StreamRecord } | { d: number })[])
    if ('a' in line) records.push(line.a);
    else records.splice(0, line.d);
  let wake = Promise.withResolvers<void>();
  stopping.signal.addEventListener('abort', () => wake.resolve());
  void pump();

  async function pump(): Promise<void> {
    while (!stopping.signal.aborted) {
      if (records.length === 0) await wake.promise;
      else await deliver(records.slice(0, settings.batchSize));
    }
  }

  /** Delivers the records, or gives up on them; afterwards they are gone from the journal. */
  async function deliver(batch: readonly StreamRecord[], attempts = 0): Promise<void> {
    const result = await invoke(batch);
    if (result === undefined) return;
    const done = doneCount(result, settings.partial, batch);
    drop(done);
    const rest = batch.slice(done);
    if (rest.length === 0) return;
    const tries = done > 0 ? 1 : attempts + 1;
    if (settings.retriesMax >= 0 && tries > settings.retriesMax) {
      settings.bury?.(rest, tries);
      drop(rest.length);
      return;
    }
    await pause((settings.retryMs ?? RETRY_MS) * Math.min(tries, RETRY_STEPS_MAX), stopping.signal);
    const half = Math.ceil(rest.length / 2);
    if (settings.bisect && result.is === 'error' && rest.length > 1) {
      await deliver(rest.slice(0, half), tries);
      await deliver(rest.slice(half), tries);
    } else await deliver(rest, tries);
  }

  /** Undefined when stopped. */
  async function invoke(batch: readonly StreamRecord[]): Promise<InvokeResult | undefined> {
    const event = JSON.stringify({ Records: batch });
    while (!stopping.signal.aborted) {
      await target.slot(stopping.signal);
      const result = stopping.signal.aborted ? undefined : await target.invoke(event);
      if (result !== undefined) return stopping.signal.aborted ? undefined : result;
    }
    return undefined;
  }

  function drop(count: number): void {
    if (count === 0) return;
    records.splice(0, count);
    journal.append({ d: count });
    if (journal.length > COMPACT_LINES && journal.length > 4 * records.length)
      journal.rewrite(records.map((record) => ({ a: record })));
  }

  return {
    append(record) {
      if (settings.filters.length > 0 && !settings.filters.some((passes) => passes(record))) return;
      journal.append({ a: record });
      records.push(record);
      wake.resolve();
      wake = Promise.withResolvers();
    },
    pending: () => records.length,
    stop() {
      stopping.abort();
      journal.close();
    },
  };
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
