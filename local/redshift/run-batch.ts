/**
 * Runs the statements of one Data API call on a connection of their own: one transaction, all or nothing, each
 * statement with its result, its number of rows or its error.
 */
import path from 'node:path';
import { type DuckDBConnection, type DuckDBPreparedStatement, StatementType } from '@duckdb/node-api';
import { isCopy, runCopy } from './copy.ts';
import type { UnloadStore } from './object-store.ts';
import { type ResultPages, writePages } from './result-pages.ts';
import { type Translated, translate } from './translate.ts';
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
  /** Asked before each statement: an interrupt finds only one that runs. */
  isCancelled(): boolean;
  /** What an error of the database means, for people. */
  reasonOf(error: unknown): string;
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
      if (settings.isCancelled()) throw new Error("Query cancelled on user's request");
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
    const reason = settings.reasonOf(error);
    statement.error = `ERROR: ${reason}`;
    throw new Error(reason, { cause: error });
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
  const prepared = await prepare(connection, made);
  try {
    prepared.bind(values);
    if (prepared.statementType !== StatementType.SELECT) {
      statement.rows = (await prepared.run()).rowsChanged;
      return;
    }
    statement.result = await writePages(await prepared.stream(), folder);
    statement.rows = statement.result.rows;
  } finally {
    prepared.destroySync();
  }
}

/** The statement as DuckDB reads it: nearly as written, else transpiled; the first error is the one to show. */
async function prepare(connection: DuckDBConnection, made: Translated): Promise<DuckDBPreparedStatement> {
  try {
    return await connection.prepare(made.sql);
  } catch (refused) {
    const transpiled = made.transpiled();
    if (transpiled === undefined) throw refused;
    return connection.prepare(transpiled).catch(() => Promise.reject(refused));
  }
}

function abortOthers(statements: readonly SubStatement[]): void {
  for (const statement of statements) {
    if (statement.status === 'SUBMITTED' || statement.status === 'STARTED') statement.status = 'ABORTED';
  }
}
