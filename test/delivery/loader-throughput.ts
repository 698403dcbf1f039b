/**
 * One loader alone: staged bytes in, requests out, into a destination that turns each request into its JSON body (as
 * `http` does) and accepts every row. Gives rows per second of this process; the bench and a profile use it.
 */

import { z } from 'zod';
import { makeCut } from '../../shared/core/batches.ts';
import { stageManifestKey, stagePrefix, syncKey } from '../../shared/core/names.ts';
import { unpackCounts } from '../../shared/core/outcomes.ts';
import { syncSchema } from '../../shared/core/sync.ts';
import type { AnyDestination, Context } from '../../shared/destinations/destination.ts';
import { writeFrozen } from '../../shared/engine/frozen.ts';
import { loadBatch } from '../../shared/engine/load-batch.ts';
import type { LoaderPorts, ObjectStore } from '../../shared/ports.ts';
import { memoryObjects } from '../memory/memory-objects.ts';
import { memoryEvents, memoryTelemetry } from '../memory/memory-outside.ts';
import { memoryState } from '../memory/memory-state.ts';
import { ACCOUNT, SETTINGS } from './harness.ts';

export type Throughput = {
  readonly rows: number;
  readonly seconds: number;
  readonly rowsPerSecond: number;
  /** By the processor time of this process (garbage collection included): what a busy machine does not change. */
  readonly rowsPerCpuSecond: number;
  readonly requests: number;
  readonly bodyBytes: number;
};

const SYNC_ID = 'throughput';
const CHUNK_BYTES = 64 * 1024;

export async function loaderThroughput(rows: number, rowsPerRequest = 200): Promise<Throughput> {
  const state = memoryState();
  const objects = chunked(memoryObjects());
  const sink = { requests: 0, bodyBytes: 0 };
  const account = {
    ...ACCOUNT,
    rate: { requests: 1_000_000, perMs: 1000 },
    requestRowsMax: rowsPerRequest,
    requestsInFlight: 8,
  };
  const body = Buffer.from(stageText(rows));
  const manifest = { files: [{ key: 'f', bytes: body.length, rows }], rows, bytes: body.length };
  const key = `${stagePrefix(SYNC_ID, 1, account.name)}0000`;
  await objects.put(key, body);
  const meta = { content_length: body.length, record_count: rows };
  await objects.put(
    stageManifestKey(SYNC_ID, 1, account.name),
    JSON.stringify({ entries: [{ url: objects.url(key), meta }] }),
  );
  const definition = { sync: SYNC, version: 1, mappingVersion: 'm', generation: 'g' };
  await writeFrozen(objects, { v: 1, syncId: SYNC_ID, epoch: 1, definition, columns: COLUMNS });
  const cut = makeCut(manifest, account);
  state.seed(syncKey(SYNC_ID), { epoch: 1, phase: 'loading', cut: { ...cut } });
  const ports: LoaderPorts = {
    clock: REAL_CLOCK,
    ids: { next: () => 'id', random: () => 0.5 },
    state,
    objects,
    events: memoryEvents(),
    telemetry: memoryTelemetry(),
    settings: SETTINGS,
    account,
    destination: {
      destination: jsonSink(sink),
      context: (signal) => ({ ...CONTEXT, clock: REAL_CLOCK, signal }),
      forgetSecret: () => undefined,
    },
  };
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  for (let index = 0; index < cut.batches; index += 1) {
    const result = await loadBatch(ports, {
      message: { v: 1, syncId: SYNC_ID, epoch: 1, shard: Math.floor(index / 64), ordinal: index % 64 },
      receiveCount: 1,
      receivedAt: Date.now(),
      deadlineAt: Date.now() + 60_000,
      signal: new AbortController().signal,
    });
    if (result.is !== 'done') throw new Error(`batch ${index} was handed back: ${result.code}`);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const rowsPerCpuSecond = Math.round((rows * 1_000_000) / (user + system));
  const accepted = settledRows(state);
  if (accepted !== rows) throw new Error(`${accepted} of ${rows} rows were accepted`);
  return { rows, seconds, rowsPerSecond: Math.round(rows / seconds), rowsPerCpuSecond, ...sink };
}

function settledRows(state: ReturnType<typeof memoryState>): number {
  let accepted = 0;
  for (let shard = 0; ; shard += 1) {
    const sort = String(shard).padStart(6, '0');
    const item = state.peek({ partition: `SHARD#${SYNC_ID}#1`, sort });
    if (item === undefined) return accepted;
    for (const [name, packed] of Object.entries(item)) {
      if (name.startsWith('b') && typeof packed === 'string') accepted += unpackCounts(packed).accepted;
    }
  }
}

const REAL_CLOCK = {
  now: () => Date.now(),
  sleep: (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, ms);
      signal?.addEventListener('abort', () => {
        clearTimeout(timer);
        reject(signal.reason);
      });
    }),
};

