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
import type { Cut, ResumePoint } from '../core/run.ts';
import type { FailureRecord, StageLine } from '../core/stage.ts';
import type { Ports } from '../ports.ts';
import { failureRecord, writeFailures } from './fail-rows.ts';
import { readFrozen, readStageManifest } from './frozen.ts';
import { readBatch } from './read-batch.ts';
import { settleBatch } from './settle-batch.ts';
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
  const { counts, records } = await deadRows(ports, message, sync.cut);
  await writeFailures(ports, message, records);
  await settleBatch(ports, message, sync.cut, counts);
  const { definition } = await readFrozen(ports.objects, syncId, epoch);
  ports.telemetry.count('dead_letters', 1, definition.sync.destination.account);
  ports.telemetry.log('error', 'batch_buried', { ...place, dead: counts.dead });
  return { is: 'buried' };
}

/** Rows before the resume point have their outcome already; the rest is dead, as far as it was not invalid. */
async function deadRows(
  ports: BuryPorts,
  message: BatchMessage,
  cut: Cut,
): Promise<{ readonly counts: Counts; readonly records: readonly FailureRecord[] }> {
  const { syncId, epoch, shard, ordinal } = message;
  const item = await ports.state.read(shardKey(syncId, epoch, shard));
  const resumed = item?.[`p${ordinal}`] as ResumePoint | undefined;
  const manifest = await readStageManifest(ports.objects, syncId, epoch);
  const pieces = batchRange(cut, manifest, shard, ordinal);
  const records: FailureRecord[] = [];
  let counts = resumed?.counts ?? NO_ROWS;
  for await (const block of readBatch(ports.objects, pieces, resumed?.offset ?? 0)) {
    for (const text of block.texts) {
      const { counted, record } = buried(text, epoch);
      counts = addCounts(counts, counted);
      if (record !== undefined) records.push(record);
    }
  }
  return { counts, records };
}

const ONE_DEAD: Counts = { ...NO_ROWS, rows: 1, dead: 1 };
const ONE_INVALID: Counts = { ...NO_ROWS, rows: 1, invalid: 1 };
const BURIED = { kind: 'dead', code: 'dead_letter', isPermanent: false } as const;

function buried(text: string, epoch: number): { counted: Counts; record: FailureRecord | undefined } {
  const line = parsed(text);
  if (line === undefined) return { counted: ONE_DEAD, record: undefined };
  if (line.o === 'i') {
    const failure = { kind: 'invalid', code: line.e ?? 'invalid', reason: '', isPermanent: false } as const;
    return { counted: ONE_INVALID, record: failureRecord(line, failure, epoch) };
  }
  // It was tried a thousand times: the destination may hold it by our hand.
  const reason = 'its batch came to the dead-letter queue';
  return { counted: ONE_DEAD, record: failureRecord({ ...line, x: '1' }, { ...BURIED, reason }, epoch) };
}

function parsed(text: string): StageLine | undefined {
  try {
    return JSON.parse(text) as StageLine;
  } catch {
    return undefined;
  }
}
