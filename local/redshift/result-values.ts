/**
 * DuckDB's types and values as the Data API gives them: Redshift's type names, and one tagged field for each value.
 */
import { type DuckDBType, DuckDBTypeId, type DuckDBValue } from '@duckdb/node-api';

const NAMES: Partial<Record<DuckDBTypeId, string>> = {
  [DuckDBTypeId.BOOLEAN]: 'bool',
  [DuckDBTypeId.TINYINT]: 'int2',
  [DuckDBTypeId.UTINYINT]: 'int2',
  [DuckDBTypeId.SMALLINT]: 'int2',
  [DuckDBTypeId.USMALLINT]: 'int4',
  [DuckDBTypeId.INTEGER]: 'int4',
  [DuckDBTypeId.UINTEGER]: 'int8',
  [DuckDBTypeId.BIGINT]: 'int8',
  [DuckDBTypeId.UBIGINT]: 'numeric',
  [DuckDBTypeId.HUGEINT]: 'numeric',
  [DuckDBTypeId.UHUGEINT]: 'numeric',
  [DuckDBTypeId.DECIMAL]: 'numeric',
  [DuckDBTypeId.FLOAT]: 'float4',
  [DuckDBTypeId.DOUBLE]: 'float8',
  [DuckDBTypeId.VARCHAR]: 'varchar',
  [DuckDBTypeId.BLOB]: 'varbyte',
  [DuckDBTypeId.DATE]: 'date',
  [DuckDBTypeId.TIME]: 'time',
  [DuckDBTypeId.TIME_TZ]: 'timetz',
  [DuckDBTypeId.TIMESTAMP]: 'timestamp',
  [DuckDBTypeId.TIMESTAMP_S]: 'timestamp',
  [DuckDBTypeId.TIMESTAMP_MS]: 'timestamp',
  [DuckDBTypeId.TIMESTAMP_NS]: 'timestamp',
  [DuckDBTypeId.TIMESTAMP_TZ]: 'timestamptz',
  [DuckDBTypeId.INTERVAL]: 'intervald2s',
  [DuckDBTypeId.LIST]: 'super',
  [DuckDBTypeId.ARRAY]: 'super',
  [DuckDBTypeId.STRUCT]: 'super',
  [DuckDBTypeId.MAP]: 'super',
  [DuckDBTypeId.UUID]: 'varchar',
  [DuckDBTypeId.SQLNULL]: 'varchar',
};

/** Redshift's name of a type, as in `ColumnMetadata.typeName`; JSON is how SUPER is stored here. */
export function redshiftType(type: DuckDBType): string {
  if (type.alias?.toLowerCase() === 'json' || type.alias?.toLowerCase() === 'super') return 'super';
  return NAMES[type.typeId] ?? 'varchar';
}

export type Field =
  | { readonly isNull: true }
  | { readonly booleanValue: boolean }
  | { readonly longValue: number }
  | { readonly doubleValue: number }
  | { readonly stringValue: string };

/** One value as the Data API's field, as text of JSON: a 64-bit integer keeps its digits on the wire. */
export function fieldJson(value: DuckDBValue): string {
  if (value === null) return '{"isNull":true}';
  if (typeof value === 'string') return `{"stringValue":${JSON.stringify(value)}}`;
  if (typeof value === 'boolean') return `{"booleanValue":${value}}`;
  if (typeof value === 'bigint') return `{"longValue":${value}}`;
  if (typeof value === 'number') {
    if (Number.isInteger(value)) return `{"longValue":${value}}`;
    return Number.isFinite(value) ? `{"doubleValue":${value}}` : `{"doubleValue":"${value}"}`;
  }
  return `{"stringValue":${JSON.stringify(value.toString())}}`;
}
