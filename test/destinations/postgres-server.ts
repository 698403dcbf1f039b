/** One real PostgreSQL for a test file, with TLS, and a client of its own to look inside. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { type PostgresServer, startPostgres } from '../../local/postgres-server.ts';
import { CANARY, TLS } from './binding.ts';

export type TestServer = PostgresServer & {
  query(sql: string, values?: readonly unknown[]): Promise<Record<string, string | null>[]>;
};

/** Starts it with a user `loader` whose password is the canary. All results are texts, digits untouched. */
export async function startTestServer(): Promise<TestServer> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tailrace-test-'));
  // As root the server is another user, who must be able to come in.
  await chmod(folder, 0o711);
  const server = await startPostgres({ dataDir: path.join(folder, 'postgres'), persistent: false, tls: TLS });
  const { port, user, password, database } = server;
  const client = new pg.Client({ host: '127.0.0.1', port, user, password, database, types: TEXTS });
  await client.connect();
  await client.query(`CREATE USER loader PASSWORD '${CANARY}'`);
  return {
    ...server,
    query: async (sql, values = []) => (await client.query(sql, [...values])).rows,
    stop: async () => {
      await client.end();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const TEXTS = { getTypeParser: () => (text: string | Buffer) => text };
