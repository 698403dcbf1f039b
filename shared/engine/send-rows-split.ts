/**
 * Requests that do not end as a whole: halves of one that was refused, and what is left of one whose other rows have
 * ended.
 */
import type { Fault } from '../core/fault.ts';
import { DEFERRAL_WAIT_MS_MIN, DEFERRALS_MAX } from '../core/limits.ts';
import { count, type Delivery, failRow } from './load-batch-delivery.ts';
import { type Group, subgroup } from './send-rows-group.ts';

/** Refused as a whole: two halves, until the bad row is alone. */
export function bisect(d: Delivery, group: Group, fault: Fault): void {
  const size = group.rows.length;
  const line = group.lines[0];
  if (size === 1 && line !== undefined) {
    const { code, message } = fault;
    failRow(d, group.indexes[0] ?? 0, line, { kind: 'rejected', code, reason: message, isPermanent: true });
    return;
  }
  count(d, 'requests_bisected', 1);
  splitRows(d, group);
  const half = Math.ceil(size / 2);
  const positions = Array.from({ length: size }, (_, at) => at);
  const changes = { dueAt: 0, attempts: 0 };
  // The first half goes last: in order, the newest retry is the next request.
  d.retries.push(
    subgroup(group, positions.slice(half), changes),
    subgroup(group, positions.slice(0, half), changes),
  );
}

/** Rows to be asked again later; one that was put off too often has no answer. */
export function defer(d: Delivery, group: Group, positions: readonly number[], waitMs: number): void {
  const later: number[] = [];
  let most = 0;
  const waitsFrom = firstThatMayWait(d, group);
  for (const at of positions.toSorted((a, b) => a - b)) {
    const index = group.indexes[at] ?? 0;
    const deferrals = (d.deferrals.get(index) ?? 0) + 1;
    d.deferrals.set(index, deferrals);
    most = Math.max(most, deferrals);
    const line = group.lines[at];
    if (deferrals < DEFERRALS_MAX && at >= waitsFrom) later.push(at);
    else if (line !== undefined) failRow(d, index, line, at < waitsFrom ? COULD_NOT_WAIT : NO_ANSWER);
  }
  count(d, 'rows_deferred', later.length);
  const waitedAt = d.ports.clock.now() + Math.max(waitMs, DEFERRAL_WAIT_MS_MIN * 2 ** (most - 1));
  // On a coarse grid, so that rows which several requests put off are due together and make one request.
  const dueAt = Math.ceil(waitedAt / DEFERRAL_WAIT_MS_MIN) * DEFERRAL_WAIT_MS_MIN;
  if (later.length === 0) return;
  if (later.length < group.rows.length) splitRows(d, group);
  // Class B: what is left of a request goes out alone, with a key that another delivery of the batch comes to as well;
  // which requests are put off at the same time is an accident.
  const changes = { dueAt, isDeferred: d.plan.classOf[group.operation] !== 'keyed' };
  // A job names a range of lines: it must not hold rows that have ended. The first run goes out first.
  const parts = d.plan.destination.kind === 'jobs' ? runsOf(later).toReversed() : [later];
  d.retries.push(...parts.map((part) => subgroup(group, part, changes)));
}

/**
 * Class C: a resume point has nothing before it pending and nothing behind it sent, so a row that was put off in
 * front of one that has ended cannot wait: a crash would send the other twice. The next run tries it again.
 */
function firstThatMayWait(d: Delivery, group: Group): number {
  if (d.plan.classOf[group.operation] !== 'unsafe') return 0;
  let at = group.indexes.length;
  while (at > 0 && d.ledger.isPending(group.indexes[at - 1] ?? 0)) at -= 1;
  return at;
}

/** From now on parts of the request go out alone. */
function splitRows(d: Delivery, { operation, indexes, lines }: Group): void {
  if (d.plan.classOf[operation] !== 'keyed') return;
  indexes.forEach((index, at) => {
    const line = lines[at];
    if (line !== undefined) d.parts.set(index, line);
  });
}

export const COULD_NOT_WAIT = {
  kind: 'rejected',
  code: 'no_answer',
  reason: 'the row had to wait while others of the same request were taken',
  isPermanent: false,
  // An earlier call with it, whose answer was lost, may have taken effect.
  isPerhapsHeld: true,
} as const;

const NO_ANSWER = {
  kind: 'rejected',
  code: 'no_answer',
  reason: `the destination put the row off ${DEFERRALS_MAX} times without saying why`,
  isPermanent: false,
  isPerhapsHeld: true,
} as const;

/** Positions in runs that are next to each other. */
function runsOf(positions: readonly number[]): number[][] {
  const runs: number[][] = [];
  for (const at of positions) {
    const last = runs.at(-1);
    if (last !== undefined && last.at(-1) === at - 1) last.push(at);
    else runs.push([at]);
  }
  return runs;
}
