/**
 * A destination account that misbehaves as real ones do, and remembers what the code cannot see: which epoch wrote
 * what, which call was answered, and when each request was sent. It is of class A, B or C, and takes calls or jobs.
 */
import { z } from 'zod';
import { Fault, REQUEST_REFUSED, THROTTLED } from '../../shared/core/fault.ts';
import type { Outcome } from '../../shared/core/outcomes.ts';
import type {
  AnyDestination,
  Context,
  Idempotency,
  WriteRequest,
} from '../../shared/destinations/destination.ts';
import { retryAfterMs } from '../../shared/destinations/retry-after.ts';
import type { BoundDestination } from '../../shared/ports.ts';
import type { Random } from '../memory/seeded.ts';
import type { VirtualClock } from '../memory/virtual-clock.ts';
import type { Faults } from './fault-rates.ts';
import { CANARY } from './model-edits.ts';
import type { Environment } from './process.ts';

export type Applied = {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly epoch: number;
};

export type Place = {
  /** What the object of one sync holds. */
  readonly records: Map<string, Applied>;
  /** Keys deleted or emptied, and by which epoch. */
  readonly deletes: Map<number, Set<string>>;
  highestEpoch: number;
};

/** Calls or jobs, and the class of every operation. */
export type Shape = { readonly kind: 'calls' | 'jobs'; readonly idempotency: Idempotency };

/** `result`: outcomes, or why it was refused as a whole. */
type Job = { readonly doneAt: number; result: readonly Outcome[] | Fault };

export type Account = {
  readonly shape: Shape;
  readonly places: Map<string, Place>;
  /** When requests left, by how far the sender's clock is off. */
  readonly sentAt: Map<number, number[]>;
  downUntil: number;
  /** Since when, if it is. */
  downFrom: number;
  /** Down, it refuses connections; or it takes them and says nothing. */
  isSilent: boolean;
  /** Class B: what each key was used for, and what was answered. */
  readonly answered: Map<string, { readonly rows: string; readonly outcomes: readonly Outcome[] }>;
  /** Class B: keys of requests that were refused as a whole, and will be again. */
  readonly refused: Set<string>;
  readonly jobs: Map<string, Job>;
  /** A request leaves. */
  onSend: () => void;
  /** A caller has been told to send nothing for so long. */
  onPause: (waitMs: number) => void;
  /** A request takes effect. */
  onEffect: (what: string) => void;
  /** Called with each row as it is applied. */
  onApply: (syncId: string, epoch: number, request: WriteRequest, row: WriteRequest['rows'][number]) => void;
  /** A key of class B came again with other rows. */
  onKeyReused: (key: string) => void;
};

/** A request and what the destination does with it may take so long after its socket is gone. */
export const LINGER_MS_MAX = 25_000;

export function simulatedAccount(shape: Shape): Account {
  return {
    shape,
    places: new Map(),
    sentAt: new Map(),
    downUntil: 0,
    downFrom: 0,
    isSilent: false,
    answered: new Map(),
    refused: new Set(),
    jobs: new Map(),
    onSend: () => undefined,
    onPause: () => undefined,
    onEffect: () => undefined,
    onApply: () => undefined,
    onKeyReused: () => undefined,
  };
}

export function placeOf(account: Account, syncId: string): Place {
  const place = account.places.get(syncId) ?? { records: new Map(), deletes: new Map(), highestEpoch: 0 };
  account.places.set(syncId, place);
  return place;
}

type Tools = {
  readonly account: Account;
  readonly clock: VirtualClock;
  readonly faults: Faults;
  readonly random: Random;
  readonly onLateWork: (what: string) => void;
};

const SETTINGS = z.object({});
const TARGET = z.object({ object: z.string() });

/** The account as a loader's environment is bound to it. */
export function boundTo(tools: Tools, within: Environment): BoundDestination {
  const { account, clock } = tools;
  const { kind, idempotency } = account.shape;
  const about = {
    name: 'memory',
    settings: SETTINGS,
    target: TARGET,
    operations: () => ({
      insert: idempotency,
      update: idempotency,
      upsert: idempotency,
      delete: idempotency,
    }),
    limits: () => ({ requestRowsMax: 5, requestBytesMax: 100_000, requestsInFlightMax: 2 }),
    check: async () => undefined,
  };
  const destination: AnyDestination =
    kind === 'calls'
      ? {
          ...about,
          kind: 'calls',
          write: (ctx, _target, request: WriteRequest) =>
            call(tools, within, ctx, () => write(tools, request)),
        }
      : {
          ...about,
          kind: 'jobs',
          submit: (ctx, _target, request: WriteRequest) =>
            call(tools, within, ctx, () => submit(tools, request)),
          poll: (ctx, _target, { jobId }) => call(tools, within, ctx, () => poll(tools, jobId)),
        };
  const context = (signal: AbortSignal): Context<unknown> =>
    ({ settings: {}, secret: async () => ({}), clock, signal }) as unknown as Context<unknown>;
  return { destination, context, forgetSecret: () => undefined };
}

