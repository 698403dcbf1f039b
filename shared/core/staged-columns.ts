/**
 * Which columns of the model a sync carries through its stage: `c0`, `c1`, ... follow this order, in the
 * warehouse's SQL, in the stage's lines and in the mapping, so all three ask here.
 */
import type { Field, Sync } from './sync.ts';
import { templateVariables } from './template.ts';

/** The model's columns that fields use, each once, in order of first use. */
export function stagedColumns(sync: Pick<Sync, 'fields'>): readonly string[] {
  return [...new Set(sync.fields.flatMap((field) => columnsOf(field)))];
}

/** Positions in `stagedColumns` of the columns that the matchOn field is made of; a removed row keeps these. */
export function matchColumns(sync: Pick<Sync, 'fields' | 'destination'>): readonly number[] {
  const match = sync.fields.find((field) => field.to === sync.destination.matchOn);
  if (match === undefined) return [];
  const columns = stagedColumns(sync);
  return [...new Set(columnsOf(match))].map((column) => columns.indexOf(column));
}

/** The columns that one field reads, in order of use; none for a constant. */
export function columnsOf(field: Field): readonly string[] {
  if ('from' in field) return [field.from];
  if ('template' in field) return templateVariables(field.template);
  return [];
}
