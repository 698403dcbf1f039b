/**
 * A batch's message came to the dead-letter queue: its rows are recorded as dead, so that the run can end and a
 * later run tries them again. The queue is evidence, never a source of data: rows are read from the stage.
 *
 * Order: evidence, failure object, settle. Dying in between leaves the message, and all is done again; whoever
 * settled the batch first has won.
 */
import { batchRange } from '../core/batches.ts';
import type { BatchMessage } from '../core/message.ts';
import { deadLetterKey, shardKey } from '../core/names.ts';
import { addCounts, type Counts, NO_ROWS } from '../core/outcomes.ts';
import { stageReason } from '../core/row-codes.ts';
import type { Cut, ResumePoint } from '../core/run.ts';
import type { FailureRecord, StageLine } from '../core/stage.ts';
import type { Ports } from '../ports.ts';
import { failureRecord, type RowFailure, writeFailures } from './fail-rows.ts';
import { readFrozen, readStageManifest } from './frozen.ts';
import { readBatch } from './read-batch.ts';
import { completeShard, settleBatch } from './settle-batch.ts';
import { readSync } from './sync-state.ts';

export type BuryPorts = Pick<Ports, 'clock' | 'ids' | 'state' | 'objects' | 'events' | 'telemetry'>;

export type BuryInput = { readonly message: BatchMessage; readonly deliveryId: string };

/** Throws what the ports threw: the message stays. */
export async function buryBatch(
  ports: BuryPorts,
  { message, deliveryId }: BuryInput,
): Promise<{ readonly is: 'buried' | 'dropped' }> {
  const { syncId, epoch, shard, ordinal } = message;
  const sync = await readSync(ports.state, syncId);
  if (sync?.epoch !== epoch || sync.phase !== 'loading' || sync.cut === undefined) return { is: 'dropped' };
  const place = { syncId, epoch, shard, ordinal };
  await ports.objects.put(deadLetterKey(syncId, epoch, message, deliveryId), JSON.stringify(place));
  const { definition } = await readFrozen(ports.objects, syncId, epoch);
  const { account, mode } = definition.sync.destination;
  ports.telemetry.count('dead_letters', 1, account);
  const item = await ports.state.read(shardKey(syncId, epoch, shard));
  if (item?.[`b${ordinal}`] !== undefined) {
    // Settled after all: its rows have their outcomes, what follows a settle may still be missing.
    await completeShard(ports, message, sync.cut, item);
    return { is: 'buried' };
  }
  const point = item?.[`p${ordinal}`] as ResumePoint | undefined;
  const { counts, records } = await deadRows(ports, message, {
    cut: sync.cut,
    account,
    point,
    isInsert: mode === 'insert',
  });
  await writeFailures(ports, message, records);
  await settleBatch(ports, message, sync.cut, counts);
  // An alarm of its own counts dead letters; as an error it would raise the one for what should not be as well.
  ports.telemetry.log('warn', 'batch_buried', { ...place, dead: counts.dead });
  return { is: 'buried' };
}

type Found = {
  readonly cut: Cut;
  readonly account: string;
  readonly point: ResumePoint | undefined;
  readonly isInsert: boolean;
};

/** Rows before the resume point have their outcome already; the rest is dead, as far as it was not invalid. */
async function deadRows(
  ports: BuryPorts,
  { syncId, epoch, shard, ordinal }: BatchMessage,
  { cut, account, point, isInsert }: Found,
): Promise<{ readonly counts: Counts; readonly records: readonly FailureRecord[] }> {
  const manifest = await readStageManifest(ports.objects, syncId, epoch, account);
  const pieces = batchRange(cut, manifest, shard, ordinal);
  const records: FailureRecord[] = [];
  let counts = point?.counts ?? NO_ROWS;
  for await (const block of readBatch(ports.objects, pieces, point?.offset ?? 0)) {
    for (const text of block.texts) {
      const line = parsed(text);
      const failure = line?.o === 'i' ? invalidRow(line) : { ...DEAD_ROW, isPerhapsHeld: !isInsert };
      const record = line === undefined ? undefined : failureRecord(line, failure, epoch);
      // Without a key there is nothing to record; `invalid` is the one kind that need not be.
      counts = addCounts(counts, record?.kind === 'dead' ? ONE_DEAD : ONE_INVALID);
      if (record !== undefined) records.push(record);
    }
  }
  return { counts, records };
}

const ONE_DEAD: Counts = { ...NO_ROWS, rows: 1, dead: 1 };
const ONE_INVALID: Counts = { ...NO_ROWS, rows: 1, invalid: 1 };

const invalidRow = ({ e }: StageLine): RowFailure => {
  const code = e ?? 'invalid_row';
  return { kind: 'invalid', code, reason: stageReason(code), isPermanent: false };
};

/** It was tried a thousand times: the destination may hold it. */
const DEAD_ROW: RowFailure = {
  kind: 'dead',
  code: 'dead_letter',
  reason: 'its batch came to the dead-letter queue',
  isPermanent: false,
};

function parsed(text: string): StageLine | undefined {
  try {
    return JSON.parse(text) as StageLine;
  } catch {
    return undefined;
  }
}
