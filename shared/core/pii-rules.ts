/**
 * Rules of personal data: a column that is tagged is treated as its tag says by every field that reads it, and what the
 * environment calls personal is tagged. Names of columns are compared as the warehouse compares them, without case.
 */
import { definitionFault, pathText, shown } from './definition-codes.ts';
import type { DefinitionFault } from './fault.ts';
import { sameColumn } from './needed-columns.ts';
import { columnsOf } from './staged-columns.ts';
import type { Field } from './sync.ts';
import type { Draft, Known } from './sync-draft.ts';

export function piiFaults(draft: Draft, known: Known): readonly DefinitionFault[] {
  const tags = Object.entries(draft.pii);
  return [
    ...tags.flatMap(([column, treatment]) => keyFault(draft, column, treatment)),
    ...tags.flatMap(([column, treatment]) =>
      readersOf(draft, column).flatMap((reader) => readerFault(reader, column, treatment)),
    ),
    ...(known.personalColumns ?? []).flatMap((column) => unstatedFault(draft, column)),
  ];
}

type Treatment = Draft['pii'][string];
type Reader = { readonly field: Field; readonly index: number };

function keyFault({ primaryKey }: Draft, column: string, treatment: Treatment): readonly DefinitionFault[] {
  if (treatment === 'send' || !primaryKey.some((name) => sameColumn(name, column))) return [];
  const message = `${shown(column)} is part of the primary key, which names each row on its way, so it cannot be ${treatment === 'hash' ? 'hashed' : 'dropped'}`;
  const remedy = 'make the key in the model\u2019s SQL, such as sha2(email, 256), or write send';
  return [definitionFault(pathText(['model', 'pii', column]), 'pii_key', message, remedy)];
}

function readerFault(
  { field, index }: Reader,
  column: string,
  treatment: Treatment,
): readonly DefinitionFault[] {
  if (treatment === 'drop') {
    const source = 'from' in field ? 'from' : 'template';
    const message = `the column ${shown(column)} has pii: drop, and this field sends it`;
    const remedy = 'take the field out, or state another treatment in model.pii';
    return [definitionFault(`fields[${index}].${source}`, 'pii_dropped', message, remedy)];
  }
  if (treatment === 'send' || field.as?.hash !== undefined) return [];
  const message = `the column ${shown(column)} has pii: hash, and this field sends it as it is`;
  const remedy =
    'write as: { trim: true, lowercase: true, hash: sha256 }, or state another treatment in model.pii';
  return [definitionFault(`fields[${index}].as.hash`, 'pii_not_hashed', message, remedy)];
}

function unstatedFault(draft: Draft, column: string): readonly DefinitionFault[] {
  if (Object.keys(draft.pii).some((name) => sameColumn(name, column))) return [];
  const [reader] = readersOf(draft, column);
  const isKey = draft.primaryKey.some((name) => sameColumn(name, column));
  if (reader === undefined && !isKey) return [];
  const where = reader === undefined ? 'the primary key' : `fields[${reader.index}]`;
  const message = `${where} reads the column ${shown(column)}, which this environment calls personal`;
  const remedy = `state what becomes of it: pii: { ${column}: send }, hash or drop`;
  return [definitionFault(pathText(['model', 'pii', column]), 'pii_unstated', message, remedy)];
}

const readersOf = ({ fields }: Draft, column: string): readonly Reader[] =>
  fields.flatMap((field, index) =>
    field !== undefined && columnsOf(field).some((name) => sameColumn(name, column))
      ? [{ field, index }]
      : [],
  );
