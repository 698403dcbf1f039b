/**
 * From a line of the stage to the row that a destination receives, by an accepted definition.
 *
 * Compiled once per run into closures; per row only the row itself is allocated. A line never makes this throw:
 * what cannot be sent becomes `invalid` with the field, the rule and a stable code, without the value.
 */
import { columnNamed, kindOf } from './column-kinds.ts';
import { type Convert, compileConversion } from './conversions.ts';
import { Fault } from './fault.ts';
import { columnMissing } from './needed-columns.ts';
import type { Operation, Row, Value } from './row.ts';
import { Refusal, type Refuse, stageReason } from './row-codes.ts';
import type { Column, StageLine } from './stage.ts';
import { columnsOf, stagedColumns } from './staged-columns.ts';
import { type AcceptedDefinition, type Field, removedPolicy, type Sync } from './sync.ts';
import { compileTemplate } from './template.ts';
import { templateScope } from './template-scope.ts';

/** What became of one line of the stage. */
export type MappedLine =
  | { readonly is: 'row'; readonly operation: Operation; readonly row: Row }
  /** The mode forbids it: nothing is sent, and nothing is wrong. */
  | { readonly is: 'skipped'; readonly key: string }
  | { readonly is: 'invalid'; readonly key: string | null; readonly code: string; readonly reason: string };

export type Mapping = { readonly map: (line: StageLine) => MappedLine };

/**
 * Takes an accepted definition and, where known, the model's columns, whose types decide what a field without
 * `as` becomes (without them everything is text). Throws a `config` Fault: `column_missing` when the model has
 * lost a column that a field reads, `constant_not_convertible` for a constant that its own `as` refuses.
 */
export function compileMapping(definition: AcceptedDefinition, columns?: readonly Column[]): Mapping {
  const { sync } = definition;
  const cells = sync.fields.map((field, index) => compileCell(sync, field, index, columns));
  const removed = removedMapper(sync, cells);
  const skipsChanged = sync.destination.mode === 'insert';
  const operation = operationOf(sync);
  const write = rowMapper(sync, cells, operation);
  const map = (line: StageLine): MappedLine => {
    const key = line.k;
    if (line.o === 'i') return invalid(key ?? null, line.e ?? 'invalid_row');
    if (typeof key !== 'string') return invalid(null, 'null_key');
    if (line.o === 'r') return removed(line, key);
    return line.o === 'c' && skipsChanged ? { is: 'skipped', key } : write(line, key);
  };
  return { map };
}

/** One field: where its value goes, and how to read it off a line; undefined leaves it out of the row. */
type Cell = { readonly to: string; readonly read: (line: StageLine) => Value | Refusal | undefined };

function operationOf(sync: Sync): Operation {
  const { mode } = sync.destination;
  return mode === 'insert' || mode === 'update' ? mode : 'upsert';
}

function rowMapper(
  sync: Sync,
  cells: readonly Cell[],
  operation: Operation,
): (line: StageLine, key: string) => MappedLine {
  const { matchOn } = sync.destination;
  const needsMatch = operation !== 'insert';
  const matchEmpty = new Refusal('match_empty', matchOn);
  const names = cells.map((cell) => cell.to);
  const readers = cells.map((cell) => cell.read);
  const count = cells.length;
  const matchAt = needsMatch ? names.indexOf(matchOn) : -1;
  return (line, key) => {
    const fields: Record<string, Value> = {};
    for (let index = 0; index < count; index += 1) {
      // biome-ignore lint/style/noNonNullAssertion: the hot path; index is below the length of both
      const value = readers[index]!(line);
      if (typeof value === 'object' && value instanceof Refusal) return refused(key, value);
      if (index === matchAt && isEmpty(value)) return refused(key, matchEmpty);
      // biome-ignore lint/style/noNonNullAssertion: as above
      if (value !== undefined) fields[names[index]!] = value;
    }
    return { is: 'row', operation, row: { key, fields } };
  };
}

/** A record cannot be named by nothing: an upsert by '' would gather all such rows in one record. */
const isEmpty = (value: Value | undefined): boolean => value === undefined || value === null || value === '';

