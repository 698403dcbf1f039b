/**
 * A stage, a loader and a destination that answers as it is told: what the tests of delivery stand on.
 */

import { z } from 'zod';
import { batchCount, batchesOf, makeCut } from '../../shared/core/batches.ts';
import type { BatchMessage } from '../../shared/core/message.ts';
import { failuresPrefix, shardKey, stageManifestKey, stagePrefix, syncKey } from '../../shared/core/names.ts';
import { type Counts, type Outcome, unpackCounts } from '../../shared/core/outcomes.ts';
import type { Cut, ResumePoint } from '../../shared/core/run.ts';
import type { FailureRecord, StageLine } from '../../shared/core/stage.ts';
import { type Sync, syncSchema } from '../../shared/core/sync.ts';
import type {
  AnyDestination,
  Context,
  DestinationLimits,
  Idempotency,
  WriteRequest,
} from '../../shared/destinations/destination.ts';
import { writeFrozen } from '../../shared/engine/frozen.ts';
import { type LoadResult, loadBatch } from '../../shared/engine/load-batch.ts';
import type { LoadInput } from '../../shared/engine/load-batch-open.ts';
import type { AccountSettings, Clock, LoaderPorts, StageSettings, StateStore } from '../../shared/ports.ts';
import { memoryObjects } from '../memory/memory-objects.ts';
import { memoryEvents, memoryTelemetry } from '../memory/memory-outside.ts';
import { memoryState } from '../memory/memory-state.ts';
import { seededIds, seededRandom } from '../memory/seeded.ts';
import { virtualClock } from '../memory/virtual-clock.ts';

export const SYNC_ID = 'contacts';
export const EPOCH = 7;

export type Line = Partial<StageLine> & { readonly k: string | null };
/** Answers one request; throws what a destination would throw. */
export type Answer = (request: WriteRequest, signal: AbortSignal, nth: number) => Promise<readonly Outcome[]>;

export type Setup = {
  readonly lines: readonly Line[];
  readonly answer?: Answer;
  readonly account?: Partial<AccountSettings>;
  readonly limits?: Partial<DestinationLimits>;
  readonly classes?: Partial<Record<'insert' | 'update' | 'upsert' | 'delete', Idempotency>>;
  readonly sync?: Record<string, unknown>;
  readonly cut?: Partial<Cut>;
  readonly settings?: Partial<StageSettings>;
  readonly destination?: AnyDestination;
  readonly clock?: Clock;
};

export const allAccepted: Answer = async ({ rows }) => rows.map(({ key }) => ({ key, is: 'accepted' }));

export const SETTINGS: StageSettings = {
  environment: 'test',
  graceMs: 60_000,
  extractorLeaseMs: 60_000,
  loaderTimeoutMs: 60_000,
  runStallMs: 1_800_000,
  breakerOpenMs: 60_000,
  extraction: 'unload',
  accounts: {},
};

export const ACCOUNT: AccountSettings = {
  name: 'crm',
  destination: 'scripted',
  rate: { requests: 100, perMs: 1000 },
  requestRowsMax: 10,
  requestsInFlight: 4,
};

/** Lines k0, k1, ... each with a name. */
export const linesOf = (count: number, more: (index: number) => Partial<StageLine> = () => ({})): Line[] =>
  Array.from({ length: count }, (_, index) => ({ k: `k${index}`, ...more(index) }));

