/**
 * An event source mapping from a queue to a function: receives batches while the function has room, deletes what
 * succeeded, and leaves what failed invisible until its visibility ends, unless the function itself changed that.
 */
import type { LocalQueue, Message } from '../queue.ts';
import { md5, systemAttributes } from '../services/sqs.ts';
import type { InvokeResult } from './environment.ts';
import type { LocalFunction } from './function.ts';

export type QueueSourceSettings = {
  readonly batchSize: number;
  readonly windowMs: number;
  /** Batches in flight at most. */
  readonly concurrency: number;
  /** Does the function report single failures (`ReportBatchItemFailures`)? */
  readonly partial: boolean;
  readonly region: string;
};

export type Source = { stop(): void };

/** Long polling, as the mapping itself does. */
const POLL_MS = 20_000;

export function startQueueSource(
  queue: LocalQueue,
  target: LocalFunction,
  settings: QueueSourceSettings,
): Source {
  const stopping = new AbortController();
  let active = 0;
  let wake = Promise.withResolvers<void>();
  stopping.signal.addEventListener('abort', () => wake.resolve());
  void pump();

  async function pump(): Promise<void> {
    while (!stopping.signal.aborted) {
      await queue.wait(POLL_MS, stopping.signal);
      while (active >= settings.concurrency && !stopping.signal.aborted) await wake.promise;
      await target.slot(stopping.signal);
      if (stopping.signal.aborted) return;
      const batch = target.hasSlot ? await collect() : [];
      if (batch.length > 0) void run(batch);
    }
  }

  async function collect(): Promise<Message[]> {
    const batch = queue.receive(settings.batchSize);
    const until = Date.now() + settings.windowMs;
    while (batch.length > 0 && batch.length < settings.batchSize && Date.now() < until) {
      await queue.wait(until - Date.now(), stopping.signal);
      batch.push(...queue.receive(settings.batchSize - batch.length));
    }
    return batch;
  }

  async function run(batch: readonly Message[]): Promise<void> {
    active += 1;
    const result = await target.invoke(event(batch, queue, settings.region));
    if (!stopping.signal.aborted) settle(batch, result);
    active -= 1;
    wake.resolve();
    wake = Promise.withResolvers();
  }

  function settle(batch: readonly Message[], result: InvokeResult | undefined): void {
    if (result === undefined) {
      for (const { receipt } of batch) queue.changeVisibility(receipt, 0);
      return;
    }
    const failed = failedIds(result, settings.partial, batch);
    for (const message of batch) if (!failed.has(message.id)) queue.remove(message.receipt);
  }

  return { stop: () => stopping.abort() };
}

function event(batch: readonly Message[], queue: LocalQueue, awsRegion: string): string {
  const Records = batch.map((message) => ({
    messageId: message.id,
    receiptHandle: message.receipt,
    body: message.body,
    attributes: systemAttributes(message),
    messageAttributes: {},
    md5OfBody: md5(message.body),
    eventSource: 'aws:sqs',
    eventSourceARN: queue.settings.arn,
    awsRegion,
  }));
  return JSON.stringify({ Records });
}

/** Ids that stay in the queue: all after an error or an answer that cannot be read, else those reported. */
function failedIds(result: InvokeResult, partial: boolean, batch: readonly Message[]): ReadonlySet<string> {
  const all = new Set(batch.map(({ id }) => id));
  if (result.is === 'error') return all;
  const reported = partial ? reportedFailures(result.payload) : [];
  if (reported === undefined || reported.some((id) => !all.has(id))) return all;
  return new Set(reported);
}

/** `batchItemFailures` of a function's answer; empty for null, undefined when it has another shape. */
export function reportedFailures(payload: string): readonly string[] | undefined {
  const answer = JSON.parse(payload) as { batchItemFailures?: unknown } | null;
  const failures = answer?.batchItemFailures ?? [];
  if (!Array.isArray(failures)) return undefined;
  const ids = failures.map((one: { itemIdentifier?: unknown } | null) => one?.itemIdentifier);
  return ids.every((id) => typeof id === 'string' && id !== '') ? (ids as string[]) : undefined;
}