/** Request, effect at the destination (whatever has become of the caller), answer. */
function call<T>(
  { account, clock, faults, random, onLateWork }: Tools,
  { process, skewMs }: Environment,
  { signal }: Context<unknown>,
  effect: () => T | Fault,
): Promise<T> {
  if (process.ended === 'returned') onLateWork('call');
  if (process.ended !== 'no') return new Promise(() => undefined);
  const sent = account.sentAt.get(skewMs) ?? [];
  account.sentAt.set(skewMs, sent);
  sent.push(clock.now());
  account.onSend();
  // A job works on after its call has ended: both together linger.
  const lingerMs = account.shape.kind === 'calls' ? LINGER_MS_MAX : LINGER_MS_MAX / 2;
  const isUnheard = account.isSilent && clock.now() < account.downUntil;
  const isLate = !isUnheard && faults.fires('lateAtDestination', process.syncId);
  const lateMs = isLate ? random.below(lingerMs) : 0;
  const hangs = !isUnheard && faults.fires('hangsAtDestination', process.syncId);
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Fault('transient', 'aborted', 'socket destroyed')));
    if (isUnheard || hangs) clock.schedule(clock.now() + PATIENCE_MS, () => giveUp(process, reject));
    if (isUnheard) return;
    clock.schedule(clock.now() + 5 + random.below(100) + lateMs, () => {
      const answered = refusal(account, faults, random, clock.now(), process.syncId) ?? effect();
      if (hangs) return false;
      const isLost = !(answered instanceof Fault) && faults.fires('timedOutAfterApplying', process.syncId);
      clock.schedule(clock.now() + 5 + random.below(50), () => {
        if (process.ended === 'killed' || signal.aborted) return false;
        if (process.ended === 'returned') onLateWork('answer');
        if (answered instanceof Fault && answered.retryAfterMs !== undefined) {
          account.onPause(answered.retryAfterMs);
        }
        if (answered instanceof Fault) reject(answered);
        else if (isLost) reject(new Fault('transient', 'timeout', 'no answer in time'));
        else resolve(answered);
        return true;
      });
      return false;
    });
  });
}

/** A connector waits for so long, or until its caller's deadline. */
const PATIENCE_MS = 30_000;

function giveUp({ ended }: Environment['process'], reject: (fault: Fault) => void): boolean {
  if (ended === 'killed') return false;
  reject(new Fault('transient', 'timeout', 'no answer in time'));
  return true;
}

/** Down, or too fast, said in one of the three ways that servers have. */
function refusal(
  { downUntil }: Account,
  faults: Faults,
  random: Random,
  now: number,
  syncId: string | undefined,
): Fault | undefined {
  if (now < downUntil) return new Fault('transient', random.pick(DOWN), 'nobody is there');
  if (!faults.fires('throttled', syncId)) return undefined;
  const seconds = random.below(30);
  const header = random.pick([undefined, String(seconds), new Date(now + seconds * 1000).toUTCString()]);
  const waitMs = retryAfterMs(header, now);
  const details = waitMs === undefined ? {} : { retryAfterMs: waitMs };
  return new Fault('transient', THROTTLED, 'too many requests', details);
}

const DOWN = ['connection_refused', 'unreachable'];

/** The engine's key names the run: `<sync>.<epoch>.<shard>-<ordinal>...`. */
function senderOf({ idempotencyKey }: WriteRequest): { readonly syncId: string; readonly epoch: number } {
  const [syncId = '', epoch = ''] = idempotencyKey.split('.');
  return { syncId, epoch: Number(epoch) };
}