/** clear: an update that empties the mapped fields; delete: the record's name and nothing else. */
function removedMapper(sync: Sync, cells: readonly Cell[]): (line: StageLine, key: string) => MappedLine {
  const policy = removedPolicy(sync);
  const { matchOn } = sync.destination;
  const match = cells.find((cell) => cell.to === matchOn);
  if (policy === 'ignore' || match === undefined) return (_, key) => ({ is: 'skipped', key });
  const matchEmpty = new Refusal('match_empty', matchOn);
  const cleared = cells.filter((cell) => cell !== match).map((cell) => cell.to);
  return (line, key) => {
    const value = match.read(line);
    if (value instanceof Refusal) return refused(key, value);
    if (value === undefined || value === null || value === '') return refused(key, matchEmpty);
    const fields: Record<string, Value> = { [matchOn]: value };
    if (policy === 'delete') return { is: 'row', operation: 'delete', row: { key, fields } };
    for (const name of cleared) fields[name] = null;
    return { is: 'row', operation: 'update', row: { key, fields } };
  };
}

const refused = (key: string, { code, reason }: Refusal): MappedLine => ({
  is: 'invalid',
  key,
  code,
  reason,
});

/** The key stays whole, however long: the failure set answers by it. */
function invalid(key: string | null, code: string): MappedLine {
  return { is: 'invalid', key, code, reason: stageReason(code) };
}

function compileCell(sync: Sync, field: Field, index: number, columns: readonly Column[] | undefined): Cell {
  const refuse: Refuse = (code, detail) => new Refusal(code, field.to, detail);
  if ('value' in field) return constantCell(field, index, refuse);
  const staged = stagedColumns(sync);
  const lost = columns && columnsOf(field).find((name) => columnNamed(columns, name) === undefined);
  if (lost !== undefined) throw columnMissing([lost], `fields[${index}]`);
  if ('template' in field) return templateCell(sync, field, staged, columns, refuse);
  const column = columns === undefined ? undefined : columnNamed(columns, field.from);
  const kind = column === undefined ? 'text' : kindOf(column.type);
  const convert = compileConversion(field.as, kind, refuse);
  const whenNull = nullOf(sync, field, refuse);
  const at = `c${staged.indexOf(field.from)}` as `c${number}`;
  return {
    to: field.to,
    read: (line) => {
      const text = line[at];
      if (typeof text !== 'string') return whenNull;
      const value = convert(text);
      return value === null ? whenNull : value;
    },
  };
}

function templateCell(
  sync: Sync,
  field: Extract<Field, { template: string }>,
  staged: readonly string[],
  columns: readonly Column[] | undefined,
  refuse: Refuse,
): Cell {
  const render = compileTemplate(field.template);
  const scopeOf = templateScope(field.template, staged, columns);
  const convert = compileConversion(field.as, 'text', refuse);
  const failed = refuse('template_failed');
  const tooLong = refuse('template_output_too_long');
  const whenNull = nullOf(sync, field, refuse);
  const read = (line: StageLine): Value | Refusal | undefined => {
    try {
      return convert(render(scopeOf(line))) ?? whenNull;
    } catch (error) {
      return error instanceof Fault && error.code === 'template_output_too_long' ? tooLong : failed;
    }
  };
  return { to: field.to, read };
}

function constantCell(field: Extract<Field, { value: unknown }>, index: number, refuse: Refuse): Cell {
  const value = constantValue(field, refuse);
  if (!(value instanceof Refusal)) return { to: field.to, read: () => value };
  throw new Fault('config', 'constant_not_convertible', value.reason, {
    path: `fields[${index}].value`,
    remedy: 'write a constant that fits the field’s own conversion, or leave out as',
  });
}

/** A constant after its own conversion, which happens once; also how the rules check it. */
export function constantValue(field: Extract<Field, { value: unknown }>, refuse: Refuse): Value | Refusal {
  if (field.as === undefined) return field.value;
  return compileConversion(
    field.as,
    typeof field.value === 'string' ? 'text' : 'exact',
    refuse,
  )(String(field.value));
}

/** What a null becomes: the default, in the form that the conversion gives; else null or nothing. */
function nullOf(sync: Sync, field: Field, refuse: Refuse): Value | undefined {
  const fallback = field.as?.default;
  if (fallback === undefined) return sync.nulls === 'skip' ? undefined : null;
  const isNumber = field.as?.integer === true || field.as?.decimal !== undefined;
  if (!isNumber) return fallback;
  const convert: Convert = compileConversion(field.as, 'text', refuse);
  const value = convert(String(fallback));
  return value instanceof Refusal ? fallback : value;
}
