/** All ports in memory around one virtual clock, and definitions to run on them. */
import { acceptDefinition } from '../../shared/core/accept.ts';
import { type AcceptedDefinition, type Sync, syncSchema } from '../../shared/core/sync.ts';
import type { AccountSettings, Ports, StageSettings } from '../../shared/ports.ts';
import { type MemoryDefinitions, memoryDefinitions } from './memory-definitions.ts';
import { type MemoryObjects, memoryObjects } from './memory-objects.ts';
import {
  type MemoryEvents,
  type MemorySchedules,
  type MemoryTelemetry,
  memoryEvents,
  memorySchedules,
  memoryTelemetry,
} from './memory-outside.ts';
import { type MemoryQueue, memoryQueue } from './memory-queue.ts';
import { type MemoryState, memoryState } from './memory-state.ts';
import { type MemoryWarehouse, memoryWarehouse } from './memory-warehouse.ts';
import type { ModelTable } from './model-table.ts';
import { type Random, seededIds, seededRandom } from './seeded.ts';
import { type VirtualClock, virtualClock } from './virtual-clock.ts';

export type MemoryPorts = Ports & {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly state: MemoryState;
  readonly objects: MemoryObjects;
  readonly warehouse: MemoryWarehouse;
  readonly queue: MemoryQueue;
  readonly definitions: MemoryDefinitions;
  readonly schedules: MemorySchedules;
  readonly events: MemoryEvents;
  readonly telemetry: MemoryTelemetry;
};

export const ACCOUNT: AccountSettings = {
  name: 'crm',
  destination: 'memory',
  rate: { requests: 100, perMs: 1000 },
  requestRowsMax: 10,
  requestsInFlight: 2,
};

export const SETTINGS: StageSettings = {
  environment: 'test',
  graceMs: 120_000,
  extractorLeaseMs: 300_000,
  loaderTimeoutMs: 60_000,
  runStallMs: 1_800_000,
  breakerOpenMs: 60_000,
  extraction: 'unload',
  accounts: { crm: ACCOUNT },
};

export function memoryPorts(seed = 1, settings: Partial<StageSettings> = {}): MemoryPorts {
  const random = seededRandom(seed);
  const clock = virtualClock();
  const objects = memoryObjects();
  return {
    clock,
    random,
    ids: seededIds(random.fork()),
    state: memoryState(),
    objects,
    warehouse: memoryWarehouse(clock, objects),
    queue: memoryQueue(clock, random.fork()),
    definitions: memoryDefinitions(),
    schedules: memorySchedules(),
    events: memoryEvents(),
    telemetry: memoryTelemetry(),
    settings: { ...SETTINGS, ...settings },
  };
}

/** The written form of a sync over the table `syncId` with columns id, name, score and changed_at. */
export function writtenSync(syncId: string, parts: Readonly<Record<string, unknown>> = {}): Sync {
  const { changes, destination, ...rest } = parts;
  return syncSchema.parse({
    syncId,
    owner: 'data@example.com',
    schedule: { every: '15 minutes' },
    model: {
      sql: `select id, name, score, changed_at from ${syncId.replaceAll('-', '_')}`,
      primaryKey: ['id'],
      changes: changes ?? { by: 'diff' },
    },
    destination: {
      account: 'crm',
      object: 'people',
      mode: 'upsert',
      matchOn: 'id',
      ...(destination as object | undefined),
    },
    fields: [
      { to: 'id', from: 'id' },
      { to: 'name', from: 'name' },
      { to: 'score', from: 'score' },
    ],
    guards: { maxDeletes: 1000, maxDeleteRatio: 1, maxShrink: 1 },
    ...rest,
  });
}

/** Accepts a definition at once, as reconcile does. */
export async function acceptSync(ports: MemoryPorts, sync: Sync): Promise<AcceptedDefinition> {
  const accepted = acceptDefinition(sync, await ports.definitions.accepted(sync.syncId));
  await ports.definitions.accept(sync.syncId, accepted);
  return accepted;
}

const COLUMNS = [
  { name: 'id', type: 'varchar' },
  { name: 'name', type: 'varchar' },
  { name: 'score', type: 'int8' },
  { name: 'changed_at', type: 'timestamp' },
];

export function tableOf(rows: ModelTable['rows'], checks: ModelTable['checks'] = {}): ModelTable {
  return { columns: COLUMNS, rows, checks };
}
