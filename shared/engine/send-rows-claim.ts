/**
 * What is written before a call, so that a crash in it is understood: nothing for a first receive at full speed; a
 * resume point for whatever is suspicious; for class C a claim, so that rows whose answer is lost are known to be
 * unknown; for a job its id, before anyone waits for it.
 */

import { writeFailures } from './fail-rows.ts';
import type { Delivery } from './load-batch-delivery.ts';
import {
  AT_FULL_SPEED,
  type FoundPoint,
  ONE_REQUEST,
  ONE_ROW,
  ONE_ROW_AGAIN,
  ORDERLY,
} from './load-batch-point.ts';
import type { Group } from './send-rows-group.ts';

/** Everything before the group is final when this is called in order; at full speed only the first call writes. */
export async function beforeCall(d: Delivery, group: Group): Promise<void> {
  const { found } = d.point;
  // The point of a job at work stands already.
  if (group.jobId !== undefined || isPart(d, group)) return;
  const { unknowns, classOf } = d.plan;
  const isClaimed = classOf[group.operation] === 'unsafe' && unknowns !== 'resend';
  const isResumed = d.point.isSuspect() && !d.isStarted;
  d.isStarted = true;
  if (found.crashes === ORDERLY && !isClaimed && !isResumed) return;
  await savePoint(d, crashesFor(d, group, found), isClaimed ? { claimedTo: endOf(d, group) } : {});
}

/** The job is at work on these rows; a redelivery polls it. */
export async function saveJob(d: Delivery, group: Group, id: string): Promise<void> {
  group.jobId = id;
  if (isPart(d, group)) return;
  d.job = { id, to: endOf(d, group) };
  await savePoint(d, crashesFor(d, group, d.point.found), { job: d.job });
}

/**
 * Class B: what is left of a request that was split has no point of its own. From one in the middle of the request the next
 * delivery would make others, with other keys; from its beginning it makes the same again, and the server knows them.
 */
const isPart = (d: Delivery, { indexes }: Group): boolean => d.parts.has(indexes[0] ?? -1);

type Marks = {
  readonly claimedTo?: number | undefined;
  readonly job?: { readonly id: string; readonly to: number } | undefined;
  /** Nothing is sent after it. */
  readonly isLast?: boolean;
};

/** Failure object first, then the point: its counts promise that every failed row before it is recorded. */
export async function savePoint(d: Delivery, crashes: number, marks: Marks = {}): Promise<void> {
  const { index, offset, counts } = d.ledger.prefix();
  await flushFailures(d, index);
  const { job, isLast } = marks;
  const unread = unreadClaim(d, offset);
  const claimedTo = marks.claimedTo ?? unread;
  const point = {
    offset,
    counts,
    crashes: unread === undefined ? crashes : Math.max(crashes, AT_FULL_SPEED),
    deferrals: d.deferrals.get(index) ?? 0,
    ...(claimedTo === undefined ? {} : { claimedTo }),
    ...(job === undefined ? {} : { job }),
  };
  await d.point.write(point, isLast);
}

/**
 * Class C: where a former delivery's claim ends, if this one was interrupted while it still read the claimed lines. They
 * stay unknown, or the next delivery would send them as if nobody had.
 */
function unreadClaim(d: Delivery, offset: number): number | undefined {
  const { claimedTo, crashes } = d.point.found;
  if (claimedTo === undefined || crashes === ORDERLY || offset >= claimedTo) return undefined;
  return claimedTo;
}

/** Records of lines before `before`; those behind it are sent again by the next delivery, and recorded by it. */
export async function flushFailures(d: Delivery, before: number): Promise<void> {
  const ready = d.failures.filter(({ index }) => index < before);
  if (ready.length === 0) return;
  await writeFailures(
    d.ports,
    d.message,
    ready.map(({ record }) => record),
  );
  d.failures = d.failures.filter(({ index }) => index >= before);
}

/** See load-batch-point.ts. */
function crashesFor(d: Delivery, group: Group, found: FoundPoint): number {
  if (found.crashes === ORDERLY) return AT_FULL_SPEED;
  if (found.crashes < ONE_REQUEST) return ONE_REQUEST;
  const isIsolated = (group.indexes[0] ?? 0) < d.plan.rowsMax;
  if (!isIsolated) return ONE_REQUEST;
  const isSuspect = group.indexes[0] === 0 && found.crashes >= ONE_ROW;
  return isSuspect ? ONE_ROW_AGAIN : ONE_ROW;
}

const endOf = (d: Delivery, { indexes }: Group): number => d.ledger.end(indexes.at(-1) ?? 0);
