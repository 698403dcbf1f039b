/**
 * The DuckDB behind the endpoint: in memory or in a file, one connection for each running statement.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { DATABASE_SQL } from './macros.ts';

export type Database = {
  connect(): Promise<DuckDBConnection>;
  /** Runs DuckDB's own SQL, several statements at once: for seeds and for checks in tests. */
  sql(text: string): Promise<readonly Record<string, unknown>[]>;
  close(): void;
};

/** Opens `<dataDir>/warehouse.duckdb`, or a database in memory. */
export async function openDatabase(dataDir: string | undefined): Promise<Database> {
  if (dataDir !== undefined) mkdirSync(dataDir, { recursive: true });
  const file = dataDir === undefined ? ':memory:' : path.join(dataDir, 'warehouse.duckdb');
  const instance = await DuckDBInstance.create(file);
  const connection = await instance.connect();
  for (const sql of DATABASE_SQL) await runTolerant(connection, sql);
  await connection.run(`set TimeZone = 'UTC'`);
  return {
    async connect() {
      const fresh = await instance.connect();
      await fresh.run(`set TimeZone = 'UTC'`);
      return fresh;
    },
    async sql(text) {
      const reader = await connection.runAndReadAll(text);
      return reader.getRowObjectsJson();
    },
    close() {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

/** A type has no `create or replace`; in a file it is there from the last time. */
async function runTolerant(connection: DuckDBConnection, sql: string): Promise<void> {
  try {
    await connection.run(sql);
  } catch (error) {
    if (!(error instanceof Error && /already exists/.test(error.message))) throw error;
  }
}
