/**
 * Rows on their way become requests. Rules: one operation, at most so many rows and bytes, never two rows with one
 * row key or one matchOn value (half of the vendors refuse that). Where requests must repeat (class B, class C,
 * jobs) they hold consecutive lines; otherwise each operation fills its own.
 */

import type { Operation, Row, Value } from '../core/row.ts';
import type { FailedLine } from './fail-rows.ts';
import type { BatchPlan } from './load-batch-plan.ts';

/** One request's rows; `lines` and `indexes` run parallel to `rows`. */
export type Group = {
  readonly operation: Operation;
  readonly rows: Row[];
  readonly lines: FailedLine[];
  /** Line numbers in the ledger, ascending. */
  readonly indexes: number[];
  /** Transport faults that it met in this invocation. */
  attempts: number;
  /** Not before this moment. */
  dueAt: number;
  /** Rows that a destination put off; they may be gathered from several requests. */
  isDeferred: boolean;
  /** The job that is at work on exactly these rows. */
  jobId: string | undefined;
  /** What has to be written before its call is written. */
  isPrepared: boolean;
};

export type Sendable = {
  readonly operation: Operation;
  readonly row: Row;
  readonly line: FailedLine;
  readonly index: number;
  /** Of the stage line. */
  readonly lineBytes: number;
};

export type GroupBuilder = {
  /** Adds a row; gives the request that is complete without it, if one is. */
  add(sendable: Sendable): Group | undefined;
  /** Bytes of this one row as JSON when it alone is over the limit, else undefined. */
  oversize(sendable: Sendable): number | undefined;
  /** What is left, each once, in the order of their first lines. */
  rest(): Group[];
};

type Limits = Pick<BatchPlan, 'rowsMax' | 'bytesMax' | 'rowOverheadBytes' | 'isContiguous' | 'matchOn'>;

type Open = {
  readonly group: Group;
  readonly keys: Set<string>;
  readonly matches: Set<string>;
  /** Estimated, or measured once it comes near the limit. */
  bytes: number;
  isMeasured: boolean;
};

export function groupBuilder(limits: Limits, rowsMax: number = limits.rowsMax): GroupBuilder {
  const open = new Map<Operation, Open>();
  const close = (operation: Operation): Group | undefined => {
    const group = open.get(operation)?.group;
    open.delete(operation);
    return group;
  };
  const closeOthers = (operation: Operation): Group | undefined => {
    for (const other of open.keys()) if (other !== operation) return close(other);
    return undefined;
  };
  return {
    add: (sendable) => {
      const { operation, row } = sendable;
      let closed = limits.isContiguous ? closeOthers(operation) : undefined;
      let into = open.get(operation);
      const match = matchText(row.fields[limits.matchOn]);
      if (into !== undefined && !fits(into, sendable, match, limits, rowsMax)) {
        closed = close(operation);
        into = undefined;
      }
      if (into === undefined) {
        into = opened(operation);
        open.set(operation, into);
        into.bytes = estimate(sendable, limits);
      }
      into.group.rows.push(row);
      into.group.lines.push(sendable.line);
      into.group.indexes.push(sendable.index);
      into.keys.add(row.key);
      if (match !== undefined) into.matches.add(match);
      return closed;
    },
    oversize: (sendable) => {
      if (estimate(sendable, limits) * ESTIMATE_MARGIN <= limits.bytesMax) return undefined;
      const bytes = rowBytes(sendable.row);
      return bytes > limits.bytesMax ? bytes : undefined;
    },
    rest: () => {
      const groups = [...open.values()].map(({ group }) => group);
      open.clear();
      return groups.toSorted((a, b) => (a.indexes[0] ?? 0) - (b.indexes[0] ?? 0));
    },
  };
}

/** A request of some of a group's rows, in their order. */
export function subgroup(group: Group, positions: readonly number[], changes: Partial<Group> = {}): Group {
  const pick = <T>(from: readonly T[]): T[] => positions.map((position) => from[position] as T);
  return {
    ...group,
    jobId: undefined,
    isPrepared: false,
    ...changes,
    rows: pick(group.rows),
    lines: pick(group.lines),
    indexes: pick(group.indexes),
  };
}

/** Below half of the limit an estimate is good enough: escapes and conversions do not double a row. */
const ESTIMATE_MARGIN = 2;
/** Key, braces and comma around one row in a request. */
const ENVELOPE_BYTES = 16;

/** Room for one more row? Adds its bytes when there is. */
function fits(
  into: Open,
  sendable: Sendable,
  match: string | undefined,
  limits: Limits,
  rowsMax: number,
): boolean {
  const { row } = sendable;
  if (into.group.rows.length >= rowsMax || into.keys.has(row.key)) return false;
  if (match !== undefined && into.matches.has(match)) return false;
  const estimated = estimate(sendable, limits);
  if (!into.isMeasured && (into.bytes + estimated) * ESTIMATE_MARGIN <= limits.bytesMax) {
    into.bytes += estimated;
    return true;
  }
  if (!into.isMeasured) {
    into.bytes = into.group.rows.reduce((sum, one) => sum + rowBytes(one), 0);
    into.isMeasured = true;
  }
  const bytes = into.bytes + rowBytes(row);
  if (bytes > limits.bytesMax) return false;
  into.bytes = bytes;
  return true;
}

const estimate = ({ lineBytes }: Sendable, limits: Limits): number => lineBytes + limits.rowOverheadBytes;

const rowBytes = (row: Row): number =>
  Buffer.byteLength(JSON.stringify(row.fields)) + Buffer.byteLength(row.key) + ENVELOPE_BYTES;

/** Equal texts for values that a vendor would take for one record; a row without the field matches nothing. */
function matchText(value: Value | undefined): string | undefined {
  if (typeof value === 'string') return value;
  return value === undefined || value === null ? undefined : JSON.stringify(value);
}

const opened = (operation: Operation): Open => ({
  group: {
    operation,
    rows: [],
    lines: [],
    indexes: [],
    attempts: 0,
    dueAt: 0,
    isDeferred: false,
    jobId: undefined,
    isPrepared: false,
  },
  keys: new Set(),
  matches: new Set(),
  bytes: 0,
  isMeasured: false,
});
