/**
 * Values as the texts that PostgreSQL reads, by the type of their column. Nothing becomes a JavaScript number here.
 */
import type { Value } from '../core/row.ts';
import type { Column } from './postgres-catalog.ts';

/** The text of a value for a column; null clears it. Objects and arrays outside array columns become JSON. */
export function valueText(value: Value | undefined, column: Column): string | null {
  if (value === null || value === undefined) return null;
  if (column.isJson) return JSON.stringify(value);
  if (column.isArray && Array.isArray(value)) return arrayText(value);
  return scalarText(value);
}

/** False for what no PostgreSQL text can hold: NUL, and halves of surrogate pairs, which would be changed silently. */
export const isStorable = (text: string | null): boolean =>
  text === null || (text.isWellFormed() && !text.includes('\0'));

function scalarText(value: Exclude<Value, null>): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return JSON.isRawJSON(value) ? value.rawJSON : JSON.stringify(value);
}

/** `{"a","b \" c",NULL}`: the manual's section 8.15, every element quoted. */
function arrayText(values: readonly Value[]): string {
  const elements = values.map((value) => {
    if (value === null) return 'NULL';
    if (Array.isArray(value)) return arrayText(value);
    return `"${scalarText(value).replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  });
  return `{${elements.join(',')}}`;
}
