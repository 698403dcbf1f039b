/**
 * Many loaders on one rate budget, in virtual time: the real loaders (loadBatch) on an in-memory state table with
 * latency, a queue with visibility, and a destination that notes when each request arrives. The figures are judged
 * by the destination's own clock, in sliding windows.
 */
import { z } from 'zod';
import { makeCut } from '../shared/core/batches.ts';
import { budgetKey, stageManifestKey, stagePrefix, syncKey } from '../shared/core/names.ts';
import { syncSchema } from '../shared/core/sync.ts';
import type { AnyDestination, Context } from '../shared/destinations/destination.ts';
import { writeFrozen } from '../shared/engine/frozen.ts';
import { loadBatch } from '../shared/engine/load-batch.ts';
import type { AccountSettings, LoaderPorts, StateStore } from '../shared/ports.ts';
import { memoryObjects } from '../test/memory/memory-objects.ts';
import { memoryEvents, memoryTelemetry } from '../test/memory/memory-outside.ts';
import { memoryState } from '../test/memory/memory-state.ts';
import { type Random, seededIds, seededRandom } from '../test/memory/seeded.ts';
import { type VirtualClock, virtualClock } from '../test/memory/virtual-clock.ts';

export type RateSimulation = {
  readonly loaders: number;
  /** The vendor's limit: at most `requests` in any window of `perMs`. */
  readonly requests: number;
  readonly perMs: number;
  readonly virtualMs: number;
  readonly seed?: number;
  /** One way to the destination: at least, and by how much it varies; then its own work. */
  readonly wayMs?: number;
  readonly wayJitterMs?: number;
  readonly workMs?: number;
  readonly requestsInFlight?: number;
  /** How long an idle loader looks away at most; longer where days are simulated. */
  readonly pollMs?: number;
};

export type RateFigures = {
  readonly loaders: number;
  readonly calls: number;
  /** Share of the vendor's limit that arrived. */
  readonly used: number;
  /** Most arrivals in any window of `perMs`; a breach when above `requests`. */
  readonly windowMost: number;
  readonly billedSecondsPer1000Calls: number;
  readonly invocations: number;
  readonly handedBack: number;
  /** Of the message that came most often. */
  readonly receivesMost: number;
  readonly budgetWrites: number;
  /** Budget writes over the seconds in which loaders were sending, summed over loaders. */
  readonly budgetWritesPerSendingSecond: number;
};

const SYNC_ID = 'rate';
const EPOCH = 1;
const LOADER_MS = 60_000;

export async function simulateRate(simulation: RateSimulation): Promise<RateFigures> {
  const clock = virtualClock();
  const random = seededRandom(simulation.seed ?? 1);
  const account = accountOf(simulation);
  const world = await makeWorld(simulation, account, clock);
  const startedAt = clock.now();
  const endAt = startedAt + simulation.virtualMs;
  for (let index = 0; index < simulation.loaders; index += 1) {
    void work(world, random.fork(), endAt, simulation.pollMs);
  }
  await clock.runUntil(endAt);
  const { tally, arrivals } = world;
  const calls = arrivals.length;
  return {
    loaders: simulation.loaders,
    calls,
    used: calls / ((simulation.virtualMs / simulation.perMs) * simulation.requests),
    windowMost: mostInWindow(arrivals, simulation.perMs),
    billedSecondsPer1000Calls: tally.billedMs / calls,
    invocations: tally.invocations,
    handedBack: tally.handedBack,
    receivesMost: tally.receivesMost,
    budgetWrites: tally.budgetWrites,
    budgetWritesPerSendingSecond: tally.budgetWrites / sendingSeconds(tally.sent),
  };
}

