/**
 * The last failure set as a temporary table, one row a key. It holds at least what the last flip wrote: a line
 * too few fails the transaction, because a key forgotten here would never be tried again.
 */
import { Fault } from '../core/fault.ts';
import { SQL_BYTES_MAX } from '../core/limits.ts';
import type { FailureRecord } from '../core/stage.ts';
import { addressLiteral, textLiteral } from './sql-text.ts';

/** Temporary tables are named so that no table of the user's is hidden by one. */
export const FAILED = '"tailrace_failed"';
const FAILED_LINES = '"tailrace_failed_lines"';

const COLUMNS = [
  'row_key varchar(2048)',
  'fingerprint varchar(64)',
  'kind varchar(16)',
  'code varchar(400)',
  'attempts varchar(11)',
  'quarantined varchar(1)',
  'applied varchar(1)',
  'since_epoch varchar(20)',
] as const;
const NAMES = COLUMNS.map((column) => column.split(' ')[0]);

/** Statements of a paged load: more would leave no room for the others among forty. */
const CHUNKS_MAX = 8;
const CHUNK_BYTES = SQL_BYTES_MAX - 5_000;

export type FailureSource =
  | { readonly is: 'none' }
  | { readonly is: 'manifest'; readonly url: string; readonly role: string; readonly count: number }
  | { readonly is: 'records'; readonly records: readonly FailureRecord[]; readonly count: number };

/** Statements that load the set, prove its size and keep one row for each key. */
export function failuresSql(source: FailureSource): string[] {
  const create = `create temp table ${FAILED_LINES} (\n  ${COLUMNS.join(',\n  ')}\n)`;
  return [create, ...loadSql(source), ...assertSql(source), dedupeSql()];
}

function loadSql(source: FailureSource): string[] {
  if (source.is === 'none') return [];
  if (source.is === 'records') return chunksSql(source.records);
  return [
    [
      `copy ${FAILED_LINES}`,
      `from ${addressLiteral(source.url)}`,
      `iam_role ${addressLiteral(source.role)}`,
      `manifest format as json 'auto' compupdate off statupdate off`,
    ].join('\n'),
  ];
}

/** A word that is not a number fails the cast, and with it the transaction. */
function assertSql(source: FailureSource): string[] {
  if (source.is === 'none') return [];
  const wrong = `case when count(*) = ${Math.trunc(source.count)} then '1' else 'failure_set_mismatch' end`;
  return [`select cast(${wrong} as integer) as complete from ${FAILED_LINES}`];
}

/** Two deliveries of one batch may both have recorded a key: the more eager to try again wins. */
function dedupeSql(): string {
  const row = `row_number() over (partition by row_key order by quarantined, attempts desc, kind, code)`;
  const kept = NAMES.map((name) => (name === 'applied' ? 'ever as applied' : name));
  return [
    `create temp table ${FAILED} as`,
    `select ${kept.join(', ')} from (`,
    `select ${NAMES.join(', ')}, max(applied) over (partition by row_key) as ever, ${row} as place`,
    `from ${FAILED_LINES} where row_key is not null`,
    `) as numbered where place = 1`,
  ].join('\n');
}

function chunksSql(records: readonly FailureRecord[]): string[] {
  const head = `insert into ${FAILED_LINES} (${NAMES.join(', ')}) values\n`;
  const chunks: string[] = [];
  let text = '';
  for (const record of records) {
    const row = rowOf(record);
    if (text !== '' && head.length + text.length + row.length > CHUNK_BYTES) {
      chunks.push(head + text);
      text = '';
    }
    text += text === '' ? row : `,\n${row}`;
  }
  if (text !== '') chunks.push(head + text);
  if (chunks.length > CHUNKS_MAX) throw tooMany(records.length);
  return chunks;
}

function rowOf(record: FailureRecord): string {
  const values = [
    record.row_key,
    record.fingerprint,
    record.kind,
    record.code,
    record.attempts,
    record.quarantined,
    record.applied,
    record.since_epoch,
  ];
  return `(${values.map((value) => (value === null ? 'null' : textLiteral(value))).join(', ')})`;
}

function tooMany(records: number): Fault {
  return new Fault('config', 'failure_set_too_large', `the failure set has ${records} records`, {
    remedy: `Give the warehouse an S3 role (UNLOAD has no such limit), or mend or skip the failing rows: by pages at most ${CHUNKS_MAX} statements of ${CHUNK_BYTES} bytes are loaded.`,
  });
}
