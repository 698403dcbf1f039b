/**
 * Asynchronous invocations of one function, as Lambda does them: the event waits in an internal queue, a failure is
 * tried again twice (after one minute, then two) or as the template says, and what failed for good goes to the
 * function's dead-letter queue or failure destination. The queue is kept on disk, so an event that was accepted
 * survives the death of this process.
 */
import type { LocalQueue, Message } from '../queue.ts';
import type { InvokeResult } from './environment.ts';
import type { LocalFunction } from './function.ts';

export type AsyncSettings = {
  readonly retriesMax: number;
  readonly eventAgeMsMax: number;
  /** Before the first retry; twice that before the second. */
  readonly retryMs: number;
  /** Sends what failed for good; called at most once per event. */
  readonly bury: ((event: string, result: InvokeResult, attempts: number) => void) | undefined;
};

export type AsyncInvocations = {
  accept(event: string): void;
  /** Events accepted and not yet done with. */
  pending(): number;
  stop(): void;
};

/** How long a stopped wait may last at most; new events end it early. */
const WAIT_MS = 60_000;

export function startAsyncInvocations(
  target: LocalFunction,
  queue: LocalQueue,
  settings: AsyncSettings,
): AsyncInvocations {
  const stopping = new AbortController();
  void pump();

  async function pump(): Promise<void> {
    while (!stopping.signal.aborted) {
      await queue.wait(WAIT_MS, stopping.signal);
      await target.slot(stopping.signal);
      if (stopping.signal.aborted) return;
      const [message] = target.hasSlot ? queue.receive(1) : [];
      if (message !== undefined) void deliver(message);
    }
  }

  async function deliver(message: Message): Promise<void> {
    const result = await target.invoke(message.body);
    if (stopping.signal.aborted) return;
    if (result === undefined) {
      // Someone else took the slot in the meantime: not an attempt of the function.
      queue.changeVisibility(message.receipt, 0);
      return;
    }
    const tooOld = Date.now() - message.sentAt >= settings.eventAgeMsMax;
    if (result.is === 'error' && message.receives <= settings.retriesMax && !tooOld) {
      queue.changeVisibility(message.receipt, settings.retryMs * message.receives);
      return;
    }
    if (result.is === 'error') settings.bury?.(message.body, result, message.receives);
    queue.remove(message.receipt);
  }

  return {
    accept: (event) => void queue.send(event),
    pending: () => queue.counts().ready + queue.counts().hidden,
    stop: () => stopping.abort(),
  };
}
