/**
 * What a missing guard would do, made by changing the ports under the use cases, so that the product has no switch.
 * With any of these on, the simulator must find a violation of what the guard protects.
 */
import { readMessage } from '../../shared/core/message.ts';
import { runKey, SYNC_PARTITION, shardKey, stageManifestKey, stagePrefix } from '../../shared/core/names.ts';
import type { Cut } from '../../shared/core/run.ts';
import type { ExtractionCounts } from '../../shared/core/stage.ts';
import type { WriteRequest } from '../../shared/destinations/destination.ts';
import { loaderMemory } from '../../shared/engine/load-batch-plan.ts';
import type { Attribute, Item, LoaderPorts } from '../../shared/ports.ts';
import type { MemoryPorts } from '../memory/memory-ports.ts';
import { ACCOUNT } from '../memory/memory-ports.ts';
import { type NamedMutation, onPartition, onSync, remembered, sending } from './mutation-views.ts';
import { TIME_MUTATIONS } from './mutations-in-time.ts';
import type { LoaderMutation, Mutation } from './simulate.ts';

export const MUTATIONS: readonly NamedMutation[] = [
  {
    guard: 'acquire is conditional',
    protects: ['I4'],
    seed: 16,
    mutate: onSync((change, item) =>
      change.set?.phase === 'extracting' && item !== undefined ? { ...change, when: [] } : change,
    ),
  },
  {
    guard: 'the watermark moves with the flip only',
    protects: ['I3', 'I1'],
    seed: 1,
    mutate: onSync((change, item) =>
      change.set?.phase === 'loading' && item?.watermark !== undefined
        ? { ...change, set: { ...change.set, watermark: '2026-01-05 00:30:00.000000' } }
        : change,
    ),
  },
  {
    guard: 'an abandoned run is dirty',
    protects: ['I7'],
    seed: 81,
    mutate: onSync((change) => {
      const { dirty: _, ...set } = change.set ?? {};
      return change.set?.phase === 'idle' && set.snapshotEpoch === undefined ? { ...change, set } : change;
    }),
  },
  {
    guard: 'no run within the grace',
    protects: ['I5', 'I6'],
    seed: 349,
    mutate: (base) => {
      Object.assign(base.settings, { graceMs: 0 });
    },
  },
  {
    guard: 'failures are recorded before the settle',
    protects: ['I2', 'I12', 'I1'],
    seed: 31,
    mutateLoaders: () => remembered(settledFirst),
  },
  {
    guard: 'messages that were not taken are sent again',
    protects: ['I11'],
    seed: 8,
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
    protects: ['I1', 'I2', 'I11'],
    seed: 452,
    // The sweep that renews a lease repeats the fan-out; here that cuts anew, as a later version of the code would.
    mutate: onSync((change, item) => {
      const isRenewed = item?.phase === 'loading' && change.set?.leaseUntil !== undefined;
      if (!isRenewed || change.set?.phase !== undefined || item.cut === undefined) return change;
      return { ...change, set: { ...change.set, cut: item.cut } };
    }),
  },
  {
    guard: 'a settle is written once',
    protects: ['I2'],
    seed: 3,
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
    seed: 81,
    mutate: (base) => {
      const { submit } = base.warehouse;
      base.warehouse.submit = async (request) => submit({ ...request, dirty: [] });
    },
  },
  {
    guard: 'carried failures stay in the failure set',
    protects: ['I12'],
    seed: 8,
    mutate: (base) => {
      const { get } = base.objects;
      base.objects.get = async (key) => (key.endsWith('/carried/manifest') ? undefined : get(key));
    },
  },
  {
    guard: 'deletes are capped',
    protects: ['I10'],
    seed: 140,
    mutate: seenCounts((counts) => ({ ...counts, removed: 0 })),
  },
  {
    guard: 'a shrunken model is held',
    protects: ['I10'],
    seed: 12,
    mutate: seenCounts((counts) => ({ ...counts, modelRows: 1000 })),
  },
  {
    guard: 'deletes are capped by a share as well',
    protects: ['I10'],
    seed: 140,
    mutate: frozenAs(({ sync }) => {
      sync.guards.maxDeleteRatio = 1;
    }),
  },
  {
    guard: 'a model without rows moves no watermark',
    protects: ['I10', 'I7'],
    seed: 33,
    mutate: (base) => {
      const { update } = base.state;
      base.state.update = async (key, change) => {
        const sealed = change.setIfAbsent?.sealed as { counts: ExtractionCounts } | undefined;
        const hi = sealed?.counts.modelRows === 0 ? sealed.counts.hi : null;
        if (sealed === undefined || hi === null) return update(key, change);
        return update(key, { ...change, setIfAbsent: { sealed: { ...sealed, candidateWatermark: hi } } });
      };
    },
  },
  {
    guard: 'dead letters are recorded before they are settled',
    protects: ['I1', 'I2', 'I12'],
    seed: 96,
    mutate: (base) => {
      const { put } = base.objects;
      base.objects.put = async (key, body) => {
        const isOfDead = key.includes('/failures/') && String(body).includes('"dead_letter"');
        if (!isOfDead) await put(key, body);
      };
    },
  },
  {
    guard: 'dead letters are recorded',
    protects: ['I11'],
    seed: 84,
    mutate: (base) => {
      const { receiveDead } = base.queue;
      base.queue.receiveDead = (...args) => {
        for (const delivery of receiveDead(...args)) base.queue.delete(delivery);
        return [];
      };
    },
  },
  {
    guard: 'an epoch is extracted once',
    protects: ['I1', 'I2'],
    seed: 2015,
    mutate: extractAgain,
  },
  {
    guard: 'rows on the edge of a cursor window are in the next one',
    protects: ['I7'],
    seed: 242,
    mutate: (base) => {
      const { submit } = base.warehouse;
      base.warehouse.submit = async (request) => {
        const { watermark } = request;
        return submit({ ...request, watermark: watermark === null ? null : `${watermark}0` });
      };
    },
  },
  {
    guard: 'loaders of an old epoch are fenced off',
    protects: ['I5', 'I6'],
    seed: 12,
    mutateLoaders: unfenced,
  },
  {
    guard: 'slots are reserved by a conditional write',
    protects: ['I9'],
    seed: 6,
    mutate: (base) => {
      const { update } = base.state;
      base.state.update = async (key, change) => {
        const added = change.add?.nextFreeAt;
        if (!key.partition.startsWith('BUDGET#') || added === undefined) return update(key, change);
        // Whoever comes starts from now, whatever others have taken.
        return update(key, { set: { ...change.set, nextFreeAt: base.clock.now() + added } });
      };
    },
  },
  {
    guard: 'a slot that is late is void',
    protects: ['I9'],
    seed: 136,
    mutateLoaders: () =>
      remembered((ports) => {
        const { pacer } = loaderMemory(ports);
        const { take } = pacer;
        pacer.take = async (need) => {
          const taken = await take(need);
          return taken.is === 'go' ? { is: 'go', lateAt: Number.POSITIVE_INFINITY } : taken;
        };
        return ports;
      }),
  },
  {
    guard: 'one probe is elected',
    protects: ['I13'],
    seed: 25,
    mutate: onPartition('BREAKER#', (change) => ({ ...change, when: [] })),
  },
  {
    guard: 'a resume point has the counts before it',
    protects: ['I2'],
    seed: 1,
    mutate: onPartition('SHARD#', (change) => {
      const points = Object.entries(change.set ?? {}).map(([name, value]) => [name, uncounted(value)]);
      return { ...change, ...(change.set === undefined ? {} : { set: Object.fromEntries(points) }) };
    }),
  },
  {
    guard: 'the snapshot moves by committed deltas only',
    protects: ['I7'],
    seed: 4,
    mutate: (base) => {
      const { submit } = base.warehouse;
      base.warehouse.submit = async (request) => {
        const { syncId } = request.definition.sync;
        const last = request.epoch - 1;
        const isThere = base.warehouse.memoryOf(syncId).deltas.has(last);
        return submit(isThere && request.snapshotEpoch > 0 ? { ...request, snapshotEpoch: last } : request);
      };
    },
  },
  {
    guard: 'what went in is compared with what came out',
    protects: ['I1', 'I2'],
    seed: 1,
    mutate: unchecked,
  },
  {
    guard: 'a run keeps the definition that it began with',
    protects: ['I1'],
    seed: 8,
    mutate: (base) => {
      const { get } = base.objects;
      base.objects.get = async (key) => {
        const text = await get(key);
        if (text === undefined || !key.endsWith('/definition.json')) return text;
        const frozen = JSON.parse(text) as { syncId: string };
        const definition = await base.definitions.accepted(frozen.syncId);
        return definition === undefined ? text : JSON.stringify({ ...frozen, definition });
      };
    },
  },
  {
    guard: 'a batch is one write',
    protects: ['I14'],
    seed: 7,
    mutate: (base) => {
      const { update } = base.state;
      base.state.update = async (key, change) => {
        if (key.partition.startsWith('SHARD#')) await update(key, { set: { seen: 'yes' } });
        return update(key, change);
      };
    },
  },
  {
    guard: 'a call of class C is claimed',
    protects: ['class C'],
    seed: 128,
    mutate: unclaimedCalls,
  },
  {
    guard: 'a batch of class C has one owner',
    protects: ['class C'],
    seed: 20,
    mutate: onPartition('SHARD#', (change) => {
      const isOwner = (name: string): boolean => /^o\d+$/.test(name);
      const set = Object.entries(change.set ?? {}).filter(([name]) => !isOwner(name));
      const when = (change.when ?? []).filter((one) => 'any' in one || !isOwner(one.attribute));
      return { ...change, when, ...(change.set === undefined ? {} : { set: Object.fromEntries(set) }) };
    }),
  },
  {
    guard: 'a batch of class C that was given back keeps a mark',
    protects: ['class C'],
    seed: 1224,
    found: 'a delivery that had looked before a batch was given back took it for its own',
    // Nothing, as if no delivery had ever had it.
    mutate: onPartition('SHARD#', (change) => {
      const isLast = ([name, value]: readonly [string, Attribute]): boolean =>
        /^o\d+$/.test(name) && String(value).startsWith('0.');
      const names = Object.entries(change.set ?? {})
        .filter(isLast)
        .map(([name]) => name);
      if (names.length === 0) return change;
      const set = Object.entries(change.set ?? {}).filter((entry) => !isLast(entry));
      return { ...change, set: Object.fromEntries(set), remove: [...(change.remove ?? []), ...names] };
    }),
  },
  {
    guard: 'a job of class C is claimed before it is submitted',
    protects: ['class C'],
    seed: 128,
    found: 'a job whose submit was not answered was submitted again',
    mutateWorld: ({ account, base }) => {
      if (account.shape.kind === 'jobs') unclaimedCalls(base);
    },
  },
  {
    guard: 'the name of a key that an abandoned run has sent is kept',
    protects: ['I7'],
    seed: 1116,
    found: 'a key that an abandoned run had sent and the next run found invalid could not be removed',
    mutate: (base) => {
      const { run } = base.warehouse;
      base.warehouse.run = (id) => {
        run(id);
        const [syncId = '', epoch] = id.split('/');
        const delta = base.warehouse.memoryOf(syncId).deltas.get(Number(epoch));
        for (const [key, { change }] of delta ?? []) if (change === 'i') delta?.delete(key);
      };
    },
  },
  {
    guard: 'a request of class B keeps its key',
    protects: ['class B'],
    seed: 11,
    mutateLoaders: () => {
      let calls = 0;
      return remembered((ports) =>
        sending(ports, (request) => {
          calls += 1;
          return { ...request, idempotencyKey: `${request.idempotencyKey}.${calls}` };
        }),
      );
    },
  },
  {
    guard: 'a message of a later version goes back',
    protects: ['I11'],
    seed: 1,
    mutateWorld: (world) => {
      world.read = (body, formats) => {
        const read = readMessage(body, formats);
        return read === 'later' ? 'foreign' : read;
      };
    },
  },
  {
    guard: 'a message of the version before is read',
    protects: ['I11'],
    seed: 1,
    mutateWorld: (world) => {
      world.read = (body, formats) => {
        const newest = Math.max(...Object.keys(formats).map(Number));
        return body.startsWith(`{"v":${newest},`) ? readMessage(body, formats) : 'foreign';
      };
    },
  },
  {
    guard: 'values stay with their rows',
    protects: ['I1'],
    seed: 1,
    mutateLoaders: () => remembered((ports) => sending(ports, shifted)),
  },
  ...TIME_MUTATIONS,
  {
    guard: 'what the warehouse says loses what it quotes',
    protects: ['I15'],
    seed: 2,
    // As if the definition itself said what the warehouse quotes: then nothing is taken out.
    mutate: frozenAs(({ sync }) => {
      sync.purpose = 'disk full at "ann†"';
    }),
  },
];

