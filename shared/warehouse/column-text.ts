/**
 * One text for each value, exact and the same in every run: integers and decimals to the last digit, timestamps
 * with microseconds, `timestamptz` at UTC with a `Z`, booleans `true` and `false`, SUPER as JSON, bytes in hex.
 * Floats have Redshift's fifteen digits: a model that needs more casts to `numeric`.
 */
import { Fault } from '../core/fault.ts';
import { STAGE_LINE_BYTES_MAX } from '../core/limits.ts';
import type { Column } from '../core/stage.ts';
import { quoted } from './sql-text.ts';

/** A letter each: part of every fingerprint, so that a column that changes its family is sent again. */
export type Family =
  | 'integer'
  | 'decimal'
  | 'float'
  | 'boolean'
  | 'text'
  | 'date'
  | 'time'
  | 'timestamp'
  | 'timestamptz'
  | 'super'
  | 'bytes'
  | 'interval';

const FAMILIES: Readonly<Record<string, Family>> = {
  int2: 'integer',
  int4: 'integer',
  int8: 'integer',
  oid: 'integer',
  numeric: 'decimal',
  float4: 'float',
  float8: 'float',
  bool: 'boolean',
  varchar: 'text',
  bpchar: 'text',
  char: 'text',
  text: 'text',
  name: 'text',
  unknown: 'text',
  date: 'date',
  time: 'time',
  timetz: 'time',
  timestamp: 'timestamp',
  timestamptz: 'timestamptz',
  super: 'super',
  varbyte: 'bytes',
  intervaly2m: 'interval',
  intervald2s: 'interval',
};

/** Letters of the families in the fingerprint; they never change, or every row of every sync would be sent again. */
export const FAMILY_LETTER: Readonly<Record<Family, string>> = {
  integer: 'i',
  decimal: 'n',
  float: 'f',
  boolean: 'b',
  text: 't',
  date: 'd',
  time: 'h',
  timestamp: 's',
  timestamptz: 'z',
  super: 'j',
  bytes: 'x',
  interval: 'v',
};

/** The family of a described column; a `config` Fault for a type that has no text (geometry, sketches). */
export function familyOf(column: Column): Family {
  const family = FAMILIES[column.type];
  if (family === undefined) {
    throw new Fault(
      'config',
      'unsupported_column_type',
      `column "${column.name}" has type ${column.type}, which has no exact text`,
      { remedy: 'Cast it to varchar or super in the model.', path: 'model.sql' },
    );
  }
  return family;
}

const TIMESTAMP_FORMAT = "'YYYY-MM-DD HH24:MI:SS.US'";
/** Wide enough for any text; without it a cast to varchar stops at 256 bytes. */
const TEXT = 'varchar(65535)';

/** SQL that gives the column's canonical text, or null. */
export function columnText(column: Column): string {
  const name = quoted(column.name);
  switch (familyOf(column)) {
    case 'text':
      return column.type === 'varchar' ? name : `cast(${name} as ${TEXT})`;
    case 'boolean':
      return `case when ${name} then 'true' when not ${name} then 'false' end`;
    case 'date':
      return `to_char(${name}, 'YYYY-MM-DD')`;
    case 'timestamp':
      return `to_char(${name}, ${TIMESTAMP_FORMAT})`;
    case 'timestamptz':
      return `to_char(${name} at time zone 'UTC', ${TIMESTAMP_FORMAT}) || 'Z'`;
    case 'super':
      // An oversized value would fail the statement; its row is invalid by `oversizedSuper`.
      return `case when json_size(${name}) <= ${STAGE_LINE_BYTES_MAX} then json_serialize(${name}) end`;
    case 'bytes':
      return `from_varbyte(${name}, 'hex')`;
    default:
      return `cast(${name} as varchar)`;
  }
}

/** A condition that says "this SUPER value is too large for a line", or undefined for other types. */
export function oversizedSuper(column: Column): string | undefined {
  return column.type === 'super' ? `json_size(${quoted(column.name)}) > ${STAGE_LINE_BYTES_MAX}` : undefined;
}
