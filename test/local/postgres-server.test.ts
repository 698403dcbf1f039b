/** The local PostgreSQL: starts from nothing, is taken up again, ends with its starter. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { type PostgresServer, startPostgres } from '../../local/postgres-server.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'tailrace-test-'));
  // As root the server is another user, who must be able to come in.
  await chmod(folder, 0o711);
});
after(() => rm(folder, { recursive: true, force: true }));

async function query(server: Omit<PostgresServer, 'stop'>, sql: string): Promise<unknown[]> {
  const { port, user, password, database } = server;
  const client = new pg.Client({ host: '127.0.0.1', port, user, password, database });
  await client.connect();
  const { rows } = await client.query(sql);
  await client.end();
  return rows;
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

test('what was written is there after a stop and a start, on another port', async () => {
  const dataDir = path.join(folder, 'kept');
  const first = await startPostgres({ dataDir });
  await query(first, 'CREATE TABLE t AS SELECT 7 AS x');
  await first.stop();
  assert.equal(await listens(first.port), false);
  const second = await startPostgres({ dataDir });
  assert.deepEqual(await query(second, 'SELECT x FROM t'), [{ x: 7 }]);
  await second.stop();
  assert.ok((await stat(second.dataDir)).isDirectory());
});

test('two servers at once, and a folder that is not kept', async () => {
  const dirs = ['one', 'two'].map((name) => path.join(folder, name));
  const servers = await Promise.all(dirs.map((dataDir) => startPostgres({ dataDir, persistent: false })));
  assert.notEqual(servers[0]?.port, servers[1]?.port);
  for (const server of servers) {
    await query(server, 'SELECT 1');
    await server.stop();
    await server.stop();
    await assert.rejects(stat(server.dataDir));
  }
});

test('a starter that is killed takes the server along, and the next one takes the folder up', async () => {
  const dataDir = path.join(folder, 'killed');
  const script = `
    import { startPostgres } from ${JSON.stringify(new URL('../../local/postgres-server.ts', import.meta.url).href)};
    const { stop, ...server } = await startPostgres({ dataDir: ${JSON.stringify(dataDir)} });
    console.log(JSON.stringify(server));
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout, 'data');
  const orphan: PostgresServer = JSON.parse(String(line));
  await query(orphan, 'CREATE TABLE t AS SELECT 8 AS x');
  child.kill('SIGKILL');
  // At once, while the old server may still be on its way out.
  const next = await startPostgres({ dataDir });
  assert.deepEqual(await query(next, 'SELECT x FROM t'), [{ x: 8 }]);
  assert.equal(await listens(orphan.port), false);
  await next.stop();
});

test('a folder that the server could not reach has a fixed place elsewhere', async (t) => {
  if (process.getuid?.() !== 0) return t.skip('only root runs the server as another user');
  const closed = path.join(folder, 'closed');
  await mkdir(closed, { mode: 0o700 });
  const places = [];
  for (let times = 0; times < 2; times += 1) {
    const server = await startPostgres({ dataDir: path.join(closed, 'data'), persistent: times === 0 });
    places.push(server.dataDir);
    await server.stop();
  }
  assert.equal(places[0], places[1]);
  assert.ok(!places[0]?.startsWith(closed));
  await assert.rejects(stat(places[0] ?? ''));
});

test('a server does not keep its starter alive', async () => {
  const script = `
    import { startPostgres } from ${JSON.stringify(new URL('../../local/postgres-server.ts', import.meta.url).href)};
    const { port } = await startPostgres({ dataDir: ${JSON.stringify(path.join(folder, 'left'))} });
    console.log(port);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout, 'data');
  const [code] = await once(child, 'exit');
  assert.equal(code, 0);
  for (let tries = 0; tries < 100 && (await listens(Number(line))); tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.equal(await listens(Number(line)), false);
});
