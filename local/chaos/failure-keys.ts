/** The keys that a sync's failure set records as parked: calls whose answer was lost, for a person to look at. */
import { GetObjectCommand } from '@aws-sdk/client-s3';
import type { CopyManifest, FailureRecord } from '../../shared/core/stage.ts';
import { readSyncs } from '../demo/observe.ts';
import type { Field } from './field.ts';

export async function parkedKeys(field: Field, syncId: string): Promise<ReadonlySet<number>> {
  const sync = (await readSyncs(field.state)).find((one) => one.syncId === syncId);
  const pointer = sync?.failures ?? null;
  if (pointer === null) return new Set();
  const manifest = JSON.parse(await read(field, pointer.manifest)) as CopyManifest;
  const parked = new Set<number>();
  for (const { url } of manifest.entries) {
    const text = await read(field, new URL(url).pathname.slice(1));
    const records = text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as FailureRecord);
    for (const { row_key: key, code } of records) if (code === 'unknown_outcome') parked.add(Number(key));
  }
  return parked;
}

async function read({ s3, services }: Field, Key: string): Promise<string> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: services.outputs.StagingBucket, Key }));
  return (await Body?.transformToString('utf8')) ?? '';
}
