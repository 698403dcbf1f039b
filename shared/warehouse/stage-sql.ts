/**
 * How the stage leaves the warehouse: two UNLOADs (lines, carried records), or SELECTs of the same columns that the
 * extractor pages. Neither holds a parameter: one inside UNLOAD's quoted text would not be bound.
 */
import { carriedPrefix, stagePrefix } from '../core/names.ts';
import { stageNames, WORK } from './delta-sql.ts';
import { FAILED } from './failures-sql.ts';
import type { Plan } from './plan.ts';
import { addressLiteral, quoted } from './sql-text.ts';

export type UnloadSettings = {
  readonly bucket: string;
  /** The role by which the warehouse itself writes S3, limited to the staging prefix. */
  readonly role: string;
  readonly kmsKeyId: string;
};

/** SELECTs by which the lines are paged, by hash of the key. A statement's result stops at 500 MB. */
export const PAGE_SLICES = 4;
const SLICE_BYTES_MAX = 400_000_000;

const CARRIED = '"tailrace_carried"';
const CARRIED_NAMES = [
  'row_key',
  'fingerprint',
  'kind',
  'code',
  'attempts',
  'quarantined',
  'applied',
  'since_epoch',
  'reason',
].map(quoted);

/** Small enough that a range read never waits for much, large enough that a million rows are a few files. */
const FILE_MEGABYTES = 64;

/** Carried records as a table, then both unloads. */
export function unloadSql(plan: Plan, settings: UnloadSettings): string[] {
  const { syncId, destination } = plan.sync;
  const { epoch } = plan.request;
  const unload = (select: string, prefix: string): string =>
    [
      `unload ('${select}')`,
      `to ${addressLiteral(`s3://${settings.bucket}/${prefix}`)}`,
      `iam_role ${addressLiteral(settings.role)}`,
      `format as json`,
      `manifest verbose`,
      `kms_key_id ${addressLiteral(settings.kmsKeyId)} encrypted`,
      `maxfilesize ${FILE_MEGABYTES} mb`,
    ].join('\n');
  return [
    carriedSql(),
    unload(
      `select ${stageNames(plan).join(', ')} from ${WORK} where s = 1`,
      stagePrefix(syncId, epoch, destination.account),
    ),
    unload(`select ${CARRIED_NAMES.join(', ')} from ${CARRIED}`, carriedPrefix(syncId, epoch)),
  ];
}

/** Proof of the size, then one SELECT a slice and one of the carried records. */
export function pagesSql(plan: Plan): string[] {
  const slice = `abs(mod(fnv_hash(coalesce(k, '')), ${PAGE_SLICES}))`;
  const wrong = `case when coalesce(max(z), 0) <= ${SLICE_BYTES_MAX} then '1' else 'slice_over_limit' end`;
  const select = (index: number): string =>
    `select ${stageNames(plan).join(', ')} from ${WORK} where s = 1 and ${slice} = ${index}`;
  return [
    carriedSql(),
    `select cast(${wrong} as integer) as fits from (select sum(z) as z from ${WORK} where s = 1 group by ${slice}) as sums`,
    ...Array.from({ length: PAGE_SLICES }, (_, index) => select(index)),
    `select ${CARRIED_NAMES.join(', ')} from ${CARRIED}`,
  ];
}

function carriedSql(): string {
  const names = CARRIED_NAMES.slice(0, -1).map((name) => `x.${name}`);
  return [
    `create temp table ${CARRIED} as`,
    `select ${names.join(', ')}, cast('' as varchar(1)) as reason`,
    `from ${FAILED} as x join ${WORK} as g on g.k = x.row_key and g.o = 'k'`,
  ].join('\n');
}
