/**
 * A destination account that misbehaves as real ones do, and remembers what the code cannot see: which epoch wrote
 * what, and when each request was sent.
 */
import { z } from 'zod';
import { Fault, REQUEST_REFUSED, THROTTLED } from '../../shared/core/fault.ts';
import type { Outcome } from '../../shared/core/outcomes.ts';
import type { Context, Destination, WriteRequest } from '../../shared/destinations/destination.ts';
import type { BoundDestination } from '../../shared/ports.ts';
import type { Random } from '../memory/seeded.ts';
import type { VirtualClock } from '../memory/virtual-clock.ts';
import type { Faults } from './fault-rates.ts';
import type { Process } from './process.ts';

export type Applied = {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly epoch: number;
};

export type Place = {
  /** What the object of one sync holds. */
  readonly records: Map<string, Applied>;
  /** Keys deleted, and by which epoch. */
  readonly deletes: Map<number, Set<string>>;
  highestEpoch: number;
};

export type Account = {
  readonly places: Map<string, Place>;
  readonly sentAt: number[];
  downUntil: number;
  /** Called with each row as it is applied. */
  onApply: (syncId: string, epoch: number, request: WriteRequest, key: string) => void;
};

export type Sender = { readonly syncId: string; readonly epoch: number; readonly process: Process };

export const LINGER_MS_MAX = 25_000;

export function simulatedAccount(): Account {
  return { places: new Map(), sentAt: [], downUntil: 0, onApply: () => undefined };
}

export function placeOf(account: Account, syncId: string): Place {
  const place = account.places.get(syncId) ?? { records: new Map(), deletes: new Map(), highestEpoch: 0 };
  account.places.set(syncId, place);
  return place;
}

/** The account as one invocation of a loader is bound to it. */
export function boundTo(
  account: Account,
  sender: Sender,
  tools: { readonly clock: VirtualClock; readonly faults: Faults; readonly random: Random },
  onLateWork: (process: Process, what: string) => void,
): BoundDestination {
  const destination: Destination = {
    kind: 'calls',
    name: 'memory',
    settings: z.object({}),
    target: z.object({ object: z.string() }),
    operations: () => ({
      insert: 'idempotent',
      update: 'idempotent',
      upsert: 'idempotent',
      delete: 'idempotent',
    }),
    limits: () => ({ requestRowsMax: 5, requestBytesMax: 100_000, requestsInFlightMax: 2 }),
    check: async () => undefined,
    write: (ctx, _target, request) => {
      if (sender.process.ended === 'returned') onLateWork(sender.process, 'write');
      if (sender.process.ended !== 'no') return new Promise(() => undefined);
      return call(account, sender, tools, ctx, request);
    },
  };
  const context = (signal: AbortSignal): Context<unknown> =>
    ({ settings: {}, secret: async () => ({}), clock: tools.clock, signal }) as unknown as Context<unknown>;
  return { destination, context, forgetSecret: () => undefined };
}

function call(
  account: Account,
  sender: Sender,
  {
    clock,
    faults,
    random,
  }: { readonly clock: VirtualClock; readonly faults: Faults; readonly random: Random },
  ctx: Context<unknown>,
  request: WriteRequest,
): Promise<readonly Outcome[]> {
  account.sentAt.push(clock.now());
  const lateMs = faults.fires('lateAtDestination') ? random.below(LINGER_MS_MAX) : 0;
  return new Promise((resolve, reject) => {
    ctx.signal.addEventListener('abort', () => reject(new Fault('transient', 'aborted', 'socket destroyed')));
    clock.schedule(clock.now() + 5 + random.below(100) + lateMs, () => {
      const answered = answer(account, sender, faults, random, clock.now(), request);
      clock.schedule(clock.now() + 5 + random.below(50), () => {
        if (sender.process.ended === 'killed') return;
        if (answered instanceof Fault) reject(answered);
        else resolve(answered);
      });
    });
  });
}

function answer(
  account: Account,
  sender: Sender,
  faults: Faults,
  random: Random,
  now: number,
  request: WriteRequest,
): readonly Outcome[] | Fault {
  if (now < account.downUntil) return new Fault('transient', 'unreachable', 'connection refused');
  if (faults.fires('throttled')) {
    const retryAfterMs = random.below(30_000);
    const details = random.chance(0.5) ? { retryAfterMs } : {};
    return new Fault('transient', THROTTLED, 'too many requests', details);
  }
  const refusesWhole = request.rows.some((row) => row.fields.name === 'poison');
  if (refusesWhole && (request.rows.length > 1 || random.chance(0.5))) {
    return new Fault('row', REQUEST_REFUSED, 'a row is wrong');
  }
  const outcomes = request.rows.flatMap((row): Outcome[] => {
    if (faults.fires('answeredPartly')) {
      return random.chance(0.5) ? [] : [{ key: row.key, is: 'deferred', waitMs: random.below(2000) }];
    }
    const name = row.fields.name;
    if (name === 'bad' || name === 'poison') {
      return [{ key: row.key, is: 'rejected', code: 'bad_name', reason: 'the name is refused' }];
    }
    apply(account, sender, request, row.key, row.fields);
    return [{ key: row.key, is: 'accepted' }];
  });
  if (faults.fires('timedOutAfterApplying')) return new Fault('transient', 'timeout', 'no answer in time');
  return random.shuffled(outcomes);
}

function apply(
  account: Account,
  { syncId, epoch }: Sender,
  request: WriteRequest,
  key: string,
  fields: Readonly<Record<string, unknown>>,
): void {
  const place = placeOf(account, syncId);
  account.onApply(syncId, epoch, request, key);
  place.highestEpoch = Math.max(place.highestEpoch, epoch);
  if (request.operation === 'delete') {
    place.records.delete(key);
    const deleted = place.deletes.get(epoch) ?? new Set();
    place.deletes.set(epoch, deleted.add(key));
  } else {
    place.records.set(key, { fields, epoch });
  }
}
