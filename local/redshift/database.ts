/**
 * The DuckDB behind the endpoint: in memory or in a file, one connection for each running statement. A model's SQL
 * comes from people, so it gets tables and nothing else: no file of this machine but those of UNLOAD and COPY in
 * passing, no network, and only so much memory and disk. The settings that say so cannot be changed by a statement.
 */
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { DATABASE_SQL } from './macros.ts';

export type Database = {
  connect(): Promise<DuckDBConnection>;
  /** Runs DuckDB's own SQL, several statements at once: for seeds and for checks in tests. */
  sql(text: string): Promise<readonly Record<string, unknown>[]>;
  /** What went wrong, for people; DuckDB advises settings that are locked here. */
  reasonOf(error: unknown): string;
  close(): void;
};

export type DatabaseSettings = {
  /** `<dataDir>/warehouse.duckdb`; absent: in memory. */
  readonly dataDir?: string | undefined;
  /** The folder of UNLOAD and COPY, the only one that statements reach. */
  readonly scratch: string;
  readonly memoryMegabytes?: number | undefined;
};

/**
 * What all statements together may take: the demonstration needs a few hundred megabytes, and a laptop of 8 GB still
 * has room for the functions beside it. DuckDB's own limit is 80% of the machine, which a runaway model takes.
 */
const MEMORY_MEGABYTES = 2048;
/** What does not fit goes to disk, this many times as much: some ten million rows, and no laptop's disk is full of it. */
const SPILL_TIMES = 2;

/** Opens or makes the database, and closes it off. */
export async function openDatabase(settings: DatabaseSettings): Promise<Database> {
  const { dataDir, scratch } = settings;
  if (dataDir !== undefined) mkdirSync(dataDir, { recursive: true });
  const file = dataDir === undefined ? ':memory:' : path.join(dataDir, 'warehouse.duckdb');
  const instance = await DuckDBInstance.create(file);
  const connection = await instance.connect();
  for (const sql of DATABASE_SQL) await runTolerant(connection, sql);
  await connection.run(`set TimeZone = 'UTC'`);
  for (const sql of closedOff(settings, path.join(dataDir ?? scratch, 'spill'))) await connection.run(sql);
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
    reasonOf: (error) => reasonOf(error, settings),
    close() {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

/** In this order: a setting cannot be changed once files are out of reach, or once all of them are locked. */
function closedOff(
  { scratch, memoryMegabytes = MEMORY_MEGABYTES }: DatabaseSettings,
  spill: string,
): string[] {
  // A process that was killed leaves its files behind.
  rmSync(spill, { recursive: true, force: true });
  return [
    `set global memory_limit = '${memoryMegabytes}MiB'`,
    `set global temp_directory = ${quoted(spill)}`,
    `set global max_temp_directory_size = '${SPILL_TIMES * memoryMegabytes}MiB'`,
    `set global allowed_directories = [${quoted(`${path.resolve(scratch)}/`)}]`,
    'set global enable_external_access = false',
    // Each connection, and the first statement of an extraction, says that it is UTC.
    `set global allowed_configs = ['timezone']`,
    'set global lock_configuration = true',
  ];
}

function reasonOf(error: unknown, { memoryMegabytes = MEMORY_MEGABYTES }: DatabaseSettings): string {
  const message = error instanceof Error ? error.message : String(error);
  if (!message.startsWith('Out of Memory Error')) return message;
  const disk = SPILL_TIMES * memoryMegabytes;
  return `Out of memory: the local warehouse gives its statements ${memoryMegabytes} MiB of memory and ${disk} MiB of disk; this one needs more`;
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** A type has no `create or replace`; in a file it is there from the last time. */
async function runTolerant(connection: DuckDBConnection, sql: string): Promise<void> {
  try {
    await connection.run(sql);
  } catch (error) {
    if (!(error instanceof Error && /already exists/.test(error.message))) throw error;
  }
}
