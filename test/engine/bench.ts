/**
 * A test bench for one sync: ticks, the warehouse's events, loaders, finishers and sweeps by hand, and what the
 * destination holds afterwards.
 */
import type { StageLine } from '../../shared/core/stage.ts';
import type { Sync } from '../../shared/core/sync.ts';
import { type FanOutResult, fanOut } from '../../shared/engine/fan-out.ts';
import { finishRun } from '../../shared/engine/finish-run.ts';
import { type StartResult, startRun } from '../../shared/engine/start-run.ts';
import { sweep } from '../../shared/engine/sweep.ts';
import { freshSync, readSync } from '../../shared/engine/sync-state.ts';
import type { Ports, StageSettings } from '../../shared/ports.ts';
import { acceptSync, type MemoryPorts, memoryPorts, tableOf, writtenSync } from '../memory/memory-ports.ts';
import type { ModelRow } from '../memory/model-table.ts';
import { loadPlainly, type PlainDestination } from './plain-loader.ts';

export const SYNC = 'people';
export const signal = (): AbortSignal => new AbortController().signal;

export type Bench = {
  readonly ports: MemoryPorts;
  readonly destination: PlainDestination;
  rows(rows: readonly ModelRow[]): void;
  /** Why a line is refused by the destination; nothing is by default. */
  refuses: (line: StageLine) => string | undefined;
  sync(): Promise<Awaited<ReturnType<typeof freshSync>>>;
  start(owner?: string): Promise<StartResult>;
  fan(epoch: number, statement?: 'finished' | 'failed'): Promise<FanOutResult>;
  /** Loads all waiting messages, finishes what can be; gives the number of messages. */
  load(): Promise<number>;
  sweep(): Promise<void>;
  /** Start, fan out, load and finish; then the grace passes. */
  whole(): Promise<void>;
  pass(ms: number): Promise<void>;
};

export async function bench(
  parts: Readonly<Record<string, unknown>> = {},
  settings: Partial<StageSettings> = {},
): Promise<Bench> {
  const ports = memoryPorts(1, settings);
  const sync: Sync = writtenSync(SYNC, parts);
  await acceptSync(ports, sync);
  ports.warehouse.tables.set(SYNC, tableOf([]));
  const destination: PlainDestination = new Map();
  let starts = 0;
  const one: Bench = {
    ports,
    destination,
    refuses: () => undefined,
    rows: (rows) => {
      const table = ports.warehouse.tables.get(SYNC);
      if (table !== undefined) table.rows = rows;
    },
    sync: async () => (await readSync(ports.state, SYNC)) ?? freshSync(SYNC),
    start: async (owner) => {
      starts += 1;
      const scheduledAt = ports.clock.now();
      return startRun(ports, { syncId: SYNC, scheduledAt, owner: owner ?? `start${starts}` });
    },
    fan: async (epoch, statement = 'finished') =>
      fanOut(ports, { syncId: SYNC, epoch, statement, signal: signal() }),
    load: async () => loadAll(ports, one),
    sweep: async () => {
      starts += 1;
      await sweep(ports, { owner: `sweep${starts}`, signal: signal() });
    },
    whole: async () => {
      const started = await one.start();
      if (started.is !== 'started') throw new Error(`not started: ${started.code}`);
      await one.fan(started.epoch);
      await one.load();
      await one.pass(ports.settings.graceMs);
    },
    pass: async (ms) => ports.clock.runUntil(ports.clock.now() + ms),
  };
  return one;
}

/** Ten rows extracted by epoch 1, and their batches sent. */
export async function loading(parts: Readonly<Record<string, unknown>> = {}): Promise<Bench> {
  const one = await bench(parts);
  one.rows(people(10));
  await one.start();
  const { is } = await one.fan(1);
  if (is !== 'loading') throw new Error(`the run is ${is}, not loading`);
  return one;
}

async function loadAll(ports: MemoryPorts, one: Bench): Promise<number> {
  let loaded = 0;
  for (const lane of ['express', 'bulk'] as const) {
    for (const delivery of ports.queue.receive('crm', lane, 10_000, 60_000)) {
      await loadPlainly(ports, delivery.message, one.destination, one.refuses);
      ports.queue.delete(delivery);
      loaded += 1;
    }
  }
  const { epoch } = await one.sync();
  await finishRun(ports as Ports, { syncId: SYNC, epoch });
  return loaded;
}

/** `n` rows `k1`, `k2`, ... with the given score, changed when the clock says. */
export function people(n: number, score = '1', changedAt = '2026-01-01 00:00:00.000000'): ModelRow[] {
  return Array.from({ length: n }, (_, index) => ({
    id: `k${index + 1}`,
    name: `name ${index + 1}`,
    score,
    changed_at: changedAt,
  }));
}
