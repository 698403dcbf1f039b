/**
 * What an extraction is about, resolved once: which columns, which tables, what is kept in the warehouse.
 * Everything that can be wrong between a definition and the described model is a `config` Fault here, before any
 * statement is sent.
 */
import { Fault } from '../core/fault.ts';
import { columnMissing, neededColumns, sameColumn } from '../core/needed-columns.ts';
import type { Column } from '../core/stage.ts';
import { matchColumns, stagedColumns } from '../core/staged-columns.ts';
import { removedPolicy, type Sync } from '../core/sync.ts';
import type { ExtractionRequest } from '../ports.ts';
import { familyOf } from './column-text.ts';
import { quoted } from './sql-text.ts';
import { modelText } from './sql-tokens.ts';

/** Columns that one matchOn field may be made of: the snapshot has this many places for them. */
export const MATCH_COLUMNS_MAX = 4;

export type Plan = {
  readonly request: ExtractionRequest;
  readonly sync: Sync;
  readonly by: 'cursor' | 'diff' | 'all';
  /** Delta and snapshot live in the warehouse; otherwise temporary tables only, with read-only rights. */
  readonly persisted: boolean;
  /** Keys that left the model become lines. */
  readonly removals: boolean;
  readonly model: string;
  readonly key: readonly Column[];
  /** c0..cN. */
  readonly staged: readonly Column[];
  /** Indexes into `staged`. */
  readonly match: readonly number[];
  /** Index of the one column whose values must be unique, because matchOn is that column and it is not the key. */
  readonly twin: number | undefined;
  readonly cursor: Column | undefined;
  readonly tables: Tables;
};

/** Permanent tables are per sync, in the engine's schema; the names are quoted. */
export type Tables = { readonly delta: string; readonly snapshot: string; readonly marker: string };

/** A sync id has no underscore, so the names of two syncs cannot meet. */
export function tablesOf(schema: string, syncId: string): Tables {
  const name = syncId.replaceAll('-', '_');
  const table = (kind: string): string => `${quoted(schema)}.${quoted(`${kind}_${name}`)}`;
  return { delta: table('delta'), snapshot: table('snapshot'), marker: table('marker') };
}

/** Resolves a request; `schema` is the engine's own. Throws `config` Faults with path and remedy. */
export function planOf(request: ExtractionRequest, schema: string): Plan {
  const { sync } = request.definition;
  const { by } = sync.model.changes;
  const removals = removedPolicy(sync) !== 'ignore';
  const find = columnFinder(request.columns);
  const key = sync.model.primaryKey.map((name, index) => keyColumn(find(name, `model.primaryKey[${index}]`)));
  const staged = stagedColumns(sync).map((name) => find(name, 'fields'));
  for (const column of staged) familyOf(column);
  // Those too that no statement reads.
  for (const { name, path } of neededColumns(sync)) find(name, path);
  const match = matchColumns(sync);
  if (match.length > MATCH_COLUMNS_MAX) throw tooManyMatchColumns(match.length);
  return {
    request,
    sync,
    by,
    persisted: by === 'diff' || (by === 'all' && removals),
    removals,
    model: modelText(sync.model.sql),
    key,
    staged,
    match,
    twin: twinOf(sync, key, staged),
    cursor: cursorColumn(sync, find),
    tables: tablesOf(schema, sync.syncId),
  };
}

type Find = (name: string, path: string) => Column;

/** Exact name first, then without regard to case, as the warehouse itself would resolve it. */
function columnFinder(columns: readonly Column[]): Find {
  return (name, path) => {
    const exact = columns.filter((column) => column.name === name);
    const found = exact.length > 0 ? exact : columns.filter((column) => sameColumn(column.name, name));
    const [column, ...more] = found;
    if (column === undefined) throw columnMissing([name], path);
    if (more.length > 0) {
      throw new Fault('config', 'column_ambiguous', `the model has ${found.length} columns "${name}"`, {
        path,
        remedy: 'Give each column of the SELECT its own name.',
      });
    }
    return column;
  };
}

function keyColumn(column: Column): Column {
  const family = familyOf(column);
  if (family === 'float' || family === 'super') {
    throw new Fault('config', 'key_type', `key column "${column.name}" has type ${column.type}`, {
      path: 'model.primaryKey',
      remedy: 'A key needs one exact text: cast it to varchar, an integer or numeric in the model.',
    });
  }
  return column;
}

function cursorColumn(sync: Sync, find: Find): Column | undefined {
  const { changes } = sync.model;
  if (changes.by !== 'cursor') return undefined;
  const column = find(changes.column, 'model.changes.column');
  if (column.type === 'timestamp' || column.type === 'timestamptz') return column;
  throw new Fault('config', 'cursor_type', `cursor "${column.name}" has type ${column.type}`, {
    path: 'model.changes.column',
    remedy: 'Use a timestamp or timestamptz column, or changes: { by: diff }.',
  });
}

function twinOf(sync: Sync, key: readonly Column[], staged: readonly Column[]): number | undefined {
  const field = sync.fields.find((candidate) => candidate.to === sync.destination.matchOn);
  if (field === undefined || !('from' in field)) return undefined;
  const index = staged.findIndex((column) => sameColumn(column.name, field.from));
  const isKey = key.length === 1 && key[0]?.name === staged[index]?.name;
  return isKey || index < 0 ? undefined : index;
}

function tooManyMatchColumns(count: number): Fault {
  return new Fault(
    'config',
    'match_columns',
    `matchOn is made of ${count} columns, at most ${MATCH_COLUMNS_MAX} are kept`,
    { path: 'destination.matchOn', remedy: 'Join the columns in the model and match on the result.' },
  );
}
