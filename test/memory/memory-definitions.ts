/** The definitions table in memory: items as people write them, accepted versions, and the status beside them. */
import type { AcceptedDefinition } from '../../shared/core/sync.ts';
import type { DefinitionStatus, Definitions, Item } from '../../shared/ports.ts';

export type MemoryDefinitions = Definitions & {
  /** What a person does. */
  write(syncId: string, item: Item): void;
  erase(syncId: string): void;
};

export function memoryDefinitions(): MemoryDefinitions {
  const written = new Map<string, Item>();
  const accepted = new Map<string, AcceptedDefinition>();
  const statuses = new Map<string, DefinitionStatus>();
  return {
    write: (syncId, item) => void written.set(syncId, item),
    erase: (syncId) => void written.delete(syncId),
    accepted: async (syncId) => accepted.get(syncId),
    written: async (syncId) => written.get(syncId),
    accept: async (syncId, next) => {
      const last = accepted.get(syncId);
      if (last !== undefined && last.version >= next.version) return false;
      accepted.set(syncId, next);
      return true;
    },
    forget: async (syncId) => void accepted.delete(syncId),
    setStatus: async (syncId, status) => void statuses.set(syncId, status),
    status: async (syncId) => statuses.get(syncId),
  };
}