/** Most moments in any half-open window; `moments` need not be sorted. */
export function mostInWindow(moments: readonly number[], windowMs: number): number {
  const sorted = moments.toSorted((a, b) => a - b);
  let most = 0;
  let first = 0;
  for (let last = 0; last < sorted.length; last += 1) {
    while ((sorted[last] ?? 0) - (sorted[first] ?? 0) >= windowMs) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

type Message = {
  readonly shard: number;
  readonly ordinal: number;
  visibleAt: number;
  receives: number;
  firstReceivedAt?: number;
};

type World = {
  readonly clock: VirtualClock;
  readonly messages: Message[];
  readonly arrivals: number[];
  readonly tally: Tally;
  makeLoader(random: Random): LoaderPorts;
};

type Tally = {
  billedMs: number;
  invocations: number;
  handedBack: number;
  receivesMost: number;
  budgetWrites: number;
  /** Seconds in which a loader sent something, as `loader:second`. */
  readonly sent: Set<string>;
};

const sendingSeconds = (sent: ReadonlySet<string>): number => sent.size;

/** One concurrency slot of the queue's event source: one message after the other, each invocation billed. */
async function work(world: World, random: Random, endAt: number, pollMs = 1000): Promise<void> {
  const { clock, messages, tally } = world;
  const ports = world.makeLoader(random);
  while (clock.now() < endAt) {
    const message = takeVisible(messages, clock.now());
    if (message === undefined) {
      const next = messages.reduce((least, { visibleAt }) => Math.min(least, visibleAt), endAt);
      await clock.sleep(Math.min(pollMs, Math.max(0, next - clock.now())) + 10 + random.below(20));
      continue;
    }
    message.receives += 1;
    tally.receivesMost = Math.max(tally.receivesMost, message.receives);
    const receivedAt = clock.now();
    message.firstReceivedAt ??= receivedAt;
    const result = await loadBatch(ports, {
      message: { v: 1, syncId: SYNC_ID, epoch: EPOCH, shard: message.shard, ordinal: message.ordinal },
      receiveCount: message.receives,
      firstReceivedAt: message.firstReceivedAt,
      receivedAt,
      deadlineAt: receivedAt + LOADER_MS,
      signal: new AbortController().signal,
    });
    tally.billedMs += Math.max(1, clock.now() - receivedAt);
    tally.invocations += 1;
    if (result.is === 'done') continue;
    tally.handedBack += 1;
    message.visibleAt = clock.now() + result.afterMs;
    messages.push(message);
    // The event source needs a moment for each poll.
    await clock.sleep(5 + random.below(10));
  }
}

function takeVisible(messages: Message[], now: number): Message | undefined {
  const at = messages.findIndex(({ visibleAt }) => visibleAt <= now);
  return at < 0 ? undefined : messages.splice(at, 1)[0];
}

async function makeWorld(
  simulation: RateSimulation,
  account: AccountSettings,
  clock: VirtualClock,
): Promise<World> {
  const state = memoryState();
  const objects = memoryObjects();
  const arrivals: number[] = [];
  const none = { billedMs: 0, invocations: 0, handedBack: 0, receivesMost: 0, budgetWrites: 0 };
  const tally: Tally = { ...none, sent: new Set() };
  const rows = Math.ceil((simulation.virtualMs / simulation.perMs) * simulation.requests * 1.1);
  const body = Buffer.from(Array.from({ length: rows }, (_, row) => stageLine(row)).join(''));
  const key = `${stagePrefix(SYNC_ID, EPOCH, account.name)}0000`;
  const meta = { content_length: body.length, record_count: rows };
  objects.store(key, body);
  objects.store(
    stageManifestKey(SYNC_ID, EPOCH, account.name),
    JSON.stringify({ entries: [{ url: objects.url(key), meta }] }),
  );
  const definition = { sync: SYNC, version: 1, mappingVersion: 'm', generation: 'g' };
  await writeFrozen(objects, { v: 1, syncId: SYNC_ID, epoch: EPOCH, definition, columns: COLUMNS });
  const cut = makeCut({ files: [{ key, bytes: body.length, rows }], rows, bytes: body.length }, account);
  state.seed(syncKey(SYNC_ID), { epoch: EPOCH, phase: 'loading', startedAt: clock.now(), cut: { ...cut } });
  const messages = Array.from({ length: cut.batches }, (_, index) => ({
    shard: Math.floor(index / cut.shardBatches),
    ordinal: index % cut.shardBatches,
    visibleAt: 0,
    receives: 0,
  }));
  let loaders = 0;
  const budget = budgetKey(account.name).partition;
  const makeLoader = (own: Random): LoaderPorts => {
    loaders += 1;
    const name = loaders;
    const onCall = (): void => {
      tally.sent.add(`${name}:${Math.floor(clock.now() / 1000)}`);
    };
    return {
      clock,
      ids: seededIds(own),
      state: distant(state, clock, own, (partition) => {
        if (partition === budget) tally.budgetWrites += 1;
      }),
      objects,
      events: memoryEvents(),
      telemetry: memoryTelemetry(),
      settings: SETTINGS,
      account,
      destination: {
        destination: sink(simulation, clock, own, arrivals, onCall),
        context: (signal) => ({ ...CONTEXT, clock, signal }),
        forgetSecret: () => undefined,
      },
    };
  };
  return { clock, messages, arrivals, tally, makeLoader };
}

/** A state table two to five milliseconds away, each way. */
function distant(
  state: StateStore,
  clock: VirtualClock,
  random: Random,
  onWrite: (partition: string) => void,
): StateStore {
  const way = (): Promise<void> => clock.sleep(2 + random.below(4));
  return {
    list: state.list,
    read: async (key) => {
      await way();
      const item = await state.read(key);
      await way();
      return item;
    },
    update: async (key, update) => {
      await way();
      onWrite(key.partition);
      const written = await state.update(key, update);
      await way();
      return written;
    },
  };
}

function sink(
  { wayMs = 20, wayJitterMs = 8, workMs = 40 }: RateSimulation,
  clock: VirtualClock,
  random: Random,
  arrivals: number[],
  onCall: () => void,
): AnyDestination {
  const way = (): Promise<void> => clock.sleep(wayMs + random.next() * wayJitterMs);
  return {
    kind: 'calls',
    name: 'counting-sink',
    settings: z.object({}),
    target: z.object({ object: z.string() }),
    operations: () => ({ upsert: 'idempotent' }),
    limits: () => ({ requestRowsMax: 1000, requestBytesMax: 1_000_000, requestsInFlightMax: 64 }),
    check: async () => undefined,
    write: async (_ctx, _target, { rows }) => {
      onCall();
      await way();
      arrivals.push(clock.now());
      await clock.sleep(workMs);
      await way();
      return rows.map(({ key }) => ({ key, is: 'accepted' }));
    },
  };
}

/** One row a request: what is measured is the pace, and an hour of it should fit in a test. */
const accountOf = ({ requests, perMs, requestsInFlight = 16 }: RateSimulation): AccountSettings => ({
  name: 'paced',
  destination: 'counting-sink',
  rate: { requests, perMs },
  requestRowsMax: 1,
  requestsInFlight,
});

const SETTINGS: LoaderPorts['settings'] = {
  environment: 'simulation',
  graceMs: 60_000,
  extractorLeaseMs: 60_000,
  loaderTimeoutMs: LOADER_MS,
  runStallMs: 1_800_000,
  breakerOpenMs: 60_000,
  extraction: 'unload',
  accounts: {},
};

const CONTEXT: Omit<Context<unknown>, 'signal' | 'clock'> = {
  settings: {},
  secret: async () => ({}),
  keep: (_, open) => open(),
  http: { send: async () => ({ status: 200, headers: {}, body: '' }) },
  network: { resolve: async () => ({ address: '127.0.0.1', family: 4 }) },
};

const stageLine = (row: number): string =>
  `{"k":"${row}","o":"a","f":"f","n":"0","x":"0","e":null,"c0":"${row}@example.com"}\n`;

const COLUMNS = [{ name: 'email', type: 'varchar' }];

const SYNC = syncSchema.parse({
  syncId: SYNC_ID,
  owner: 'team@example.com',
  schedule: { every: '15 minutes' },
  model: { sql: 'select 1', primaryKey: ['id'], changes: { by: 'diff' } },
  destination: { account: 'paced', object: 'contacts', mode: 'upsert', matchOn: 'email' },
  fields: [{ to: 'email', from: 'email', as: { string: true } }],
});

if (import.meta.main) {
  const minutes = Number(process.argv[2] ?? 60);
  for (const loaders of [1, 8, 32]) {
    const startedAt = performance.now();
    const figures = await simulateRate({ loaders, requests: 50, perMs: 1000, virtualMs: minutes * 60_000 });
    const realSeconds = Math.round((performance.now() - startedAt) / 100) / 10;
    console.log(JSON.stringify({ ...figures, realSeconds }));
  }
}
