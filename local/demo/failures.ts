/**
 * Which rows failed and why, read as an operator would: the failure set that SYNC points to, from the staging bucket.
 */
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { SyncState } from '../../shared/core/run.ts';
import type { CopyManifest, FailureRecord } from '../../shared/core/stage.ts';

/** Failed rows of one sync that share a reason. */
export type FailureGroup = {
  readonly sync: string;
  readonly kind: FailureRecord['kind'];
  readonly code: string;
  readonly reason: string;
  readonly rows: number;
  /** A few of their keys. */
  readonly keys: readonly string[];
};

const KEYS_MAX = 3;

/** The failure set of a sync's last committed run, grouped by reason, largest first. */
export async function readFailures(
  { s3, bucket }: { readonly s3: S3Client; readonly bucket: string },
  { syncId, failures }: SyncState,
): Promise<readonly FailureGroup[]> {
  if (failures === null || failures === undefined) return [];
  const read = async (key: string): Promise<string> => {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    return (await Body?.transformToString('utf8')) ?? '';
  };
  const manifest = JSON.parse(await read(failures.manifest)) as CopyManifest;
  const groups = new Map<string, FailureGroup>();
  const seen = new Set<string>();
  for (const { url } of manifest.entries) {
    const lines = (await read(url.slice(`s3://${bucket}/`.length))).split('\n').filter((line) => line !== '');
    for (const line of lines) add(groups, seen, syncId, JSON.parse(line) as FailureRecord);
  }
  return [...groups.values()].toSorted((a, b) => b.rows - a.rows);
}

/** A key may be recorded twice, by two deliveries of its batch: it is one row. */
function add(
  groups: Map<string, FailureGroup>,
  seen: Set<string>,
  sync: string,
  record: FailureRecord,
): void {
  const { row_key: key, kind, code, reason } = record;
  if (seen.has(key)) return;
  seen.add(key);
  const name = `${kind} ${code}`;
  const before = groups.get(name) ?? { sync, kind, code, reason, rows: 0, keys: [] };
  const keys = before.keys.length < KEYS_MAX ? [...before.keys, key] : before.keys;
  groups.set(name, { ...before, reason: reason ?? before.reason, rows: before.rows + 1, keys });
}
