/**
 * Watches runs from outside, as an operator would: strongly consistent reads of the state table, nothing from inside
 * the engine. What it sees is what `tailrace status` and a console would see.
 */
import { type DynamoDBDocumentClient, GetCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { runKey, SYNC_PARTITION } from '../../shared/core/names.ts';
import { addCounts, type Counts, NO_ROWS, unpackCounts } from '../../shared/core/outcomes.ts';
import type { Phase, RunResult, Seal, SyncState } from '../../shared/core/run.ts';

export type StateTable = { readonly client: DynamoDBDocumentClient; readonly table: string };

/** One run as far as it has come. */
export type Watched = {
  readonly syncId: string;
  readonly epoch: number;
  readonly phase: Phase;
  /** Lines of the stage; undefined before the fan-out is done. */
  readonly extracted: number | undefined;
  readonly counts: Counts;
  /** Batches that stopped half-way and wait to go on, as of now. */
  readonly interrupted: number;
};

/** A run that has ended, as its record says. */
export type EndedRun = { readonly syncId: string; readonly epoch: number; readonly result: RunResult };

type Item = Readonly<Record<string, unknown>>;

/** All syncs of the environment that have ever run. */
export async function readSyncs(state: StateTable): Promise<readonly SyncState[]> {
  const items = await partition(state, SYNC_PARTITION);
  return items.map((item) => ({ ...item, syncId: item.sort }) as unknown as SyncState);
}

/** The active run of a sync, or its last one. */
export async function watchRun(state: StateTable, { syncId, epoch, phase }: SyncState): Promise<Watched> {
  const { partition: PK, sort } = runKey(syncId, epoch);
  const { Item: run } = await state.client.send(
    new GetCommand({ TableName: state.table, Key: { partition: PK, sort }, ConsistentRead: true }),
  );
  const shards = phase === 'loading' ? await partition(state, `SHARD#${syncId}#${epoch}`) : [];
  const points = shards.flatMap((shard) => numbered(shard, 'p'));
  const settled = shards
    .flatMap((shard) => numbered(shard, 'b'))
    .map((packed) => unpackCounts(packed as string));
  const before = points.map((point) => (point as { counts?: Counts }).counts ?? NO_ROWS);
  const result = run?.result as RunResult | undefined;
  return {
    syncId,
    epoch,
    phase,
    extracted: (run?.sealed as Seal | undefined)?.counts.extracted ?? result?.extraction?.extracted,
    counts: result?.counts ?? [...settled, ...before].reduce(addCounts, NO_ROWS),
    interrupted: points.length,
  };
}

/** Every run of a sync that has ended, in order. */
export async function endedRuns(state: StateTable, syncId: string): Promise<readonly EndedRun[]> {
  const items = await partition(state, `RUN#${syncId}`);
  return items
    .filter((item) => item.result !== undefined)
    .map((item) => ({ syncId, epoch: Number(item.sort), result: item.result as RunResult }));
}

const numbered = (item: Item, letter: string): unknown[] =>
  Object.entries(item).flatMap(([name, value]) =>
    /^[a-z]\d+$/.test(name) && name[0] === letter ? [value] : [],
  );

async function partition({ client, table }: StateTable, name: string): Promise<readonly Item[]> {
  const items: Item[] = [];
  let from: Item | undefined;
  do {
    const page = await client.send(
      new QueryCommand({
        TableName: table,
        KeyConditionExpression: '#partition = :partition',
        ExpressionAttributeNames: { '#partition': 'partition' },
        ExpressionAttributeValues: { ':partition': name },
        ConsistentRead: true,
        ...(from === undefined ? {} : { ExclusiveStartKey: { ...from } }),
      }),
    );
    items.push(...(page.Items ?? []));
    from = page.LastEvaluatedKey;
  } while (from !== undefined);
  return items;
}
