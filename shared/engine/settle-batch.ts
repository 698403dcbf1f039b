/**
 * Settling a batch: what became of it is written once, the first writer wins. The write gives back the whole shard;
 * full, its sum is rolled up into RUN, and the loader that completes the last shard announces the run. A run of one
 * shard is not rolled up (finish reads SHARD). Every redelivery of a settled batch repeats the roll-up and the
 * announcement, so neither can be lost for good; both are safe to repeat.
 */
import { shardCount, shardSize } from '../core/batches.ts';
import type { BatchMessage } from '../core/message.ts';
import { runKey, shardKey } from '../core/names.ts';
import { addCounts, type Counts, NO_ROWS, packCounts, unpackCounts } from '../core/outcomes.ts';
import type { Cut } from '../core/run.ts';
import type { Item, LoaderPorts } from '../ports.ts';

type SettlePorts = Pick<LoaderPorts, 'state' | 'events'>;

/** One write; three calls more for the batch that fills its shard. */
export async function settleBatch(
  ports: SettlePorts,
  message: BatchMessage,
  cut: Cut,
  counts: Counts,
): Promise<void> {
  const { syncId, epoch, shard, ordinal } = message;
  const written = await ports.state.update(shardKey(syncId, epoch, shard), {
    setIfAbsent: { [`b${ordinal}`]: packCounts(counts) },
    remove: [`p${ordinal}`, `o${ordinal}`],
  });
  await completeShard(ports, message, cut, written.item);
}

/** Rolls a full shard up and announces a run that is all in. */
export async function completeShard(
  ports: SettlePorts,
  { syncId, epoch, shard }: BatchMessage,
  cut: Cut,
  item: Item | undefined,
): Promise<void> {
  const sum = shardSum(item, shardSize(cut, shard));
  if (sum === undefined) return;
  const shards = shardCount(cut);
  if (shards > 1) {
    const run = await ports.state.update(runKey(syncId, epoch), {
      setIfAbsent: { [`s${shard}`]: packCounts(sum) },
    });
    // Not sealed yet: the seal looks by itself.
    if (run.item?.sealed === undefined || !hasAllShards(run.item, shards)) return;
  }
  await ports.events.publish({ type: 'Run Settled', detail: { syncId, epoch } });
}

function shardSum(item: Item | undefined, batches: number): Counts | undefined {
  let sum = NO_ROWS;
  for (let ordinal = 0; ordinal < batches; ordinal += 1) {
    const packed = item?.[`b${ordinal}`];
    if (typeof packed !== 'string') return undefined;
    sum = addCounts(sum, unpackCounts(packed));
  }
  return sum;
}

function hasAllShards(run: Item, shards: number): boolean {
  for (let shard = 0; shard < shards; shard += 1) {
    if (typeof run[`s${shard}`] !== 'string') return false;
  }
  return true;
}
