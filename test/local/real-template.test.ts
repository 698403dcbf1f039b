/**
 * Stage `local` of the CDK app, run: ten rows travel from a table to a sink, and nothing that a function does on the
 * way is refused by its role.
 */
import assert from 'node:assert/strict';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { environments } from '../../infra/environments.ts';
import type { EnvironmentSettings } from '../../infra/settings.ts';
import { synthesize } from '../../infra/synthesize.ts';
import { type LocalStack, startStack } from '../../local/stack.ts';

const WAIT_MS_MAX = 25_000;

type SinkRow = Readonly<Record<string, unknown>>;
let stack: LocalStack;
let sink: Server;
const rows: SinkRow[] = [];
const directory = mkdtempSync(path.join(tmpdir(), 'tailrace-real-'));

before(async () => {
  sink = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      rows.push(...(JSON.parse(body) as { rows: SinkRow[] }).rows);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve));
  const { port } = sink.address() as AddressInfo;
  const { stackName } = synthesize(
    { name: 'local', settings: withSink(port) },
    path.join(directory, 'cdk.out'),
  );
  stack = await startStack({
    assembly: path.join(directory, 'cdk.out'),
    stackName,
    dataDir: path.join(directory, 'data'),
    secrets: { 'tailrace/local/crm': { token: 'anything' } },
  });
});

after(async () => {
  await stack?.stop();
  sink.closeAllConnections();
  sink.close();
  rmSync(directory, { recursive: true, force: true });
});

/** The stage with one account, whose vendor listens on this port. */
function withSink(port: number): EnvironmentSettings {
  const { local } = environments;
  assert.ok(local);
  const account = {
    name: 'crm',
    destination: 'http',
    settings: { url: `http://127.0.0.1:${port}/crm`, auth: { by: 'bearer' } },
    rate: { requests: 100, perMs: 1000 },
    requestRowsMax: 200,
    allow: [{ host: '127.0.0.1', port }],
  };
  return { ...local, accounts: [account] };
}

const DEFINITION = {
  syncId: 'people-to-crm',
  item: 'definition',
  owner: 'growth@example.com',
  schedule: { every: '1 hour' },
  model: {
    sql: 'select id, email, score from shop.people',
    primaryKey: ['id'],
    changes: { by: 'diff' },
  },
  destination: { account: 'crm', object: 'contacts', mode: 'upsert', matchOn: 'email' },
  fields: [
    { to: 'email', from: 'email' },
    { to: 'score', from: 'score', as: { decimal: 2 } },
  ],
};

test('ten rows reach the sink, the run is committed, nothing was refused', async () => {
  await stack.warehouse.sql(`
    create schema if not exists shop;
    create table shop.people as
      select i::bigint as id, 'p' || i || '@example.com' as email, (i + 0.25)::decimal(18, 2) as score from range(10) t(i);
  `);
  const { endpoint, region, credentials } = stack;
  const client = DynamoDBDocumentClient.from(new DynamoDBClient({ endpoint, region, credentials }));
  await client.send(new PutCommand({ TableName: stack.outputs.DefinitionsTable, Item: DEFINITION }));
  const sync = await idle(client);
  assert.equal(sync.snapshotEpoch, 1);
  assert.equal(rows.length, 10);
  assert.ok(rows.some(({ email, score }) => email === 'p7@example.com' && Number(score) === 7.25));
  assert.deepEqual(stack.stats().permissions.denials, []);
});

test('the run can be followed by its id through every function that had a part in it', async () => {
  const lines = (): string[] =>
    linesOf('people-to-crm/1').map(({ message, is = '' }) => `${message} ${is}`.trim());
  const expected = [
    'start_run_ended started',
    'fan_out_begun',
    'fan_out_ended loading',
    'load_batch_begun',
    'load_batch_ended done',
    'finish_run_begun',
    'run_committed',
    'finish_run_ended committed',
  ];
  // The last line of a function is written after its work, which the test before this has waited for.
  for (let tries = 0; tries < 100 && expected.some((line) => !lines().includes(line)); tries += 1) {
    await sleep(50);
  }
  assert.deepEqual([...new Set(lines())].toSorted(), expected.toSorted());
});

/** All functions' log lines of one run. */
const linesOf = (run: string): readonly { readonly message: string; readonly is?: string }[] =>
  globSync(path.join(directory, 'data', 'logs', '*.log'))
    .flatMap((file) => readFileSync(file, 'utf8').split('\n'))
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
    .filter((line) => line.run === run);

/** The sync's item, once its first run is over. */
async function idle(client: DynamoDBDocumentClient): Promise<Record<string, unknown>> {
  const until = Date.now() + WAIT_MS_MAX;
  for (;;) {
    const { Item } = await client.send(
      new GetCommand({
        TableName: stack.outputs.StateTable,
        Key: { partition: 'SYNC', sort: DEFINITION.syncId },
      }),
    );
    if (Item?.phase === 'idle' && Item.epoch === 1) return Item;
    const denials = JSON.stringify(stack.stats().permissions.denials);
    assert.ok(
      Date.now() < until,
      `not over after ${WAIT_MS_MAX} ms: ${JSON.stringify(Item)}; denied: ${denials}`,
    );
    await sleep(50);
  }
}
