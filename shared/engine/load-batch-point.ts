/**
 * The resume point of a batch (attribute `p<ordinal>` of SHARD), and how suspicious a redelivery is.
 *
 * A point is written before something may crash and again when a delivery ends in order, so what a receive finds
 * says how the last one ended. `crashes` of a point, and what the next delivery does at its offset:
 *   0  ended in order          -> full speed, after one write that says 1
 *   1  full speed ended badly  -> one request at a time, each after a write that says 2
 *   2  one request ended badly -> one row at a time for a request's worth of rows, each after a write that says 3
 *   3  a row alone ended badly -> the same once more, its write says 4
 *   4  the same row again      -> that line is dead, alone
 * A first receive writes nothing, so a fault-free run pays no write for this; nor does one that went back before its first
 * call, for lack of a slot. Where no point is found, a former receive can only have ended badly if the message was
 * hidden for a whole visibility timeout since: then this delivery writes 1 first, like any after a point.
 *
 * Where a row must not be sent twice (class C, jobs) a batch also has an owner, `o<ordinal>`: each write names it, and
 * an orderly end gives it back. Of two deliveries at once (a repeated fan-out, a visibility that ran out) the younger
 * one waits while the invocation of the older can be alive, or it would take a call that is under way for lost; should
 * the older one live on after that, it stops before its next call.
 */
import { Fault } from '../core/fault.ts';
import type { BatchMessage } from '../core/message.ts';
import { shardKey } from '../core/names.ts';
import { type Counts, NO_ROWS } from '../core/outcomes.ts';
import type { ResumePoint } from '../core/run.ts';
import type { Attribute, Condition, Item, StateStore } from '../ports.ts';

export const ORDERLY = 0;
export const AT_FULL_SPEED = 1;
export const ONE_REQUEST = 2;
export const ONE_ROW = 3;
export const ONE_ROW_AGAIN = 4;

export type FoundPoint = {
  readonly offset: number;
  readonly counts: Counts;
  readonly crashes: number;
  readonly deferrals: number;
  readonly claimedTo: number | undefined;
  readonly job: { readonly id: string; readonly to: number } | undefined;
};

/** What a delivery starts from: the point of the item, or the batch's beginning. */
export function foundPoint(item: Item | undefined, ordinal: number): FoundPoint {
  const point = item?.[`p${ordinal}`];
  if (point === undefined || !isPoint(point)) {
    return {
      offset: 0,
      counts: NO_ROWS,
      crashes: ORDERLY,
      deferrals: 0,
      claimedTo: undefined,
      job: undefined,
    };
  }
  const { offset, counts, crashes, deferrals, claimedTo, job } = point;
  return { offset, counts, crashes, deferrals, claimedTo, job };
}

/** A name that says how long its owner can be alive. */
export const ownerName = (aliveUntil: number, id: string): string => `${Math.ceil(aliveUntil)}.${id}`;

/** Until when another delivery may be at work on the batch; 0 when none is. */
export function ownedUntil(item: Item | undefined, ordinal: number): number {
  const holder = item?.[`o${ordinal}`];
  return typeof holder === 'string' ? Number.parseInt(holder, 10) || 0 : 0;
}

export type PointStore = {
  readonly found: FoundPoint;
  /** True when the item holds a point of this delivery or a former one, or lacks one that a crash may have kept away. */
  isSuspect(): boolean;
  /**
   * `isLast`: gives the batch back, this delivery sends nothing more. Throws `batch_taken_over` (transient) when
   * another delivery of the batch owns it now.
   */
  write(point: ResumePoint, isLast?: boolean): Promise<void>;
};

type PointOrigin = {
  readonly item: Item | undefined;
  readonly found: FoundPoint;
  readonly owner: string | undefined;
  /** A former delivery can have ended badly without leaving a point. */
  readonly mayHaveCrashed: boolean;
};

export function pointStore(
  state: StateStore,
  { syncId, epoch, shard, ordinal }: BatchMessage,
  { item, found, owner, mayHaveCrashed }: PointOrigin,
): PointStore {
  const name = `o${ordinal}`;
  let isSuspect = mayHaveCrashed || item?.[`p${ordinal}`] !== undefined;
  let holder = item?.[name];
  return {
    found,
    isSuspect: () => isSuspect,
    write: async (point, isLast = false) => {
      isSuspect = true;
      // Settled by another delivery of the same batch: its outcome stands, a point would never be read.
      const when: Condition[] = [{ attribute: `b${ordinal}`, is: 'absent' }];
      const set: Record<string, Attribute> = { [`p${ordinal}`]: storable(point) };
      if (owner !== undefined) {
        when.push(
          typeof holder === 'string'
            ? { attribute: name, is: '=', value: holder }
            : { attribute: name, is: 'absent' },
        );
        // A mark of its own, not nothing: a delivery that looked before us would take nothing for what it saw.
        set[name] = isLast ? `0.${owner}` : owner;
      }
      const written = await state.update(shardKey(syncId, epoch, shard), { when, set });
      if (owner === undefined) return;
      // A write whose answer was lost is recognised when the SDK repeats it: the item is ours already.
      if (!written.applied && written.item?.[name] !== set[name]) throw takenOver();
      holder = set[name];
    },
  };
}

const takenOver = (): Fault =>
  new Fault('transient', 'batch_taken_over', 'another delivery of the same batch has gone on from here');

function storable(point: ResumePoint): Attribute {
  const { offset, crashes, deferrals, claimedTo, job } = point;
  return {
    offset,
    counts: { ...point.counts },
    crashes,
    deferrals,
    ...(claimedTo === undefined ? {} : { claimedTo }),
    ...(job === undefined ? {} : { job: { id: job.id, to: job.to } }),
  };
}

/** State items are ours alone; the check only keeps a point of a later format from being half understood. */
function isPoint(value: Attribute): value is Attribute & FoundPoint {
  return typeof value === 'object' && value !== null && 'offset' in value && 'counts' in value;
}
