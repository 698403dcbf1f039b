/**
 * A model as the fake warehouse holds it: rows of text, changed by tests at any time. The fake reads the table's
 * name from the model's SQL (`... from <name>`), so that a definition may be edited without moving the data.
 */
import type { Column } from '../../shared/core/stage.ts';

export type ModelRow = Readonly<Record<string, string | null>>;

export type ModelTable = {
  readonly columns: readonly Column[];
  rows: readonly ModelRow[];
  /** What the SQL of a check means, by the check's name: true for a good row. */
  readonly checks: Readonly<Record<string, (row: ModelRow) => boolean>>;
};

/** `YYYY-MM-DD HH:MM:SS.ffffff`, as the warehouse writes timestamps. */
export const timestampText = (ms: number): string =>
  `${new Date(ms).toISOString().slice(0, 23).replace('T', ' ')}000`;

export function tableName(sql: string): string {
  const name = /\bfrom\s+([a-z0-9_.]+)/i.exec(sql)?.[1];
  if (name === undefined) throw new Error('the fake warehouse needs "from <table>" in the model');
  return name;
}

/** One text per row; null when a part of the primary key is, or when it is an empty text. */
export function rowKey(row: ModelRow, primaryKey: readonly string[]): string | null {
  const parts = primaryKey.map((column) => row[column] ?? null);
  if (parts.some((part) => part === null)) return null;
  return parts.length === 1 ? parts[0] || null : JSON.stringify(parts);
}
