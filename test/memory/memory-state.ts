/**
 * The state table in memory: conditional updates with DynamoDB's semantics, one at a time, every write seen by
 * `onWrite` (the simulator's invariants hang there). Values that DynamoDB would refuse are refused here too.
 */
import { Fault } from '../../shared/core/fault.ts';
import type { ItemKey } from '../../shared/core/names.ts';
import type { Attribute, Condition, Item, StateStore, Update } from '../../shared/ports.ts';

export type MemoryState = StateStore & {
  /** Applied and refused updates so far: DynamoDB bills both. */
  readonly written: () => number;
  /** The item as it lies there, without a call. */
  peek(key: ItemKey): Item | undefined;
  /** Puts an item whole: for arranging a test. */
  seed(key: ItemKey, item: Item): void;
  onWrite(listener: (key: ItemKey, before: Item | undefined, after: Item) => void): void;
};

const ITEM_BYTES_MAX = 400 * 1024;

export function memoryState(): MemoryState {
  const partitions = new Map<string, Map<string, Item>>();
  const listeners: ((key: ItemKey, before: Item | undefined, after: Item) => void)[] = [];
  let written = 0;
  const peek = (key: ItemKey): Item | undefined => partitions.get(key.partition)?.get(key.sort);
  const store = (key: ItemKey, item: Item): void => {
    const partition = partitions.get(key.partition) ?? new Map<string, Item>();
    partitions.set(key.partition, partition);
    partition.set(key.sort, item);
  };
  return {
    written: () => written,
    peek,
    seed: store,
    onWrite: (listener) => void listeners.push(listener),
    read: async (key) => peek(key),
    update: async (key, update) => {
      written += 1;
      const before = peek(key);
      if (!(update.when ?? []).every((condition) => holds(before, condition))) {
        return { applied: false, item: before };
      }
      const after = changed(before ?? {}, update);
      store(key, after);
      for (const listener of listeners) listener(key, before, after);
      return { applied: true, item: after };
    },
    list: async function* (partition) {
      const sorts = [...(partitions.get(partition)?.keys() ?? [])].sort();
      for (const sort of sorts) {
        const item = peek({ partition, sort });
        if (item !== undefined) yield { ...item, partition, sort };
      }
    },
  };
}

function holds(item: Item | undefined, condition: Condition): boolean {
  if ('any' in condition) return condition.any.some((one) => holds(item, one));
  const value = item?.[condition.attribute];
  switch (condition.is) {
    case 'absent':
      return value === undefined;
    case 'present':
      return value !== undefined;
    case '=':
      return value === condition.value;
    case '!=':
      return value !== condition.value;
    default:
      return compares(value, condition.is, condition.value);
  }
}

/** A comparison across types, or with a missing attribute, is false. */
function compares(value: Attribute | undefined, is: '<' | '<=' | '>' | '>=', than: number | string): boolean {
  if (typeof value !== typeof than) return false;
  const left = value as number | string;
  if (is === '<') return left < than;
  if (is === '<=') return left <= than;
  return is === '>' ? left > than : left >= than;
}

function changed(before: Item, update: Update): Item {
  const after: Record<string, Attribute> = { ...before };
  const paths = [
    ...Object.keys(update.set ?? {}),
    ...Object.keys(update.setIfAbsent ?? {}),
    ...Object.keys(update.add ?? {}),
    ...(update.remove ?? []),
  ];
  if (new Set(paths).size !== paths.length) throw refused('two document paths overlap');
  for (const [name, value] of Object.entries(update.setIfAbsent ?? {})) {
    if (!(name in after)) after[name] = storable(value);
  }
  for (const [name, value] of Object.entries(update.set ?? {})) after[name] = storable(value);
  for (const [name, amount] of Object.entries(update.add ?? {})) {
    const number = before[name];
    if (typeof number !== 'number') throw refused(`cannot add to ${name}: it is not a number`);
    after[name] = number + amount;
  }
  for (const name of update.remove ?? []) delete after[name];
  if (JSON.stringify(after).length > ITEM_BYTES_MAX) throw refused('item exceeds 400 KB');
  return Object.freeze(after);
}

/** A frozen copy, so that nobody shares an object with the table; undefined, NaN and infinities cannot be stored. */
function storable(value: Attribute): Attribute {
  if (typeof value === 'number' && !Number.isFinite(value)) throw refused(`cannot store the number ${value}`);
  if (value === undefined) throw refused('cannot store undefined');
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return Object.freeze(value.map(storable));
  const members = Object.entries(value).map(([name, inner]) => [name, storable(inner)]);
  return Object.freeze(Object.fromEntries(members));
}

const refused = (message: string): Fault => new Fault('bug', 'state_refused', message);
