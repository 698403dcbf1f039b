/**
 * One delivery: a loader at work on one batch message. What its parts share, and the few things that all of them do.
 */
import type { BatchMessage, Lane } from '../core/message.ts';
import type { Metric } from '../core/metrics.ts';
import type { Cut } from '../core/run.ts';
import type { RunCode } from '../core/run-codes.ts';
import type { FailureRecord } from '../core/stage.ts';
import type { LoaderPorts } from '../ports.ts';
import { type FailedLine, failureRecord, type RowFailure } from './fail-rows.ts';
import { DEAD, type Final, INVALID, type Ledger, REJECTED } from './load-batch-ledger.ts';
import type { BatchPlan, LoaderMemory } from './load-batch-plan.ts';
import type { PointStore } from './load-batch-point.ts';
import type { Group } from './send-rows-group.ts';
import { isStorm, type StopRequest } from './storm.ts';

export type Delivery = {
  readonly ports: LoaderPorts;
  readonly memory: LoaderMemory;
  readonly plan: BatchPlan;
  readonly message: BatchMessage;
  readonly cut: Cut;
  readonly lane: Lane;
  readonly ledger: Ledger;
  readonly point: PointStore;
  /** Records of failed rows that are not in an object yet, in no order. */
  failures: { readonly index: number; readonly record: FailureRecord }[];
  /** Deferrals per line; only of those that have any. */
  readonly deferrals: Map<number, number>;
  readonly retries: Group[];
  /** Class B: rows of requests that were split, which no repeat could make again. */
  readonly parts: Map<number, FailedLine>;
  /** One request at a time, each row final before the next request. */
  readonly isInOrder: boolean;
  /** No request starts at or past this moment. */
  readonly stopAt: number;
  /** Destroys sockets. */
  readonly abort: AbortSignal;
  /** Aborts when `stop` is set: whoever waits for a slot wakes. */
  readonly stopping: AbortController;
  stop: Stop | undefined;
  /** Bytes of the batch's range, for guessing how many requests are left. */
  readonly rangeBytes: number;
  /** Answers for keys that were not asked about. */
  unaskedAnswers: number;
  /** A first call was made. */
  isStarted: boolean;
  /** The job at work on the rows from the prefix up to `to`. */
  job: { readonly id: string; readonly to: number } | undefined;
};

/** Why a delivery ends before its batch does. */
export type Stop = {
  readonly code: string;
  /** Wished pause before the next receive. */
  readonly afterMs: number;
  /** False: treat this end like a crash, so that a line that causes it is found. */
  readonly isOrderly: boolean;
  /** Stop the whole run. */
  readonly run?: StopRequest;
};

/** The first reason wins. */
export function stopDelivery(d: Delivery, stop: Stop): void {
  if (d.stop !== undefined) return;
  d.stop = stop;
  d.stopping.abort();
}

export function isFresh(line: FailedLine): boolean {
  return line.n === '0';
}

/** Ends a row with a failure and its record; nothing when it had ended before. */
export function failRow(d: Delivery, index: number, line: FailedLine, failure: RowFailure): void {
  if (!d.ledger.finish(index, OUTCOME_OF[failure.kind])) return;
  const isPerhapsHeld = d.plan.classOf.insert === undefined ? failure.isPerhapsHeld : false;
  const record = failureRecord(line, { ...failure, isPerhapsHeld }, d.plan.epoch);
  if (record !== undefined) d.failures.push({ index, record });
  if (failure.kind !== 'rejected' || !isFresh(line)) return;
  d.plan.fresh.rows += 1;
  d.plan.fresh.rejected += 1;
}

const OUTCOME_OF: Readonly<Record<RowFailure['kind'], Final>> = {
  rejected: REJECTED,
  invalid: INVALID,
  dead: DEAD,
};

const STORM = 'failure_storm' satisfies RunCode;

/** Stops the run when too many of its fresh rows were rejected. */
export function watchStorm(d: Delivery): void {
  const { fresh } = d.plan;
  if (!isStorm(fresh)) return;
  stopDelivery(d, {
    code: STORM,
    afterMs: 0,
    isOrderly: true,
    run: {
      code: STORM,
      message: `${fresh.rejected} of ${fresh.rows} new rows were rejected by the destination`,
      pause: true,
    },
  });
}

/** Requests that the batch still has, about; at least 1. */
export function requestsLeft(d: Delivery): number {
  const { ledger, plan } = d;
  const lines = ledger.lines();
  const { manifest } = plan;
  const lineBytes =
    lines > 0 ? (ledger.readTo() - ledger.start(0)) / lines : manifest.bytes / Math.max(1, manifest.rows);
  const unread = Math.max(0, d.rangeBytes - ledger.readTo());
  return d.retries.length + 1 + Math.ceil(unread / Math.max(1, lineBytes) / plan.rowsMax);
}

export function count(d: Delivery, metric: Metric, value: number): void {
  if (value > 0) d.ports.telemetry.count(metric, value, d.ports.account.name);
}
