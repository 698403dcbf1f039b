/**
 * What a missing guard would do, made by changing the ports under the use cases, so that the product has no switch.
 * With any of these on, the simulator must find a violation of what the guard protects.
 */
import { SYNC_PARTITION } from '../../shared/core/names.ts';
import type { ExtractionCounts } from '../../shared/core/stage.ts';
import type { Item, Update } from '../../shared/ports.ts';
import type { MemoryPorts } from '../memory/memory-ports.ts';
import type { Mutation } from './simulate.ts';

export type NamedMutation = {
  readonly guard: string;
  /** Invariants that it protects; one of them must be seen broken. */
  readonly protects: readonly string[];
  readonly mutate: Mutation;
};

export const MUTATIONS: readonly NamedMutation[] = [
  {
    guard: 'acquire is conditional',
    protects: ['I4'],
    mutate: onSync((change, item) =>
      change.set?.phase === 'extracting' && item !== undefined ? { ...change, when: [] } : change,
    ),
  },
  {
    guard: 'the watermark moves with the flip only',
    protects: ['I3', 'I1'],
    mutate: onSync((change, item) =>
      change.set?.phase === 'loading' && item?.watermark !== undefined
        ? { ...change, set: { ...change.set, watermark: '2026-01-05 00:30:00.000000' } }
        : change,
    ),
  },
  {
    guard: 'an abandoned run is dirty',
    protects: ['I7'],
    mutate: onSync((change) => {
      const { dirty: _, ...set } = change.set ?? {};
      return change.set?.phase === 'idle' && set.snapshotEpoch === undefined ? { ...change, set } : change;
    }),
  },
  {
    guard: 'no run within the grace',
    protects: ['I5', 'I6'],
    mutate: (base) => {
      Object.assign(base.settings, { graceMs: 0 });
    },
  },
  {
    guard: 'failures are recorded before the settle',
    protects: ['I1', 'I12', 'I8', 'I7'],
    mutate: (base) => {
      const { put } = base.objects;
      base.objects.put = async (key, body) => (key.includes('/failures/') ? undefined : put(key, body));
    },
  },
  {
    guard: 'messages that were not taken are sent again',
    protects: ['I11'],
    mutate: (base) => {
      const { send } = base.queue;
      base.queue.send = async (...args) => {
        await send(...args);
        return [];
      };
    },
  },
  {
    guard: 'the cut is written once',
    protects: ['I1', 'I2', 'I8'],
    mutate: (base) => {
      const { read } = base.state;
      let turn = 0;
      base.state.read = async (key) => {
        const item = await read(key);
        const cut = item?.cut as { batchBytes: number } | undefined;
        if (key.partition !== SYNC_PARTITION || item === undefined || cut === undefined) return item;
        turn += 1;
        return { ...item, cut: { ...cut, batchBytes: cut.batchBytes + (turn % 3) * 40 } };
      };
    },
  },
  {
    guard: 'a settle is written once',
    protects: ['I2', 'I8', 'I1', 'I7', 'I12'],
    mutate: (base) => {
      const { update } = base.state;
      base.state.update = async (key, change) => {
        const isSettle = key.partition.startsWith('SHARD#') && change.setIfAbsent !== undefined;
        if (!isSettle) return update(key, change);
        const { setIfAbsent, ...rest } = change;
        const [name = '', counts = ''] = Object.entries(setIfAbsent ?? {})[0] ?? [];
        const last = base.state.peek(key)?.[name];
        const sum = typeof last === 'string' ? added(last, String(counts)) : counts;
        return update(key, { ...rest, set: { [name]: sum } });
      };
    },
  },
  {
    guard: 'keys of abandoned runs are looked at again',
    protects: ['I7', 'I1'],
    mutate: (base) => {
      const { submit } = base.warehouse;
      base.warehouse.submit = async (request) => submit({ ...request, dirty: [] });
    },
  },
  {
    guard: 'carried failures stay in the failure set',
    protects: ['I12'],
    mutate: (base) => {
      const { get } = base.objects;
      base.objects.get = async (key) => (key.endsWith('/carried/manifest') ? undefined : get(key));
    },
  },
  {
    guard: 'deletes are capped',
    protects: ['I10'],
    mutate: seenCounts((counts) => ({ ...counts, removed: 0 })),
  },
  {
    guard: 'a shrunken model is held',
    protects: ['I7', 'I10'],
    mutate: seenCounts((counts) => ({ ...counts, modelRows: 1000 })),
  },
];

function onSync(change: (update: Update, item: Item | undefined) => Update): Mutation {
  return (base: MemoryPorts) => {
    const { update } = base.state;
    base.state.update = async (key, written) =>
      update(key, key.partition === SYNC_PARTITION ? change(written, base.state.peek(key)) : written);
  };
}

/** What the guards see of an extraction. */
function seenCounts(change: (counts: ExtractionCounts) => ExtractionCounts): Mutation {
  return (base) => {
    const { counts } = base.warehouse;
    base.warehouse.counts = async (...args) => change(await counts(...args));
  };
}

function added(a: string, b: string): string {
  const right = b.split(',').map(Number);
  return a
    .split(',')
    .map((part, index) => Number(part) + (right[index] ?? 0))
    .join(',');
}
