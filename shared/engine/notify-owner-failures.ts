/**
 * Why rows are not delivered, counted from the failure records that SYNC points to: at most some megabytes of them, each
 * key once. Keys stay in here; what is given back holds counts, codes of ours and names of the definition.
 */
import { asFault } from '../core/fault.ts';
import { OWNER_FAILURE_BYTES_MAX, OWNER_FAILURE_OBJECTS_MAX } from '../core/limits.ts';
import { type FailureReason, tellable } from '../core/owner-words.ts';
import type { FailurePointer } from '../core/run.ts';
import { copyManifestSchema, type FailureRecord } from '../core/stage.ts';
import type { Sync } from '../core/sync.ts';
import type { Ports } from '../ports.ts';

export type FailureCounts = {
  /** Largest first. */
  readonly reasons: readonly FailureReason[];
  /** Rows that were counted. */
  readonly rows: number;
  /** There are records that were not read. */
  readonly isPartial: boolean;
};

/** Never throws: an owner is told without reasons rather than not at all. */
export async function countFailures(
  ports: Pick<Ports, 'objects' | 'telemetry'>,
  sync: Sync,
  pointer: FailurePointer,
): Promise<FailureCounts> {
  const seen = new Set<string>();
  const reasons = new Map<string, FailureReason>();
  try {
    const { files, isPartial } = await filesOf(ports, pointer);
    for (const file of files) {
      for await (const record of recordsOf(ports, file)) {
        if (seen.has(record.row_key)) continue;
        seen.add(record.row_key);
        add(reasons, tellable(record, sync));
      }
    }
    return { reasons: largestFirst(reasons), rows: seen.size, isPartial };
  } catch (error) {
    const fault = asFault(error).code;
    ports.telemetry.log('warn', 'failures_not_read', { syncId: sync.syncId, fault });
    return { reasons: largestFirst(reasons), rows: seen.size, isPartial: true };
  }
}

type File = { readonly key: string; readonly bytes: number; readonly isWhole: boolean };

/** Whole files up to the limits; of a first one that is too large, its beginning. */
async function filesOf(
  { objects }: Pick<Ports, 'objects'>,
  { manifest }: FailurePointer,
): Promise<{ readonly files: readonly File[]; readonly isPartial: boolean }> {
  const { entries } = copyManifestSchema.parse(JSON.parse((await objects.get(manifest)) ?? ''));
  const files: File[] = [];
  let leftBytes = OWNER_FAILURE_BYTES_MAX;
  for (const { url, meta } of entries.slice(0, OWNER_FAILURE_OBJECTS_MAX)) {
    if (leftBytes <= 0) return { files, isPartial: true };
    const bytes = Math.min(meta.content_length, leftBytes);
    files.push({ key: objects.keyOf(url), bytes, isWhole: bytes === meta.content_length });
    leftBytes -= meta.content_length;
  }
  return { files, isPartial: leftBytes < 0 || entries.length > OWNER_FAILURE_OBJECTS_MAX };
}

type Read = Pick<FailureRecord, 'row_key' | 'kind' | 'code'> & { readonly reason?: string | null };

async function* recordsOf(
  { objects }: Pick<Ports, 'objects'>,
  { key, bytes, isWhole }: File,
): AsyncGenerator<Read> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const block of objects.range(key, 0, bytes)) {
    const lines = (rest + decoder.decode(block, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') yield JSON.parse(line) as Read;
  }
  // A file's end ends a line; of a file that was cut the last line is a part of one.
  if (isWhole && rest !== '') yield JSON.parse(rest) as Read;
}

function add(reasons: Map<string, FailureReason>, told: Omit<FailureReason, 'rows'>): void {
  const name = JSON.stringify([told.kind, told.code, told.field]);
  reasons.set(name, { ...told, rows: (reasons.get(name)?.rows ?? 0) + 1 });
}

const largestFirst = (reasons: ReadonlyMap<string, FailureReason>): readonly FailureReason[] =>
  [...reasons.values()].toSorted((a, b) => b.rows - a.rows || (a.code < b.code ? -1 : 1));
