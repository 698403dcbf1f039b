/**
 * One call to a destination and what it means for the engine: an answer, or one of six ways to have none.
 */
import { AUTH_REFUSED, asFault, Fault, THROTTLED } from '../core/fault.ts';
import type { Outcome } from '../core/outcomes.ts';
import type { WriteRequest } from '../destinations/destination.ts';
import type { Delivery } from './load-batch-delivery.ts';
import type { Group } from './send-rows-group.ts';

export type CallResult =
  | { readonly is: 'answered'; readonly outcomes: readonly Outcome[] }
  /** A job is at work; ask again after `waitMs`. */
  | { readonly is: 'working'; readonly waitMs: number }
  /** Refused as a whole, no row named. */
  | { readonly is: 'refused'; readonly fault: Fault }
  | { readonly is: 'throttled'; readonly fault: Fault }
  | { readonly is: 'unreachable'; readonly fault: Fault }
  | { readonly is: 'misconfigured'; readonly fault: Fault }
  /** We destroyed the socket. */
  | { readonly is: 'aborted' }
  | { readonly is: 'bug'; readonly fault: Fault };

export type OnJob = (jobId: string) => Promise<void>;

/** Never throws, except what `onJob` throws; it is told the job's id before anyone waits for the job. */
export async function callDestination(d: Delivery, group: Group, onJob: OnJob): Promise<CallResult> {
  const { plan, ports, abort } = d;
  const request = requestOf(d, group);
  const ctx = ports.destination.context(abort);
  const { destination, target } = plan;
  let jobId = group.jobId;
  try {
    if (destination.kind === 'calls') {
      return { is: 'answered', outcomes: await orAbort(destination.write(ctx, target, request), abort) };
    }
    if (jobId === undefined) {
      jobId = (await orAbort(destination.submit(ctx, target, request), abort)).jobId;
    } else {
      const polled = await orAbort(destination.poll(ctx, target, { jobId, request }), abort);
      return polled.done
        ? { is: 'answered', outcomes: polled.outcomes }
        : { is: 'working', waitMs: Math.max(0, polled.waitMs) };
    }
  } catch (error) {
    return failedCall(asFault(error), abort);
  }
  await onJob(jobId);
  return { is: 'working', waitMs: 0 };
}

function failedCall(fault: Fault, abort: AbortSignal): CallResult {
  if (abort.aborted && fault.kind !== 'row') return { is: 'aborted' };
  if (fault.kind === 'row') return { is: 'refused', fault };
  if (fault.kind === 'config') return { is: 'misconfigured', fault };
  if (fault.kind === 'bug') return { is: 'bug', fault };
  return fault.code === THROTTLED ? { is: 'throttled', fault } : { is: 'unreachable', fault };
}

export const isAuth = (fault: Fault): boolean => fault.kind === 'config' && fault.code === AUTH_REFUSED;

/**
 * Did the call certainly take no effect? Then even an unsafe operation may be sent again. What is not known for
 * sure counts as unknown.
 */
export function isCertainlyUnsent(result: CallResult): boolean {
  if (result.is === 'throttled' || result.is === 'misconfigured') return true;
  return result.is === 'unreachable' && result.fault.code === 'connection_refused';
}

/** A destination that does not mind its signal is left behind: its promise resolves into nothing. */
async function orAbort<T>(call: Promise<T>, abort: AbortSignal): Promise<T> {
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(new Fault('transient', 'aborted', 'the call was given up at the deadline'));
    if (abort.aborted) onAbort();
    else abort.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([call, aborted]);
  } finally {
    if (onAbort !== undefined) abort.removeEventListener('abort', onAbort);
  }
}

function requestOf(d: Delivery, { operation, rows, indexes }: Group): WriteRequest {
  return { operation, matchOn: d.plan.matchOn, rows, idempotencyKey: idempotencyKey(d, indexes) };
}

/**
 * The same for the same rows, whoever sends them and whenever: a stage never changes, so the offsets of its lines
 * name them. The hash tells two requests with one first line and one size apart.
 */
function idempotencyKey({ message, ledger }: Delivery, indexes: readonly number[]): string {
  let a = 0x811c9dc5;
  let b = 0x9e3779b9;
  for (const index of indexes) {
    const offset = ledger.start(index);
    a = Math.imul(a ^ offset, 0x01000193);
    b = Math.imul(b ^ (offset + (a >>> 7)), 0x85ebca6b);
  }
  const hash = (a >>> 0).toString(36) + (b >>> 0).toString(36);
  const { syncId, epoch, shard, ordinal } = message;
  return `${syncId}.${epoch}.${shard}-${ordinal}.${ledger.start(indexes[0] ?? 0)}.${indexes.length}.${hash}`;
}
