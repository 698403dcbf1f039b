/**
 * The product's own database in the demonstration: a real PostgreSQL with the two tables that syncs write to, a
 * constraint that refuses some rows, and the means to read it all back.
 */
import pg from 'pg';
import { type PostgresServer, startPostgres } from '../postgres-server.ts';
import { parseExact } from './exact-json.ts';
import type { Expectation, FieldKind } from './expected.ts';

export type AppDatabase = {
  readonly server: PostgresServer;
  /** Transactions so far: a request to this destination is one. */
  requests(): Promise<{ readonly done: number; readonly failed: number }>;
  /** Every record of a table by its name, exact: what `compare` takes. */
  records(expectation: Expectation): Promise<Map<string, Readonly<Record<string, unknown>>>>;
  stop(): Promise<void>;
};

const DATABASE = 'app';

const TABLES = `
  CREATE SCHEMA IF NOT EXISTS app;
  CREATE TABLE IF NOT EXISTS app.customers (
    customer_id bigint PRIMARY KEY,
    email text,
    display_name text NOT NULL,
    loyalty_number bigint,
    balance numeric(20,4) NOT NULL CONSTRAINT balance_not_negative CHECK (balance >= 0),
    marketing_consent boolean,
    born_on date,
    created_at timestamptz NOT NULL,
    note varchar(80),
    preferences jsonb,
    churn_risk numeric(5,4),
    segment text
  );
  CREATE TABLE IF NOT EXISTS app.daily_revenue (
    id text PRIMARY KEY,
    day date NOT NULL,
    country text NOT NULL,
    revenue numeric(14,2) NOT NULL,
    orders integer NOT NULL
  );`;

/** Starts the server, and makes database and tables if they are not there. */
export async function startAppDatabase(options: {
  readonly dataDir: string;
  readonly port: number;
  readonly persistent: boolean;
}): Promise<AppDatabase> {
  const server = await startPostgres(options);
  await withClient(server, server.database, async (client) => {
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
  });
  await withClient(server, DATABASE, (client) => client.query(TABLES));
  const watcher = await connect(server, server.database);
  return {
    server,
    requests: () => countRequests(watcher),
    records: (expectation) => withClient(server, DATABASE, (client) => readAll(client, expectation)),
    async stop() {
      await watcher.end();
      await server.stop();
    },
  };
}

async function connect({ port, user, password }: PostgresServer, database: string): Promise<pg.Client> {
  const client = new pg.Client({ host: '127.0.0.1', port, user, password, database });
  // A server that ends first must not end us.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function withClient<T>(
  server: PostgresServer,
  database: string,
  use: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = await connect(server, database);
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

async function countRequests(client: pg.Client): Promise<{ done: number; failed: number }> {
  const { rows } = await client.query(
    'SELECT xact_commit AS done, xact_rollback AS failed FROM pg_stat_database WHERE datname = $1',
    [DATABASE],
  );
  return { done: Number(rows[0]?.done ?? 0), failed: Number(rows[0]?.failed ?? 0) };
}

async function readAll(
  client: pg.Client,
  { object, fields }: Expectation,
): Promise<Map<string, Readonly<Record<string, unknown>>>> {
  const kinds = Object.entries(fields);
  const columns = kinds.map(([name]) => columnText(name)).join(', ');
  const { rows } = await client.query({ text: `SELECT ${columns} FROM ${object}`, rowMode: 'array' });
  return new Map(
    (rows as (string | null)[][]).map((row) => [
      row[0] ?? '',
      Object.fromEntries(kinds.map(([name, kind], at) => [name, exactValue(row[at] ?? null, kind)])),
    ]),
  );
}

/** Instants at UTC with microseconds, everything else as PostgreSQL writes it. */
const columnText = (name: string): string =>
  name === 'created_at' ? `to_char(${name} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')` : `${name}::text`;

function exactValue(text: string | null, kind: FieldKind): unknown {
  if (text === null || kind === 'text') return text;
  if (kind === 'boolean') return text === 'true';
  return kind === 'json' ? parseExact(text) : JSON.rawJSON(text);
}
