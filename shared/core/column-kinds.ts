/**
 * What a column's text in the stage means, by its Redshift type. Every value arrives as text or null; the kind
 * says what it becomes when the field asks for nothing else.
 */
import type { Column } from './stage.ts';

export type ColumnKind =
  | 'text'
  | 'exact'
  | 'float'
  | 'boolean'
  | 'timestamp'
  | 'timestamptz'
  /** SUPER: JSON text. */
  | 'json';

const KINDS: Readonly<Record<string, ColumnKind>> = {
  int2: 'exact',
  int4: 'exact',
  int8: 'exact',
  smallint: 'exact',
  integer: 'exact',
  int: 'exact',
  bigint: 'exact',
  oid: 'exact',
  numeric: 'exact',
  decimal: 'exact',
  float4: 'float',
  float8: 'float',
  float: 'float',
  real: 'float',
  'double precision': 'float',
  bool: 'boolean',
  boolean: 'boolean',
  timestamp: 'timestamp',
  'timestamp without time zone': 'timestamp',
  timestamptz: 'timestamptz',
  'timestamp with time zone': 'timestamptz',
  super: 'json',
};

/** The kind of a column; a type we do not know (dates, times, varbyte, geometry) travels as its text. */
export function kindOf(type: string): ColumnKind {
  const bare = type
    .toLowerCase()
    .replace(/\s*\([^)]*\)/, '')
    .trim();
  return Object.hasOwn(KINDS, bare) ? (KINDS[bare] ?? 'text') : 'text';
}

/** The model's column of this name: exactly, or as Redshift folds it. */
export function columnNamed(columns: readonly Column[], name: string): Column | undefined {
  const folded = name.toLowerCase();
  return columns.find((column) => column.name === name) ?? columns.find((column) => column.name === folded);
}