type Frozen = { readonly sync: { purpose: string; readonly guards: { maxDeleteRatio: number } } };

/** The frozen definition as others read it. */
function frozenAs(change: (definition: Frozen) => void): Mutation {
  return (base) => {
    const { get } = base.objects;
    base.objects.get = async (key) => {
      const text = await get(key);
      if (text === undefined || !key.endsWith('/definition.json')) return text;
      const frozen = JSON.parse(text) as { readonly definition: Frozen };
      change(frozen.definition);
      return JSON.stringify(frozen);
    };
  };
}

/** The settle or the resume point first, then the failure object that it speaks of. */
function settledFirst(ports: LoaderPorts): LoaderPorts {
  const later: (() => Promise<void>)[] = [];
  const { objects, state } = ports;
  return {
    ...ports,
    objects: {
      ...objects,
      put: async (key, body) => {
        if (!key.includes('/failures/')) return objects.put(key, body);
        later.push(() => objects.put(key, body));
      },
    },
    state: {
      ...state,
      update: async (key, change) => {
        const written = await state.update(key, change);
        if (key.partition.startsWith('SHARD#')) for (const put of later.splice(0)) await put();
        return written;
      },
    },
  };
}

const isPoint = (value: Attribute): value is { readonly [name: string]: Attribute } =>
  typeof value === 'object' && value !== null && 'offset' in value;