function write(tools: Tools, request: WriteRequest): readonly Outcome[] | Fault {
  const { account, faults, random } = tools;
  account.onEffect(`${request.operation} ${request.idempotencyKey}`);
  const { syncId } = senderOf(request);
  const { rows } = request;
  const isKeyed = account.shape.idempotency === 'keyed';
  const known = isKeyed ? answerTo(account, request) : undefined;
  if (known !== undefined) return random.shuffled(known);
  const isOdd =
    rows.length > 1 && (account.refused.has(request.idempotencyKey) || faults.fires('refusedWhole', syncId));
  const isPoisoned = rows.some((row) => nameOf(row).startsWith('poison'));
  if (isOdd || (isPoisoned && (rows.length > 1 || random.chance(0.5)))) {
    if (isKeyed) account.refused.add(request.idempotencyKey);
    return new Fault('row', REQUEST_REFUSED, 'a row is wrong');
  }
  const outcomes = rows.flatMap((row): readonly Outcome[] => {
    if (nameOf(row).startsWith('mute')) return [];
    if (faults.fires('answeredPartly', syncId)) {
      if (random.chance(0.5)) return [{ key: row.key, is: 'deferred', waitMs: random.below(2000) }];
      // Not named, and perhaps taken all the same.
      if (account.shape.idempotency === 'idempotent' && random.chance(0.5)) take(account, request, row);
      return [];
    }
    return [take(account, request, row)];
  });
  // A request of which nothing was taken is not remembered: it may be made again with its key.
  const isTaken = outcomes.some(({ is }) => is !== 'deferred');
  if (isKeyed && isTaken) account.answered.set(request.idempotencyKey, { rows: rowsOf(request), outcomes });
  return random.shuffled(outcomes);
}

/** Class B: what was said to this request before, as it was. */
function answerTo(account: Account, request: WriteRequest): readonly Outcome[] | undefined {
  const known = account.answered.get(request.idempotencyKey);
  if (known !== undefined && known.rows !== rowsOf(request)) account.onKeyReused(request.idempotencyKey);
  return known?.outcomes;
}

const rowsOf = ({ operation, rows }: WriteRequest): string => JSON.stringify([operation, rows]);

/** The rows are applied when the job is done, a while after it was taken. */
function submit(tools: Tools, request: WriteRequest): { readonly jobId: string } | Fault {
  const { account, clock, faults, random } = tools;
  const { syncId } = senderOf(request);
  const jobId = `job${account.jobs.size + 1}`;
  const workMs = random.below(faults.fires('jobSlow', syncId) ? LINGER_MS_MAX / 2 : 1000);
  const job: Job = { doneAt: clock.now() + workMs, result: [] };
  account.jobs.set(jobId, job);
  clock.schedule(job.doneAt, () => {
    job.result = write(tools, request);
    return false;
  });
  return { jobId };
}

function poll({ account, clock, random }: Tools, jobId: string) {
  const job = account.jobs.get(jobId);
  if (job === undefined) return new Fault('bug', 'job_unknown', 'there is no such job');
  if (clock.now() <= job.doneAt) return { done: false as const, waitMs: random.below(3000) };
  return job.result instanceof Fault ? job.result : { done: true as const, outcomes: job.result };
}

const nameOf = ({ fields }: WriteRequest['rows'][number]): string => String(fields.name ?? '');

/** One row, as an account with an external id takes it. */
function take(account: Account, request: WriteRequest, row: WriteRequest['rows'][number]): Outcome {
  const { key } = row;
  const { syncId, epoch } = senderOf(request);
  const place = placeOf(account, syncId);
  const name = nameOf(row);
  if (name.startsWith('bad') || name.startsWith('poison')) {
    return { key, is: 'rejected', code: 'bad_name', reason: `the name ${CANARY} is refused` };
  }
  const last = place.records.get(key);
  if (request.operation === 'update' && last === undefined) {
    return { key, is: 'rejected', code: 'not_found', reason: 'there is no such record' };
  }
  const isOwn = last?.fields.name === row.fields.name && last?.fields.score === row.fields.score;
  const mayRepeat = isOwn || account.shape.idempotency === 'unsafe';
  if (request.operation === 'insert' && last !== undefined && !mayRepeat) {
    return { key, is: 'rejected', code: 'already_exists', reason: 'another record has this id' };
  }
  account.onApply(syncId, epoch, request, row);
  place.highestEpoch = Math.max(place.highestEpoch, epoch);
  if (removes(request, row)) {
    place.deletes.set(epoch, (place.deletes.get(epoch) ?? new Set()).add(key));
  }
  if (request.operation === 'delete') place.records.delete(key);
  else place.records.set(key, { fields: { ...last?.fields, ...row.fields }, epoch });
  return { key, is: 'accepted' };
}

/** A delete, or an update that empties what it had filled. */
export const removes = ({ operation }: WriteRequest, { fields }: WriteRequest['rows'][number]): boolean =>
  operation === 'delete' || (operation === 'update' && fields.name === null);
