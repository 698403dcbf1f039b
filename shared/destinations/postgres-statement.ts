/**
 * The statements of the `postgres` destination. Values travel as one text array per column (`unnest`), so that a
 * statement has as many parameters as columns and the server makes the types: digits are never a JavaScript number.
 *
 * A text is cast to the column's type without its length, then assigned: the assignment refuses what is too long,
 * where a cast would cut it. Rows come sorted by the match value and are locked in that order, so that two
 * statements cannot wait for each other.
 */
import type { Operation } from '../core/row.ts';
import { type Column, quoted, type Table } from './postgres-catalog.ts';

/** `columns[0]` is the match column; parameter i is the array of texts of column i. */
export type Shape = { readonly table: Table; readonly columns: readonly Column[] };

/** One statement for all rows. What it answers: upsert and insert a row count, update `n` of each row it found. */
export function statement(operation: Operation, shape: Shape): string {
  if (operation === 'update') return updateText(shape);
  if (operation === 'delete') return deleteText(shape);
  const set = assignments(shape, ({ name }) => `excluded.${quoted(name)}`);
  return [
    `INSERT INTO ${shape.table.name} (${shape.columns.map(({ name }) => quoted(name)).join(', ')})`,
    `SELECT ${shape.columns.map(cast).join(', ')} FROM ${source(shape)} ORDER BY u.n`,
    `ON CONFLICT (${matchName(shape)}) ${operation === 'insert' ? 'DO NOTHING' : `DO UPDATE SET ${set}`}`,
  ].join('\n');
}

/**
 * After an insert that met existing records: `n` and whether the record holds exactly what we would have inserted,
 * which makes a repeat of an insert whose answer was lost succeed. The texts go through the column's full type, as
 * the insert's own assignment does.
 */
export function comparison(shape: Shape): string {
  const assigned = (column: Column, index: number): string => `${cast(column, index)}::${column.type}`;
  const same = shape.columns.map(
    (column, index) => `t.${quoted(column.name)}::text IS NOT DISTINCT FROM ${assigned(column, index)}::text`,
  );
  return [
    `SELECT u.n::int AS n, ${same.join(' AND ')} AS same`,
    `FROM ${source(shape)} JOIN ${shape.table.name} AS t`,
    `ON t.${matchName(shape)} = ${shape.columns.slice(0, 1).map(assigned).join()}`,
  ].join('\n');
}

function updateText(shape: Shape): string {
  return [
    held(shape),
    `UPDATE ${shape.table.name} AS t SET ${assignments(shape, (_column, index) => `held.c${index}`)}`,
    `FROM held WHERE t.${matchName(shape)} = held.c0 RETURNING held.n::int AS n`,
  ].join('\n');
}

function deleteText(shape: Shape): string {
  return [
    held(shape),
    `DELETE FROM ${shape.table.name} AS t USING held WHERE t.${matchName(shape)} = held.c0`,
  ].join('\n');
}

/** The records that exist, locked in the order of `n`. Our own names only: a table may have a column called n. */
function held(shape: Shape): string {
  const values = shape.columns.map((column, index) => `${cast(column, index)} AS c${index}`);
  return [
    `WITH input AS (SELECT u.n, ${values.join(', ')} FROM ${source(shape)}),`,
    `held AS (SELECT input.* FROM ${shape.table.name} AS t JOIN input`,
    `ON t.${matchName(shape)} = input.c0 ORDER BY input.n FOR UPDATE OF t)`,
  ].join('\n');
}

function source({ columns }: Shape): string {
  const parameters = columns.map((_column, index) => `$${index + 1}::text[]`).join(', ');
  const names = columns.map((_column, index) => `c${index}`).join(', ');
  return `unnest(${parameters}) WITH ORDINALITY AS u (${names}, n)`;
}

/** With nothing to set but the match column, it is set to itself: the record is touched and counted. */
function assignments({ columns }: Shape, value: (column: Column, index: number) => string): string {
  const all = columns.map((column, index) => `${quoted(column.name)} = ${value(column, index)}`);
  return (all.length > 1 ? all.slice(1) : all).join(', ');
}

const cast = (column: Column, index: number): string => `u.c${index}::${column.castType}`;
const matchName = ({ columns }: Shape): string => quoted(columns[0]?.name ?? '');
