/**
 * SQL of the checks: what a run needs of the warehouse, tried on one row of nothing. Every statement either changes
 * nothing or drops in the same transaction what it made.
 */

import { addressLiteral, quoted } from './sql-text.ts';
import type { UnloadSettings } from './stage-sql.ts';

/** Who the engine is there, and after how many milliseconds its statements are cut off (0: never). */
export const IDENTITY_SQL =
  "select cast(current_user as varchar(128)) as who, cast(current_setting('statement_timeout') as varchar(32)) as cut_off";

const PROBE = quoted('tailrace_probe');

/** Every extraction works in temporary tables. */
export const TEMPORARY_TABLE_SQL: readonly string[] = [
  `create temp table ${PROBE} (n integer)`,
  `drop table ${PROBE}`,
];

/** Snapshots and deltas lie there. The name is the probe's own, so two checks do not meet. */
export function engineSchemaSql(schema: string, probeId: string): readonly string[] {
  const table = `${quoted(schema)}.${quoted(`doctor_${probeId}`)}`;
  return [`create table ${table} (n integer)`, `insert into ${table} values (1)`, `drop table ${table}`];
}

/** One row, from a table as an extraction does it: whether UNLOAD takes a query without a table is not documented. */
export function unloadSql(settings: UnloadSettings, prefix: string): readonly string[] {
  return [
    `create temp table ${PROBE} as select cast(1 as integer) as n`,
    [
      `unload ('select n from ${PROBE}')`,
      `to ${addressLiteral(`s3://${settings.bucket}/${prefix}`)}`,
      `iam_role ${addressLiteral(settings.role)}`,
      'format as json',
      'manifest verbose',
      `kms_key_id ${addressLiteral(settings.kmsKeyId)} encrypted`,
    ].join('\n'),
    `drop table ${PROBE}`,
  ];
}

/** The row back again, as a failure set is loaded. */
export function copySql({ bucket, role }: UnloadSettings, prefix: string): readonly string[] {
  return [
    `create temp table ${PROBE} (n integer)`,
    [
      `copy ${PROBE}`,
      `from ${addressLiteral(`s3://${bucket}/${prefix}manifest`)}`,
      `iam_role ${addressLiteral(role)}`,
      `manifest format as json 'auto' compupdate off statupdate off`,
    ].join('\n'),
    `drop table ${PROBE}`,
  ];
}

/** What the warehouse means by a refusal, as far as its words tell. */
export type Refusal =
  | 'absent'
  | 'denied'
  | 'role_not_attached'
  | 'role_not_trusted'
  | 'bucket_refused'
  | 'key_refused'
  | 'other';

const WORDS: readonly (readonly [RegExp, Refusal])[] = [
  [/kms/i, 'key_refused'],
  [/not (?:associated|attached)|not been associated/i, 'role_not_attached'],
  [/not authorized to (?:assume|get credentials)|assumerole/i, 'role_not_trusted'],
  [/S3ServiceException|s3:|access denied.*s3|403/i, 'bucket_refused'],
  [/permission denied|not authorized|insufficient privilege/i, 'denied'],
  [/does not exist|not found/i, 'absent'],
];

/** Reads the warehouse's words; the first that fits, the most telling first. */
export const refusalOf = (text: string): Refusal => WORDS.find(([words]) => words.test(text))?.[1] ?? 'other';
