/**
 * The last failure set as records, for a warehouse that cannot read S3: its manifest's files, line by line.
 */
import * as z from 'zod';
import { Fault } from '../core/fault.ts';
import type { FailurePointer } from '../core/run.ts';
import type { FailureRecord } from '../core/stage.ts';
import type { ObjectStore } from '../ports.ts';

const manifestSchema = z.object({ entries: z.array(z.object({ url: z.string() })) });
const flag = z.enum(['0', '1']);
const recordSchema = z.object({
  row_key: z.string(),
  fingerprint: z.string().nullable(),
  kind: z.enum(['rejected', 'invalid', 'dead']),
  code: z.string(),
  attempts: z.string(),
  quarantined: flag,
  applied: flag,
  since_epoch: z.string(),
  reason: z.string(),
});

/** More would not fit into one transaction's statements; `failuresSql` has the exact limit. */
const RECORDS_MAX = 20_000;

/** All records of a failure set, empty for none. Throws `bug` Faults for a manifest or a line that is not ours. */
export async function readFailures(
  objects: ObjectStore,
  failures: FailurePointer | null,
): Promise<readonly FailureRecord[]> {
  if (failures === null || failures.count === 0) return [];
  if (failures.count > RECORDS_MAX) throw tooMany(failures.count);
  const { manifest } = failures;
  const text = await objects.get(manifest.startsWith('s3://') ? objects.keyOf(manifest) : manifest);
  if (text === undefined) throw new Fault('bug', 'failures_missing', `${manifest} is not there`);
  const { entries } = manifestSchema.parse(JSON.parse(text));
  const records: FailureRecord[] = [];
  for (const { url } of entries) {
    const body = await objects.get(objects.keyOf(url));
    if (body === undefined) throw new Fault('bug', 'failures_missing', `${url} is not there`);
    for (const line of body.split('\n')) if (line !== '') records.push(recordSchema.parse(JSON.parse(line)));
  }
  return records;
}

function tooMany(count: number): Fault {
  return new Fault('config', 'failure_set_too_large', `the failure set has ${count} records`, {
    remedy: `By pages at most ${RECORDS_MAX} are loaded: give the warehouse an S3 role, or mend the failing rows.`,
  });
}
