/**
 * Runs the statements of one Data API call on a connection of their own: one transaction, all or nothing, each
 * statement with its result, its number of rows or its error.
 */
import path from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { isCopy, runCopy } from './copy.ts';
import type { UnloadStore } from './object-store.ts';
import { type ResultPages, writePages } from './result-pages.ts';
import { translate } from './translate.ts';
import { isUnload, runUnload } from './unload.ts';

export type SubStatement = {
  readonly sql: string;
  status: 'SUBMITTED' | 'STARTED' | 'FINISHED' | 'FAILED' | 'ABORTED';
  rows: number;
  error?: string;
  result?: ResultPages;
  durationNanoseconds: number;
};

export type BatchSettings = {
  readonly store: UnloadStore;
  /** Folder for results and files in passing. */
  readonly scratch: string;
  readonly id: string;
  readonly parameters: Readonly<Record<string, string>>;
};

/** Resolves when committed; throws the first error after rolling back, with every statement's status set. */
export async function runBatch(
  connection: DuckDBConnection,
  statements: readonly SubStatement[],
  settings: BatchSettings,
): Promise<void> {
  await connection.run('begin transaction');
  try {
    for (const [index, statement] of statements.entries()) {
      await runTimed(connection, statement, index, settings);
    }
    await connection.run('commit');
  } catch (error) {
    await connection.run('rollback').catch(() => undefined);
    abortOthers(statements);
    throw error;
  }
}

async function runTimed(
  connection: DuckDBConnection,
  statement: SubStatement,
  index: number,
  settings: BatchSettings,
): Promise<void> {
  statement.status = 'STARTED';
  const started = process.hrtime.bigint();
  try {
    await runOne(connection, statement, path.join(settings.scratch, `${settings.id}-${index + 1}`), settings);
    statement.status = 'FINISHED';
  } catch (error) {
    statement.status = 'FAILED';
    statement.error = `ERROR: ${error instanceof Error ? error.message : String(error)}`;
    throw error;
  } finally {
    statement.durationNanoseconds = Number(process.hrtime.bigint() - started);
  }
}

async function runOne(
  connection: DuckDBConnection,
  statement: SubStatement,
  folder: string,
  { store, scratch, parameters }: BatchSettings,
): Promise<void> {
  const { sql } = statement;
  if (isUnload(sql)) {
    statement.rows = await runUnload(connection, sql, store, scratch);
    return;
  }
  if (isCopy(sql)) {
    statement.rows = await runCopy(connection, sql, store, scratch);
    return;
  }
  const made = translate(sql);
  const values = Object.fromEntries(Object.entries(parameters).filter(([name]) => made.parameters.has(name)));
  if (!/^\s*(?:select|with|show|describe|explain|\()/i.test(made.sql)) {
    const done = await connection.run(made.sql, values);
    statement.rows = done.rowsChanged;
    return;
  }
  const result = await connection.stream(made.sql, values);
  statement.result = await writePages(result, folder);
  statement.rows = statement.result.rows;
}

function abortOthers(statements: readonly SubStatement[]): void {
  for (const statement of statements) {
    if (statement.status === 'SUBMITTED' || statement.status === 'STARTED') statement.status = 'ABORTED';
  }
}
