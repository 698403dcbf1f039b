/**
 * What the server says of a table: its columns with their types, and which column alone names a record.
 */
import type pg from 'pg';
import { Fault } from '../core/fault.ts';
import type { PostgresSettings, PostgresTarget } from './postgres-settings.ts';

export type Column = {
  readonly name: string;
  /** For people: `numeric(12,2)`. */
  readonly type: string;
  /** The type to cast a text to, without length: a cast to varchar(5) would cut silently, an assignment refuses. */
  readonly castType: string;
  readonly isJson: boolean;
  readonly isArray: boolean;
  readonly required: boolean;
  readonly generated: boolean;
};
export type Table = {
  /** Quoted, ready for a statement. */
  readonly name: string;
  readonly columns: ReadonlyMap<string, Column>;
  /** Columns with a unique index of their own: valid, immediate, without a condition. */
  readonly unique: ReadonlySet<string>;
  /** The user may insert, update or delete. */
  readonly writable: boolean;
};

export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const COLUMNS_SQL = `
WITH RECURSIVE base AS (
  SELECT a.attnum, t.oid, t.typtype, t.typbasetype, t.typcategory
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
  WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT b.attnum, t.oid, t.typtype, t.typbasetype, t.typcategory
  FROM base b JOIN pg_type t ON t.oid = b.typbasetype
  WHERE b.typtype = 'd'
)
SELECT a.attname AS name,
       format_type(a.atttypid, a.atttypmod) AS type,
       format_type(b.oid, -1) AS cast_type,
       b.oid IN ('json'::regtype, 'jsonb'::regtype) AS is_json,
       b.typcategory = 'A' AS is_array,
       a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AS required,
       a.attgenerated <> '' OR a.attidentity = 'a' AS generated,
       EXISTS (
         SELECT FROM pg_index i
         WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indisvalid AND i.indimmediate
           AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum
       ) AS is_unique
FROM pg_attribute a JOIN base b ON b.attnum = a.attnum AND b.typtype <> 'd'
WHERE a.attrelid = $1
ORDER BY a.attnum`;

const TABLE_SQL = `
SELECT c.oid::text AS oid, has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE') AS writable
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p')`;

type ColumnRow = {
  name: string;
  type: string;
  cast_type: string;
  is_json: boolean;
  is_array: boolean;
  required: boolean;
  generated: boolean;
  is_unique: boolean;
};

/** Reads the table; `config` Fault `table_not_found` when there is none that the user can see. */
export async function readTable(
  client: pg.Client,
  settings: PostgresSettings,
  target: PostgresTarget,
): Promise<Table> {
  const [first = '', second] = target.object.split('.');
  const schema = second === undefined ? settings.schema : first;
  const table = second ?? first;
  const found = await client.query<{ oid: string; writable: boolean }>(TABLE_SQL, [schema, table]);
  const [row] = found.rows;
  if (row === undefined) throw tableNotFound(schema, table);
  const { rows } = await client.query<ColumnRow>(COLUMNS_SQL, [row.oid]);
  return {
    name: `${quoted(schema)}.${quoted(table)}`,
    columns: new Map(rows.map((column) => [column.name, columnOf(column)])),
    unique: new Set(rows.filter((column) => column.is_unique).map(({ name }) => name)),
    writable: row.writable,
  };
}

const columnOf = (row: ColumnRow): Column => ({
  name: row.name,
  type: row.type,
  castType: row.cast_type,
  isJson: row.is_json,
  isArray: row.is_array,
  required: row.required,
  generated: row.generated,
});

/** A column to write; `config` Faults `column_not_found` and `column_generated`. */
export function writtenColumn(table: Table, name: string): Column {
  const column = columnNamed(table, name);
  if (!column.generated) return column;
  throw new Fault('config', 'column_generated', `${table.name} generates column ${name} itself`, {
    remedy: 'Leave this field out.',
    path: 'fields',
  });
}

/** The column that names a record; `config` Fault `match_not_unique` when two rows could share its value. */
export function matchColumn(table: Table, matchOn: string): Column {
  const column = columnNamed(table, matchOn);
  if (table.unique.has(matchOn)) return column;
  throw new Fault(
    'config',
    'match_not_unique',
    `${matchOn} of ${table.name} has no unique index of its own`,
    {
      remedy: `Create one: CREATE UNIQUE INDEX ON ${table.name} (${quoted(matchOn)}).`,
      path: 'destination.matchOn',
    },
  );
}

function columnNamed(table: Table, name: string): Column {
  const column = table.columns.get(name);
  if (column !== undefined) return column;
  throw new Fault('config', 'column_not_found', `${table.name} has no column ${name}`, {
    remedy: 'Check `fields`; names are spelled as in the catalog, upper and lower case differ.',
    path: 'fields',
  });
}

function tableNotFound(schema: string, table: string): Fault {
  return new Fault('config', 'table_not_found', `there is no table ${table} in schema ${schema}`, {
    remedy: 'Check `destination.object`, and that the user of the secret may see the schema.',
    path: 'destination.object',
  });
}
