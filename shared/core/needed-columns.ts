/**
 * The columns of the model that a definition speaks of. A column that is not there must not silently empty a field: it
 * ends a run before anything is sent, whoever notices it first.
 */
import { Fault } from './fault.ts';
import type { Column } from './stage.ts';
import { stagedColumns } from './staged-columns.ts';
import type { Sync } from './sync.ts';

/** `path`: where the definition names it. */
export type NeededColumn = { readonly name: string; readonly path: string };

export function neededColumns(sync: Sync): readonly NeededColumn[] {
  const { primaryKey, changes, pii } = sync.model;
  return [
    ...primaryKey.map((name, index) => ({ name, path: `model.primaryKey[${index}]` })),
    ...(changes.by === 'cursor' ? [{ name: changes.column, path: 'model.changes.column' }] : []),
    ...stagedColumns(sync).map((name) => ({ name, path: 'fields' })),
    // A tag that names no column protects nothing.
    ...Object.keys(pii ?? {}).map((name) => ({ name, path: `model.pii.${name}` })),
  ];
}

/** Throws the `config` Fault `column_missing` that names every needed column which `columns` lack. */
export function requireColumns(sync: Sync, columns: readonly Column[]): void {
  const there = new Set(columns.map((column) => folded(column.name)));
  const missing = neededColumns(sync).filter(({ name }) => !there.has(folded(name)));
  if (missing.length > 0) throw columnMissing([...new Set(missing.map(({ name }) => name))], 'model.sql');
}

export function columnMissing(names: readonly string[], path: string): Fault {
  const shown = names.map((name) => `"${name}"`).join(', ');
  return new Fault('config', 'column_missing', `the model has no column ${shown}`, {
    path,
    remedy: 'add it to the model’s SELECT, or take it out of the definition',
  });
}

/** Case does not matter, as in the warehouse. */
export const sameColumn = (a: string, b: string): boolean => folded(a) === folded(b);

const folded = (name: string): string => name.toLowerCase();
