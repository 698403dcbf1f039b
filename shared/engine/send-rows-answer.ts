/**
 * What follows from the result of a call, row by row.
 */

import type { Fault } from '../core/fault.ts';
import {
  BREAKER_FAULTS,
  DEFERRAL_WAIT_MS_MIN,
  DEFERRALS_MAX,
  TRANSPORT_PAUSE_MS_MIN,
  TRANSPORT_RETRIES_MAX,
} from '../core/limits.ts';
import type { Outcome } from '../core/outcomes.ts';
import { slowDown } from './adapt-rate.ts';
import { readBreaker, tripBreaker } from './breaker.ts';
import { count, type Delivery, failRow, isFresh, stopDelivery } from './load-batch-delivery.ts';
import { ACCEPTED } from './load-batch-ledger.ts';
import { type CallResult, isAuth, isCertainlyUnsent } from './send-rows-call.ts';
import { type Group, subgroup } from './send-rows-group.ts';
import { stopOpen } from './send-rows-slot.ts';
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

function takeOutcomes(d: Delivery, group: Group, outcomes: readonly Outcome[]): void {
  const { rows } = group;
  const put: number[] = [];
  const waits: number[] = [];
  let byKey: Map<string, number> | undefined;
  const answered = new Uint8Array(rows.length);
  for (let at = 0; at < outcomes.length; at += 1) {
    const outcome = outcomes[at] as Outcome;
    // Most destinations answer in order; a map is made only for those that do not.
    let position: number | undefined = at;
    if (rows[at]?.key !== outcome.key) {
      byKey ??= new Map(rows.map((row, index) => [row.key, index]));
      position = byKey.get(outcome.key);
    }
    if (position === undefined) d.strangers += 1;
    else if (answered[position] === 0) {
      answered[position] = 1;
      if (outcome.is !== 'deferred') finishRow(d, group, position, outcome);
      else if (put.push(position) > 0) waits.push(outcome.waitMs ?? 0);
    }
  }
  for (let at = 0; at < rows.length; at += 1) {
    if (answered[at] === 0) silent(d, group, at, put);
  }
  if (put.length > 0) defer(d, group, put, Math.max(0, ...waits.slice(0, WAITS_READ)));
}

/** Only so many waits are compared: they all come from one answer. */
const WAITS_READ = 1000;

/** No outcome for a key is never success. In class C it is a lost answer; elsewhere the row is put off. */
function silent(d: Delivery, group: Group, at: number, put: number[]): void {
  const line = group.lines[at];
  const index = group.indexes[at];
  if (line === undefined || index === undefined) return;
  const isUnsafe = d.plan.classOf[group.operation] === 'unsafe';
  if (isUnsafe && d.plan.unknowns !== 'resend') failUnknown(d, index, line);
  else put.push(at);
}

function finishRow(
  d: Delivery,
  { lines, indexes }: Group,
  at: number,
  outcome: Exclude<Outcome, { is: 'deferred' }>,
): void {
  const line = lines[at];
  const index = indexes[at];
  if (line === undefined || index === undefined) return;
  if (outcome.is === 'rejected') {
    const { code, reason } = outcome;
    failRow(d, index, line, { kind: 'rejected', code, reason, isPermanent: true });
    return;
  }
  if (d.ledger.finish(index, ACCEPTED) && isFresh(line)) d.plan.fresh.rows += 1;
}

/** Rows to be asked again later; one that was put off too often has no answer. */
function defer(d: Delivery, group: Group, positions: readonly number[], waitMs: number): void {
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

function bisect(d: Delivery, group: Group, fault: Fault): void {
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

async function throttled(d: Delivery, group: Group, fault: Fault): Promise<void> {
  const { pacer } = d.memory;
  count(d, 'throttled', 1);
  pacer.drop();
  const { item, freeAt } = await slowDown(d.ports, pacer.lastSeen(), fault.retryAfterMs);
  // And what was reserved before the budget knew.
  pacer.drop();
  pacer.learn(item);
  group.dueAt = freeAt;
}

async function unreachable(d: Delivery, group: Group, fault: Fault): Promise<void> {
  const { clock, ids } = d.ports;
  count(d, 'transport_faults', 1);
  d.memory.faults += 1;
  if (fault.retryAfterMs !== undefined) await throttled(d, group, fault);
  if (d.memory.faults >= BREAKER_FAULTS) return openBreaker(d, fault);
  group.attempts += 1;
  const pauseMs = TRANSPORT_PAUSE_MS_MIN * 2 ** group.attempts;
  if (group.attempts > TRANSPORT_RETRIES_MAX) {
    stopDelivery(d, { code: fault.code, afterMs: pauseMs * 4, isOrderly: true });
    return;
  }
  group.dueAt = Math.max(group.dueAt, clock.now() + pauseMs * ids.random());
}

async function openBreaker(d: Delivery, fault: Fault): Promise<void> {
  // Whoever else saw it may have opened it already; then this changes nothing.
  const seen = await readBreaker(d.ports.state, d.ports.account.name);
  const breaker = await tripBreaker(d.ports, seen, fault.code);
  d.memory.pacer.drop();
  d.memory.pacer.forget();
  stopOpen(d, breaker);
}

/** Refused credentials may have been renewed: the secret is read again once; anything else is for the owner. */
async function misconfigured(d: Delivery, group: Group, fault: Fault): Promise<void> {
  if (isAuth(fault)) {
    d.memory.faults += 1;
    d.ports.destination.forgetSecret();
    group.attempts += 1;
    if (group.attempts === 1) return;
    if (d.memory.faults >= BREAKER_FAULTS) await openBreaker(d, fault);
  }
  stopDelivery(d, {
    code: fault.code,
    afterMs: 0,
    isOrderly: true,
    run: { code: fault.code, message: fault.message, pause: false },
  });
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
