/**
 * Which rows failed and why, read as an operator would: the failure set that SYNC points to, from the staging bucket.
 */
import { GetObjectCommand, paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
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

const KEYS_MAX = 2;

type Bucket = { readonly s3: S3Client; readonly bucket: string };

/**
 * The failure set of a sync's last committed run, grouped by reason, largest first. A key that was carried from an earlier
 * run has left its reason there: reasons are for people and do not travel through the warehouse.
 */
export async function readFailures(
  place: Bucket,
  { syncId, failures }: SyncState,
): Promise<readonly FailureGroup[]> {
  if (failures === null || failures === undefined) return [];
  const reasons = await reasonsOf(place, syncId);
  const manifest = JSON.parse(await read(place, failures.manifest)) as CopyManifest;
  const groups = new Map<string, FailureGroup>();
  const seen = new Set<string>();
  for (const { url } of manifest.entries) {
    for (const record of await records(place, url.slice(`s3://${place.bucket}/`.length))) {
      const { kind, code } = record;
      const reason = reasons.get(`${kind} ${code}`) ?? '';
      add(groups, seen, syncId, { ...record, reason });
    }
  }
  return [...groups.values()].toSorted((a, b) => b.rows - a.rows);
}

/** What was said of each code when it was first met, from the failure objects of all runs. */
async function reasonsOf(place: Bucket, syncId: string): Promise<ReadonlyMap<string, string>> {
  const reasons = new Map<string, string>();
  const pages = paginateListObjectsV2(
    { client: place.s3 },
    { Bucket: place.bucket, Prefix: `kept/${syncId}/` },
  );
  for await (const { Contents = [] } of pages) {
    const objects = Contents.filter(({ Key }) => Key?.includes('/failures/') && Key.endsWith('.ndjson'));
    for (const { Key = '' } of objects) {
      for (const { kind, code, reason } of await records(place, Key)) {
        if (reason !== '' && !reasons.has(`${kind} ${code}`)) reasons.set(`${kind} ${code}`, reason);
      }
    }
  }
  return reasons;
}

async function records(place: Bucket, key: string): Promise<readonly FailureRecord[]> {
  const lines = (await read(place, key)).split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as FailureRecord);
}

async function read({ s3, bucket }: Bucket, key: string): Promise<string> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  return (await Body?.transformToString('utf8')) ?? '';
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
  groups.set(name, { ...before, rows: before.rows + 1, keys });
}