const CONTEXT: Omit<Context<unknown>, 'signal' | 'clock'> = {
  settings: {},
  secret: async () => ({}),
  keep: (_, open) => open(),
  http: { send: async () => ({ status: 200, headers: {}, body: '' }) },
  network: { resolve: async () => ({ address: '127.0.0.1', family: 4 }) },
};

function jsonSink(sink: { requests: number; bodyBytes: number }): AnyDestination {
  return {
    kind: 'calls',
    name: 'json-sink',
    settings: z.object({}),
    target: z.object({ object: z.string() }),
    operations: () => ({ upsert: 'idempotent' }),
    limits: () => ({ requestRowsMax: 10_000, requestBytesMax: 4_000_000, requestsInFlightMax: 64 }),
    check: async () => undefined,
    write: async (_ctx, _target, { rows }) => {
      sink.requests += 1;
      sink.bodyBytes += JSON.stringify({ records: rows.map(({ fields }) => fields) }).length;
      return rows.map(({ key }) => ({ key, is: 'accepted' }));
    },
  };
}

/** A real stream's chunks, without copying: the in-memory bucket's uneven pieces are for other tests. */
function chunked(objects: ReturnType<typeof memoryObjects>): ObjectStore {
  return {
    ...objects,
    async *range(key, from, to) {
      const body = objects.bytes(key) ?? new Uint8Array(0);
      const end = Math.min(to, body.length);
      for (let at = from; at < end; at += CHUNK_BYTES)
        yield body.subarray(at, Math.min(at + CHUNK_BYTES, end));
    },
  };
}

function stageText(rows: number): string {
  const lines: string[] = [];
  for (let row = 0; row < rows; row += 1) {
    const line = {
      k: String(row),
      o: 'a',
      f: `${row.toString(16).padStart(16, '0')}a3f1c9d2b4e60718293a4b5c6d7e8f90a1b2c3d4e5f60718`,
      n: '0',
      x: '0',
      e: null,
      c0: `customer${row}@example.com`,
      c1: `First${row % 977}`,
      c2: `Last${row % 1777}`,
      c3: `${row % 10_000}.${String(row % 100).padStart(2, '0')}`,
      c4: `0.${String(row % 1000).padStart(3, '0')}`,
      c5: `2026-01-${String(1 + (row % 28)).padStart(2, '0')} 12:34:56`,
    };
    lines.push(`${JSON.stringify(line)}\n`);
  }
  return lines.join('');
}

const COLUMNS = [
  { name: 'email', type: 'varchar' },
  { name: 'first_name', type: 'varchar' },
  { name: 'last_name', type: 'varchar' },
  { name: 'ltv', type: 'numeric' },
  { name: 'churn_risk', type: 'float8' },
  { name: 'updated_at', type: 'timestamp' },
];

const SYNC = syncSchema.parse({
  syncId: SYNC_ID,
  owner: 'team@example.com',
  schedule: { every: '15 minutes' },
  model: { sql: 'select 1', primaryKey: ['id'], changes: { by: 'diff' } },
  destination: { account: 'crm', object: 'contacts', mode: 'upsert', matchOn: 'email' },
  fields: COLUMNS.map(({ name }) => ({ to: name, from: name })),
});

if (import.meta.main) {
  const rows = Number(process.argv[2] ?? 500_000);
  await loaderThroughput(50_000);
  for (let round = 0; round < 3; round += 1) console.log(JSON.stringify(await loaderThroughput(rows)));
}
