/**
 * Failure records: one NDJSON line per row of a batch that was not delivered, written before the batch is settled.
 * An object is named by a random delivery id and never overwritten; the failure set of a run is their union, so
 * two loaders of one batch may both record a row, and none can erase what the other knew.
 */
import { ATTEMPTS_MAX, REASON_CHARACTERS_MAX } from '../core/limits.ts';
import type { BatchMessage } from '../core/message.ts';
import { failureObjectKey } from '../core/names.ts';
import type { FailureRecord, StageLine } from '../core/stage.ts';
import type { LoaderPorts } from '../ports.ts';

export type RowFailure = {
  readonly kind: FailureRecord['kind'];
  readonly code: string;
  readonly reason: string;
  /** The same row would fail again unchanged: not tried before its value, the mapping or the fields change. */
  readonly isPermanent: boolean;
  /**
   * True: a call for the row may have taken effect, so a later removal must delete it. False, for inserts: a row that
   * is taken for held counts as changed in the next run, and insert mode skips it. Else as the stage line says.
   */
  readonly isPerhapsHeld?: boolean | undefined;
};

/** What a record needs of a stage line; a line that cannot be parsed still has its key. */
export type FailedLine = Pick<StageLine, 'k' | 'f' | 'n' | 'x'>;

/** Undefined for a row without a key: it is counted, there is nothing to find it by. */
export function failureRecord(
  line: FailedLine,
  failure: RowFailure,
  epoch: number,
): FailureRecord | undefined {
  if (line.k === null) return undefined;
  const attempts = attemptsOf(line.n) + 1;
  const isUsedUp = failure.kind !== 'invalid' && attempts >= ATTEMPTS_MAX;
  return {
    row_key: line.k,
    fingerprint: line.f,
    kind: failure.kind,
    code: failure.code,
    attempts: String(attempts),
    quarantined: failure.isPermanent || isUsedUp ? '1' : '0',
    applied: (failure.isPerhapsHeld ?? line.x === '1') ? '1' : '0',
    since_epoch: String(epoch),
    reason: failure.reason.slice(0, REASON_CHARACTERS_MAX),
  };
}

/** Writes one failure object; nothing when there are no records. */
export async function writeFailures(
  { objects, ids }: Pick<LoaderPorts, 'objects' | 'ids'>,
  { syncId, epoch, shard, ordinal }: BatchMessage,
  records: readonly FailureRecord[],
): Promise<void> {
  if (records.length === 0) return;
  const key = failureObjectKey(syncId, epoch, { shard, ordinal }, ids.next(), records.length);
  await objects.put(key, records.map((record) => `${JSON.stringify(record)}\n`).join(''));
}

const attemptsOf = (text: string): number => (/^\d{1,6}$/.test(text) ? Number(text) : 0);
