/**
 * What follows from the result of a call. Row by row: send-rows-outcomes.ts; in parts: send-rows-split.ts; for the
 * account: send-rows-refusal.ts.
 */
import { count, type Delivery, stopDelivery } from './load-batch-delivery.ts';
import { type CallResult, isCertainlyUnsent } from './send-rows-call.ts';
import type { Group } from './send-rows-group.ts';
import { takeOutcomes } from './send-rows-outcomes.ts';
import { misconfigured, throttled, unreachable } from './send-rows-refusal.ts';
import { bisect } from './send-rows-split.ts';
import { failUnknown } from './send-rows-unknown.ts';

/** May write (budget, breaker); throws transient Faults of the state table. */
export async function takeAnswer(d: Delivery, group: Group, result: CallResult): Promise<void> {
  count(d, 'requests_sent', 1);
  if (result.is !== 'unreachable' && result.is !== 'misconfigured' && result.is !== 'aborted') {
    d.memory.faults = 0;
  }
  if (result.is === 'answered') {
    d.job = undefined;
    return takeOutcomes(d, group, result.outcomes);
  }
  if (result.is === 'working') return waitForJob(d, group, result.waitMs);
  if (result.is === 'refused') {
    d.job = undefined;
    return bisect(d, group, result.fault);
  }
  if (isLost(d, group, result)) {
    group.indexes.forEach((index, at) => {
      const line = group.lines[at];
      if (line !== undefined) failUnknown(d, index, line);
    });
  } else {
    // As it is: it may have been taken, and gathered with others it would have another key.
    group.isDeferred = false;
    d.retries.push(group);
  }
  if (result.is === 'throttled') return throttled(d, group, result.fault);
  if (result.is === 'unreachable') return unreachable(d, group, result.fault);
  if (result.is === 'misconfigured') return misconfigured(d, group, result.fault);
  stopFailed(d, result);
}

/** Class C without an answer: nobody knows, unless the call certainly did nothing. */
function isLost(d: Delivery, group: Group, result: CallResult): boolean {
  const isUnsafe = d.plan.classOf[group.operation] === 'unsafe';
  // A job that was taken can still be asked.
  if (!isUnsafe || d.plan.unknowns === 'resend' || group.jobId !== undefined) return false;
  return !isCertainlyUnsent(result);
}

function stopFailed(d: Delivery, result: CallResult): void {
  if (result.is === 'aborted') stopDelivery(d, { code: 'deadline', afterMs: 0, isOrderly: true });
  if (result.is !== 'bug') return;
  const { syncId, epoch, shard, ordinal } = d.message;
  const { code } = result.fault;
  d.ports.telemetry.log('error', 'destination_failed', { syncId, epoch, shard, ordinal, fault: code });
  stopDelivery(d, { code, afterMs: 1000, isOrderly: false });
}

/** Another look at the job within this invocation, or the message goes back until it is due. */
function waitForJob(d: Delivery, group: Group, waitMs: number): void {
  group.dueAt = d.ports.clock.now() + waitMs;
  d.retries.push(group);
}