export async function arrange(setup: Setup) {
  const clock = virtualClock();
  const state = memoryState();
  const objects = memoryObjects();
  const events = memoryEvents();
  const telemetry = memoryTelemetry();
  const account: AccountSettings = { ...ACCOUNT, ...setup.account };
  const sync = syncOf(setup.sync);
  const requests: WriteRequest[] = [];
  const secrets = { forgotten: 0 };
  const body = setup.lines.map((line) => `${JSON.stringify(stageLine(line))}\n`).join('');
  const bytes = Buffer.byteLength(body);
  objects.store(`${stagePrefix(SYNC_ID, EPOCH, account.name)}0000`, body);
  const meta = { content_length: bytes, record_count: setup.lines.length };
  const entries = [{ url: objects.url(`${stagePrefix(SYNC_ID, EPOCH, account.name)}0000`), meta }];
  objects.store(stageManifestKey(SYNC_ID, EPOCH, account.name), JSON.stringify({ entries }));
  const definition = { sync, version: 1, mappingVersion: 'm', generation: 'g' };
  await writeFrozen(objects, { v: 1, syncId: SYNC_ID, epoch: EPOCH, definition, columns: COLUMNS });
  const manifest = {
    files: [{ key: 'x', bytes, rows: setup.lines.length }],
    rows: setup.lines.length,
    bytes,
  };
  const cut: Cut = { ...makeCut(manifest, account), ...setup.cut };
  state.seed(syncKey(SYNC_ID), { epoch: EPOCH, phase: 'loading', cut });

  /** A loader process of its own: nothing in memory is shared with another. */
  const loader = (over: { state?: StateStore; ids?: number } = {}): LoaderPorts => {
    const destination =
      setup.destination ?? scripted(setup, (request) => requests.push(request), setup.answer ?? allAccepted);
    return {
      clock: setup.clock ?? clock,
      ids: seededIds(seededRandom(over.ids ?? 1)),
      state: over.state ?? state,
      objects,
      events,
      telemetry,
      settings: { ...SETTINGS, ...setup.settings },
      account,
      destination: {
        destination,
        context: (signal) => ({ ...CONTEXT, clock, signal }),
        forgetSecret: () => {
          secrets.forgotten += 1;
        },
      },
    };
  };

  /** Loads one message to its end, in virtual time. */
  const load = async (ports: LoaderPorts, over: Partial<LoadInput> = {}): Promise<LoadResult> => {
    const input: LoadInput = {
      message: messageAt(0),
      receiveCount: 1,
      receivedAt: clock.now(),
      deadlineAt: clock.now() + 60_000,
      signal: new AbortController().signal,
      ...over,
    };
    let result: LoadResult | undefined;
    let failure: unknown;
    loadBatch(ports, input).then(
      (value) => {
        result = value;
      },
      (error: unknown) => {
        failure = error ?? new Error('rejected');
      },
    );
    await clock.runWhile(clock.now() + 600_000, () => result !== undefined || failure !== undefined);
    if (failure !== undefined) throw failure;
    if (result === undefined) throw new Error('the delivery did not end');
    return result;
  };

  /** Delivers the first batch again and again, as SQS would, until it is done. */
  const deliver = async (receivesMax = 20, ports: () => LoaderPorts = loader): Promise<number> => {
    for (let receiveCount = 1; receiveCount <= receivesMax; receiveCount += 1) {
      const result = await load(ports(), { receiveCount }).catch(() => undefined);
      if (result?.is === 'done') return receiveCount;
      await clock.runUntil(clock.now() + (result?.afterMs ?? 360_000));
    }
    throw new Error(`not done after ${receivesMax} receives`);
  };

  const batch = (ordinal = 0): { counts: Counts | undefined; point: ResumePoint | undefined } => {
    const item = state.peek(shardKey(SYNC_ID, EPOCH, 0));
    const packed = item?.[`b${ordinal}`];
    const point = item?.[`p${ordinal}`] as unknown as ResumePoint | undefined;
    return { counts: typeof packed === 'string' ? unpackCounts(packed) : undefined, point };
  };
  const failures = (): FailureRecord[] =>
    objects
      .keys()
      .filter((key) => key.startsWith(failuresPrefix(SYNC_ID, EPOCH)))
      .flatMap((key) =>
        Buffer.from(objects.bytes(key) ?? [])
          .toString('utf8')
          .trim()
          .split('\n'),
      )
      .map((text) => JSON.parse(text) as FailureRecord);

  return {
    clock,
    state,
    objects,
    events,
    telemetry,
    account,
    cut,
    requests,
    secrets,
    loader,
    load,
    deliver,
    batch,
    failures,
    messages: [...batchesOf(cut)].map(({ shard, ordinal }) => messageAt(ordinal, shard)),
    batches: batchCount(cut),
    keys: () => requests.map(({ rows }) => rows.map(({ key }) => key)),
  };
}

export const messageAt = (ordinal: number, shard = 0): BatchMessage => ({
  v: 1,
  syncId: SYNC_ID,
  epoch: EPOCH,
  shard,
  ordinal,
});

const COLUMNS = [
  { name: 'email', type: 'varchar' },
  { name: 'name', type: 'varchar' },
];

const stageLine = (line: Line): StageLine => ({
  o: 'a',
  f: `f-${line.k}`,
  n: '0',
  x: '0',
  e: null,
  c0: `${line.k}@example.com`,
  c1: `Name of ${line.k}`,
  ...line,
});

const syncOf = (over: Record<string, unknown> = {}): Sync =>
  syncSchema.parse({
    syncId: SYNC_ID,
    owner: 'team@example.com',
    schedule: { every: '15 minutes' },
    model: { sql: 'select 1', primaryKey: ['id'], changes: { by: 'diff' } },
    destination: { account: 'crm', object: 'contacts', mode: 'upsert', matchOn: 'email', ...over },
    fields: [
      { to: 'email', from: 'email' },
      { to: 'name', from: 'name' },
    ],
  });

const CONTEXT: Omit<Context<unknown>, 'signal' | 'clock'> = {
  settings: {},
  secret: async () => ({}),
  keep: (_, open) => open(),
  http: { send: async () => ({ status: 200, headers: {}, body: '' }) },
  network: { resolve: async () => ({ address: '127.0.0.1', family: 4 }) },
};

function scripted(setup: Setup, seen: (request: WriteRequest) => number, answer: Answer): AnyDestination {
  return {
    kind: 'calls',
    name: 'scripted',
    settings: z.object({}),
    target: z.object({ object: z.string() }),
    operations: () =>
      setup.classes ?? {
        insert: 'idempotent',
        update: 'idempotent',
        upsert: 'idempotent',
        delete: 'idempotent',
      },
    limits: () => ({
      requestRowsMax: 1000,
      requestBytesMax: 1_000_000,
      requestsInFlightMax: 8,
      ...setup.limits,
    }),
    check: async () => undefined,
    write: async (ctx, _target, request) => answer(request, ctx.signal, seen(request)),
  };
}