const uncounted = (value: Attribute): Attribute =>
  isPoint(value)
    ? { ...value, counts: { rows: 0, accepted: 0, rejected: 0, invalid: 0, skipped: 0, dead: 0 } }
    : value;

function unclaimedCalls(base: MemoryPorts): void {
  onPartition('SHARD#', (change) => {
    const points = Object.entries(change.set ?? {}).map(([name, value]) => [name, unclaimed(value)]);
    return { ...change, ...(change.set === undefined ? {} : { set: Object.fromEntries(points) }) };
  })(base);
}

function unclaimed(value: Attribute): Attribute {
  if (!isPoint(value)) return value;
  const { claimedTo: _, ...rest } = value;
  return rest;
}

/** A repeated submit of an epoch is a second execution, which ends when the first one's batches are on their way. */
function extractAgain(base: MemoryPorts): void {
  const { submit } = base.warehouse;
  const repeated = new Set<string>();
  base.warehouse.submit = async (request) => {
    const id = `${request.definition.sync.syncId}/${request.epoch}`;
    if (base.warehouse.statements.has(id)) repeated.add(id);
    return submit(request);
  };
  base.state.onWrite(({ partition, sort }, before, after) => {
    const id = `${sort}/${after.epoch}`;
    const isEntered = before?.phase === 'extracting' && after.phase === 'loading';
    if (partition !== SYNC_PARTITION || !isEntered || !repeated.has(id)) return;
    const statement = base.warehouse.statements.get(id);
    if (statement === undefined || base.warehouse.way === 'pages') return;
    const stage = stagePrefix(sort, Number(after.epoch), ACCOUNT.name);
    for (const key of base.objects.keys()) if (key.startsWith(stage)) base.objects.remove(key);
    base.warehouse.repeatable(sort);
    statement.state = 'running';
    base.warehouse.run(id);
  });
}

