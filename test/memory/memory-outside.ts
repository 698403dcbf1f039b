/** Schedules, events and telemetry in memory: what the engine told the world, kept to be looked at. */
import type { Schedule } from '../../shared/core/sync.ts';
import type { Attribute, EngineEvent, Events, Schedules, Telemetry } from '../../shared/ports.ts';

export type MemorySchedules = Schedules & {
  readonly kept: ReadonlyMap<string, { readonly schedule: Schedule; readonly enabled: boolean }>;
};

export function memorySchedules(): MemorySchedules {
  const kept = new Map<string, { schedule: Schedule; enabled: boolean }>();
  return {
    kept,
    put: async (syncId, schedule, enabled) => void kept.set(syncId, { schedule, enabled }),
    remove: async (syncId) => void kept.delete(syncId),
  };
}

export type MemoryEvents = Events & {
  readonly published: readonly EngineEvent[];
  types(): readonly EngineEvent['type'][];
  onPublish(listener: (event: EngineEvent) => void): void;
};

export function memoryEvents(): MemoryEvents {
  const published: EngineEvent[] = [];
  const listeners: ((event: EngineEvent) => void)[] = [];
  return {
    published,
    types: () => published.map((event) => event.type),
    onPublish: (listener) => void listeners.push(listener),
    publish: async (event) => {
      published.push(structuredClone(event));
      for (const listener of listeners) listener(event);
    },
  };
}

export type LogLine = {
  readonly level: string;
  readonly code: string;
  readonly fields: Readonly<Record<string, Attribute>>;
};
export type MemoryTelemetry = Telemetry & {
  readonly lines: readonly LogLine[];
  /** Sum of a metric over all accounts. */
  counted(metric: string): number;
};

export function memoryTelemetry(): MemoryTelemetry {
  const lines: LogLine[] = [];
  const sums = new Map<string, number>();
  return {
    lines,
    counted: (metric) => sums.get(metric) ?? 0,
    log: (level, code, fields) => void lines.push({ level, code, fields }),
    count: (metric, value) => void sums.set(metric, (sums.get(metric) ?? 0) + value),
  };
}
