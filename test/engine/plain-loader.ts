/**
 * The simplest loader that keeps the protocol: strong read, all rows of the batch in one call, failures before the
 * settle. The engine's tests use it where how a batch is delivered does not matter.
 */
import { batchRange } from '../../shared/core/batches.ts';
import type { BatchMessage } from '../../shared/core/message.ts';
import { type Counts, NO_ROWS } from '../../shared/core/outcomes.ts';
import type { FailureRecord, StageLine } from '../../shared/core/stage.ts';
import { failureRecord, writeFailures } from '../../shared/engine/fail-rows.ts';
import { readStageManifest } from '../../shared/engine/frozen.ts';
import { readBatch } from '../../shared/engine/read-batch.ts';
import { settleBatch } from '../../shared/engine/settle-batch.ts';
import { readSync } from '../../shared/engine/sync-state.ts';
import type { Ports } from '../../shared/ports.ts';
import { ACCOUNT } from '../memory/memory-ports.ts';

/** What the destination holds: key -> the columns of the line that was applied last. */
export type PlainDestination = Map<string, readonly (string | null)[]>;

/** `refuses` says why a row is rejected, or nothing. */
export async function loadPlainly(
  ports: Pick<Ports, 'state' | 'objects' | 'ids' | 'events' | 'clock'>,
  message: BatchMessage,
  destination: PlainDestination,
  refuses: (line: StageLine) => string | undefined = () => undefined,
): Promise<'loaded' | 'dropped'> {
  const { syncId, epoch, shard, ordinal } = message;
  const sync = await readSync(ports.state, syncId);
  if (sync?.epoch !== epoch || sync.phase !== 'loading' || sync.cut === undefined) return 'dropped';
  const manifest = await readStageManifest(ports.objects, syncId, epoch, ACCOUNT.name);
  const counts = { ...NO_ROWS } as { -readonly [name in keyof Counts]: number };
  const records: FailureRecord[] = [];
  for await (const block of readBatch(ports.objects, batchRange(sync.cut, manifest, shard, ordinal), 0)) {
    for (const text of block.texts) {
      const line = JSON.parse(text) as StageLine;
      const record = applied(line, epoch, destination, counts, refuses(line));
      if (record !== undefined) records.push(record);
    }
  }
  await writeFailures(ports, message, records);
  await settleBatch(ports, message, sync.cut, counts);
  return 'loaded';
}

function applied(
  line: StageLine,
  epoch: number,
  destination: PlainDestination,
  counts: { -readonly [name in keyof Counts]: number },
  refusal: string | undefined,
): FailureRecord | undefined {
  counts.rows += 1;
  if (line.o === 'i') {
    counts.invalid += 1;
    const failure = { kind: 'invalid', code: line.e ?? 'invalid', reason: '', isPermanent: false } as const;
    return failureRecord(line, failure, epoch);
  }
  if (refusal !== undefined) {
    counts.rejected += 1;
    const failure = { kind: 'rejected', code: 'refused', reason: refusal, isPermanent: false } as const;
    return failureRecord(line, failure, epoch);
  }
  counts.accepted += 1;
  if (line.o === 'r') destination.delete(line.k ?? '');
  else destination.set(line.k ?? '', columnsOf(line));
  return undefined;
}

const columnsOf = (line: StageLine): readonly (string | null)[] =>
  Object.keys(line)
    .filter((name) => /^c\d+$/.test(name))
    .map((name) => line[name as `c${number}`] ?? null);