/** Loaders find their own epoch at work, whatever SYNC says. */
function unfenced(base: MemoryPorts): ReturnType<LoaderMutation> {
  const cuts = new Map<string, Attribute>();
  base.state.onWrite(({ partition, sort }, _, after) => {
    if (partition === SYNC_PARTITION && after.cut !== undefined)
      cuts.set(`${sort}#${after.epoch}`, after.cut);
  });
  return (ports, { syncId, epoch }) => {
    const cut = cuts.get(`${syncId}#${epoch}`);
    const read: typeof ports.state.read = async (key) => {
      const item = await ports.state.read(key);
      if (key.partition !== SYNC_PARTITION || item === undefined || cut === undefined) return item;
      return { ...item, epoch, phase: 'loading', cut };
    };
    return { ...ports, state: { ...ports.state, read } };
  };
}

/** The end of a stage is lost, and nobody compares: the seal and the manifest say what was settled. */
function unchecked(base: MemoryPorts): void {
  const { update, read } = base.state;
  const { get } = base.objects;
  base.state.update = async (key, change) => {
    const cut = change.set?.cut as Cut | undefined;
    if (cut === undefined) return update(key, change);
    const short = { ...cut, totalBytes: Math.floor(cut.totalBytes * 0.6) };
    return update(key, { ...change, set: { ...change.set, cut: short } });
  };
  const settled = (syncId: string, epoch: number): number | undefined => {
    const sealed = base.state.peek(runKey(syncId, epoch))?.sealed as { cut: Cut } | undefined;
    let rows = 0;
    for (let batch = 0; batch < (sealed?.cut.batches ?? 0); batch += 1) {
      const { shardBatches } = sealed?.cut ?? { shardBatches: 1 };
      const shard = base.state.peek(shardKey(syncId, epoch, Math.floor(batch / shardBatches)));
      const packed = shard?.[`b${batch % shardBatches}`];
      if (typeof packed !== 'string') return undefined;
      rows += Number(packed.split(',')[0]);
    }
    return sealed === undefined ? undefined : rows;
  };
  base.state.read = async (key) => {
    const item = await read(key);
    const sealed = item?.sealed as { counts: ExtractionCounts } | undefined;
    if (!key.partition.startsWith('RUN#') || item === undefined || sealed === undefined) return item;
    const rows = settled(key.partition.slice(4), Number(key.sort));
    if (rows === undefined) return item;
    return { ...item, sealed: { ...sealed, counts: { ...sealed.counts, extracted: rows } } } as Item;
  };
  base.objects.get = async (key) => {
    const text = await get(key);
    const [, syncId = '', epoch = ''] = key.split('/');
    if (text === undefined || key !== stageManifestKey(syncId, Number(epoch), ACCOUNT.name)) return text;
    const rows = settled(syncId, Number(epoch));
    const manifest = JSON.parse(text) as { entries: { meta: { record_count: number } }[] };
    const [first] = manifest.entries;
    if (rows === undefined || first === undefined) return text;
    const others = manifest.entries.slice(1).reduce((sum, { meta }) => sum + meta.record_count, 0);
    first.meta.record_count = rows - others;
    return JSON.stringify(manifest);
  };
}

/** The fields of each row are those of the row before it, as by an index that is off by one. */
const shifted = (request: WriteRequest): WriteRequest => ({
  ...request,
  rows: request.rows.map((row, index) => ({
    ...row,
    fields: request.rows.at(index - 1)?.fields ?? row.fields,
  })),
});

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
