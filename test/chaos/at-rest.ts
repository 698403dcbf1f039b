/**
 * What chaos looks at when all is over, without the chaos: a state table, a failure set, queues, a warehouse and a vendor
 * in memory, at rest and all right. A test spoils one thing and sees which check tells.
 */
import { check } from '../../local/chaos/checks.ts';
import type { Field } from '../../local/chaos/field.ts';
import type { Held, Row, TableName } from '../../local/chaos/model.ts';
import type { SinkRecord } from '../../local/chaos/sink-process.ts';
import { definitions } from '../../local/chaos/stage.ts';
import { syncSchema } from '../../shared/core/sync.ts';

type Item = Record<string, unknown>;

export type World = {
  /** Of the state table. */
  items: Item[];
  /** Lines of the failure set of `entries`. */
  failures: object[];
  /** Messages by queue. */
  queues: Record<string, number>;
  warehouse: Record<TableName, Row[]>;
  vendor: Record<TableName, SinkRecord[]>;
  older: string[];
  orphans: number[];
  /** False: told to forget a record, the vendor does not. */
  forgets: boolean;
  /** Work that the services know of. */
  pending: number;
  /** The schedule of every definition that the engine has accepted. */
  every: string;
};

const row = (table: TableName, id: number): Row => ({ id, name: `${table} ${id}`, amount: 1230, version: 4 });
const held = (table: TableName, id: number): Held => ({
  ...row(table, id),
  name: `${table} ${id}`,
  amount: 12.3,
});
export const record = (table: TableName, id: number, times = 1): SinkRecord => ({
  fields: held(table, id),
  times,
});

const COUNTS = { rows: 2, accepted: 2, rejected: 0, invalid: 0, skipped: 0, dead: 0 };
export const run = (syncId: string, epoch: number, more: object = {}): Item => ({
  partition: `RUN#${syncId}`,
  sort: String(epoch),
  result: { ended: 'committed', at: 0, counts: COUNTS, extraction: { extracted: 2 }, ...more },
});

const sync = (syncId: string, more: object = {}): Item => ({
  ...{
    partition: 'SYNC',
    sort: syncId,
    phase: 'idle',
    epoch: 3,
    wanted: 0,
    lastScheduled: 0,
    failures: null,
  },
  ...more,
});

/** Ids 7 and 8 of every table, everywhere. */
export function worldAtRest(): World {
  const everywhere = <T>(make: (table: TableName) => T): Record<TableName, T> => ({
    people: make('people'),
    scores: make('scores'),
    entries: make('entries'),
  });
  return {
    items: [
      sync('people'),
      sync('scores'),
      sync('entries', { failures: { manifest: 'failed/manifest', count: 0 } }),
      run('people', 3),
      run('entries', 3),
      { partition: 'BREAKER#crm', sort: '-', state: 'closed' },
      { partition: 'BUDGET#crm', sort: '-', nextFreeAt: 1 },
    ],
    failures: [],
    queues: { 'chaos-crm-express': 0, 'chaos-crm-DeadLetters': 0 },
    warehouse: everywhere((table) => [row(table, 7), row(table, 8)]),
    vendor: everywhere((table) => [record(table, 7), record(table, 8)]),
    older: [],
    orphans: [],
    forgets: true,
    pending: 0,
    every: '365 days',
  };
}

/** The SYNC item of a sync, to be spoiled. */
export function syncOf(world: World, syncId: string): Item {
  const item = world.items.find(({ partition, sort }) => partition === 'SYNC' && sort === syncId);
  if (item === undefined) throw new Error(`the world has no sync ${syncId}`);
  return item;
}

/** `<check>: <what it tells>` of each check that does not hold. */
export async function told(spoil: (world: World) => void): Promise<readonly string[]> {
  const world = worldAtRest();
  spoil(world);
  const { checks } = await check(fieldOf(world));
  return checks.filter(({ ok }) => !ok).map(({ name, detail }) => `${name}: ${detail}`);
}

export function fieldOf(world: World): Field {
  const expected = (table: TableName) => new Map([7, 8].map((id) => [id, held(table, id)]));
  const kept = (table: TableName) => new Map([7, 8].map((id) => [id, row(table, id)]));
  const field = {
    model: { tables: { people: kept('people'), scores: kept('scores'), entries: kept('entries') }, expected },
    state: { client: { send: stateOf(world) }, table: 'state' },
    dynamodb: { send: acceptedOf(world) },
    s3: { send: objectsOf(world) },
    sqs: { send: queuesOf(world) },
    services: {
      outputs: { StagingBucket: 'bucket', DefinitionsTable: 'definitions', StateTable: 'state' },
      sql: async (text: string) => world.warehouse[/shop\.(\w+)/.exec(text)?.[1] as TableName],
      orphans: () => world.orphans,
      pending: async () => world.pending,
    },
    sink: {
      stats: async () => ({ requests: 1, rows: 6, deletes: 0, older: world.older, lost: 0 }),
      records: async (table: TableName) => world.vendor[table],
      forget: async (table: TableName) =>
        Number((world.forgets ? world.vendor[table].shift() : world.vendor[table][0])?.fields.id),
    },
    history: { note: () => undefined },
    define: async () => undefined,
  };
  return field as unknown as Field;
}

type Command = { readonly input: Readonly<Record<string, unknown>> };

/** A query by partition, or a scan. */
const stateOf =
  (world: World) =>
  async ({ input }: Command): Promise<{ Items: Item[] }> => {
    const wanted = (input.ExpressionAttributeValues as Item | undefined)?.[':partition'];
    return { Items: world.items.filter(({ partition }) => wanted === undefined || partition === wanted) };
  };

/** Whatever is asked for, its definition was accepted. */
const acceptedOf =
  (world: World) =>
  async ({ input }: Command): Promise<object> => {
    const key = JSON.stringify(input.Key);
    const written = definitions(world.every).find(({ syncId }) => key.includes(syncId));
    const accepted = { sync: syncSchema.parse(written), version: 1, mappingVersion: '1', generation: '1' };
    return { Item: { body: { S: JSON.stringify(accepted) } } };
  };

const objectsOf =
  (world: World) =>
  async ({ input }: Command): Promise<object> => {
    const manifest = { entries: [{ url: 's3://bucket/failed/part' }] };
    const lines = world.failures.map((line) => JSON.stringify(line)).join('\n');
    const text = input.Key === 'failed/manifest' ? JSON.stringify(manifest) : lines;
    return { Body: { transformToString: async () => text } };
  };

const queuesOf =
  (world: World) =>
  async ({ input }: Command): Promise<object> => {
    const url = input.QueueUrl as string | undefined;
    if (url === undefined)
      return { QueueUrls: Object.keys(world.queues).map((name) => `http://queues/${name}`) };
    const count = world.queues[url.split('/').at(-1) ?? ''];
    return {
      Attributes: { ApproximateNumberOfMessages: `${count}`, ApproximateNumberOfMessagesNotVisible: '0' },
    };
  };
