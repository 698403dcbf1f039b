/**
 * A small world for a whole run: stage `local` with three accounts of its own (OAuth, Basic, PostgreSQL), the careless
 * vendors, and the local stack on the synthesized template, as it is or with something changed in it. Times are as short
 * as the settings' rules permit.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import { DeleteCommand, DynamoDBDocumentClient, PutCommand, ScanCommand } from '@aws-sdk/lib-dynamodb';
import pg from 'pg';
import { environments } from '../../infra/environments.ts';
import type { EnvironmentSettings } from '../../infra/settings.ts';
import { synthesize } from '../../infra/synthesize.ts';
import { type EndedRun, endedRuns, readSyncs, type StateTable } from '../../local/demo/observe.ts';
import { type PostgresServer, startPostgres } from '../../local/postgres-server.ts';
import { type LocalStack, startStack } from '../../local/stack.ts';
import { secretName } from '../../shared/core/names.ts';
import type { SyncState } from '../../shared/core/run.ts';
import type { Canaries } from './canaries.ts';
import type { Place } from './scanner.ts';
import { startVendor, type Vendor } from './vendor.ts';

/** What a whole run sends to; it outlives one stack, so that several may follow each other. */
export type Outside = {
  readonly canaries: Canaries;
  readonly vendor: Vendor;
  readonly postgres: PostgresServer;
  /** As if nothing had ever been sent. */
  reset(): Promise<void>;
  stop(): Promise<void>;
};

/** As it is written; the engine says whether it can work. */
export type Definition = Readonly<Record<string, unknown>> & { readonly syncId: string };

export type SmallWorld = {
  readonly outside: Outside;
  readonly dataDir: string;
  /** Functions whose invocations die as they begin, by the first letters of their logical id. */
  readonly crashing: Set<string>;
  readonly stack: LocalStack;
  readonly state: StateTable;
  readonly sqs: SQSClient;
  readonly s3: S3Client;
  sync(syncId: string): Promise<SyncState | undefined>;
  runs(syncId: string): Promise<readonly EndedRun[]>;
  define(definition: Definition): Promise<void>;
  undefine(syncId: string): Promise<void>;
  /** Asks the api function, as an operator would. */
  ask(question: object): Promise<Readonly<Record<string, unknown>>>;
  /** Hands an event to a function as an AWS service would: accepted at once, tried again when it fails. */
  send(logicalIdPart: string, event: object): Promise<void>;
  /** Everything that has been written where no secret and no row may be. */
  places(): Promise<readonly Place[]>;
  isStopped(): boolean;
  stop(): Promise<void>;
};

const DATABASE_USER = 'carrier';
const DATABASE = 'postgres';

export async function startOutside(canaries: Canaries, folder: string): Promise<Outside> {
  const vendor = await startVendor(canaries);
  const postgres = await startPostgres({ dataDir: path.join(folder, 'postgres'), persistent: false });
  await inDatabase(postgres, [
    `CREATE TABLE people (id text PRIMARY KEY, email text, family_name text, note text,
       score integer CONSTRAINT score_is_low CHECK (score < 90))`,
    `CREATE ROLE ${DATABASE_USER} LOGIN PASSWORD '${canaries.secrets.databasePassword}'`,
    `GRANT SELECT, INSERT, UPDATE, DELETE ON people TO ${DATABASE_USER}`,
  ]);
  return {
    canaries,
    vendor,
    postgres,
    async reset() {
      vendor.reset();
      await inDatabase(postgres, ['TRUNCATE people']);
    },
    async stop() {
      await Promise.all([vendor.stop(), postgres.stop()]);
    },
  };
}

/** Runs statements as the owner of the database; gives the rows of the last. */
export async function inDatabase(
  { port, user, password }: PostgresServer,
  statements: readonly string[],
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const client = new pg.Client({ host: '127.0.0.1', port, user, password, database: DATABASE });
  await client.connect();
  let rows: readonly Readonly<Record<string, unknown>>[] = [];
  for (const statement of statements) rows = (await client.query(statement)).rows;
  await client.end();
  return rows;
}

// ---------------------------------------------------------------- the stage

export type Timing = Partial<NonNullable<EnvironmentSettings['timing']>>;

/** The stage's settings: short times, and accounts at the ports of the vendors. */
export function smallStage(
  { vendor, postgres }: Outside,
  extraction: 'unload' | 'pages',
  timing: Timing = {},
): EnvironmentSettings {
  const { local } = environments;
  if (local === undefined) throw new Error('infra/environments.ts has no environment local');
  const http = (name: string, auth: Readonly<Record<string, string>>) => ({
    name,
    destination: 'http',
    settings: { url: `http://127.0.0.1:${vendor.port}/${name}`, auth, timeoutMs: 2500 },
    rate: { requests: 1000, perMs: 10_000 },
    requestRowsMax: 20,
    allow: [{ host: '127.0.0.1', port: vendor.port }],
  });
  const tokenUrl = `http://127.0.0.1:${vendor.port}/token`;
  const crm = http('crm', { by: 'oauth', tokenUrl, sendAs: 'body' });
  const app = {
    name: 'app',
    destination: 'postgres',
    settings: {
      host: '127.0.0.1',
      port: postgres.port,
      database: DATABASE,
      sslmode: 'disable',
      statementTimeoutMs: 1000,
    },
    rate: { requests: 1000, perMs: 10_000 },
    requestRowsMax: 50,
    allow: [{ host: '127.0.0.1', port: postgres.port }],
  };
  return {
    ...local,
    extraction: { by: extraction },
    accounts: [
      { ...crm, settings: { ...crm.settings, signature: { header: 'x-signature' } } },
      http('mail', { by: 'basic' }),
      app,
    ],
    timing: { ...SHORT, ...timing },
  };
}

const SHORT: Timing = {
  loaderTimeoutMs: 6000,
  lingerMs: 1000,
  clockSkewMs: 0,
  graceMs: 7000,
  extractorTimeoutMs: 20_000,
  extractorLeaseMs: 20_000,
  runStallMs: 600_000,
  breakerOpenMs: 500,
};

// ---------------------------------------------------------------- the stack

export type SmallWorldSettings = {
  readonly outside: Outside;
  readonly dataDir: string;
  readonly stage: EnvironmentSettings;
  /** How much faster than real time schedules run. */
  readonly speed: number;
  /** Changes the template's text before it is run. */
  readonly edit?: (template: string) => string;
};

export async function startSmallWorld(settings: SmallWorldSettings): Promise<SmallWorld> {
  const { outside, dataDir, speed } = settings;
  mkdirSync(dataDir, { recursive: true });
  const assembly = path.join(dataDir, 'cdk.out');
  const { stackName, templateFile } = synthesize({ name: 'local', settings: settings.stage }, assembly);
  if (settings.edit !== undefined)
    writeFileSync(templateFile, settings.edit(readFileSync(templateFile, 'utf8')));
  const crashing = new Set<string>();
  const secrets = secretsOf(outside);
  const onInvocation = (logicalId: string): void => {
    if ([...crashing].some((name) => logicalId.startsWith(name))) stack.kill(logicalId);
  };
  const stack = await startStack({ assembly, stackName, dataDir, speed, secrets, onInvocation });
  return openWorld(outside, stack, dataDir, crashing);
}

export function secretsOf({ canaries: { secrets } }: Outside): Record<string, object> {
  const { clientId, clientSecret, signingKey, username, password, databasePassword } = secrets;
  return {
    [secretName('local', 'crm')]: { clientId, clientSecret, signingKey },
    [secretName('local', 'mail')]: { username, password },
    [secretName('local', 'app')]: { user: DATABASE_USER, password: databasePassword },
  };
}

/** The world around a stack that runs. */
export function openWorld(
  outside: Outside,
  stack: LocalStack,
  dataDir: string,
  crashing: Set<string> = new Set(),
): SmallWorld {
  const client = { endpoint: stack.endpoint, region: stack.region, credentials: stack.credentials };
  const documents = DynamoDBDocumentClient.from(new DynamoDBClient(client));
  const state = { client: documents, table: stack.outputs.StateTable ?? '' };
  const TableName = stack.outputs.DefinitionsTable ?? '';
  const lambda = new LambdaClient(client);
  const sqs = new SQSClient(client);
  const s3 = new S3Client({ ...client, forcePathStyle: true });
  const said: string[] = [];
  let stopped = false;
  stack.onEvent((_bus, event) => void said.push(JSON.stringify(event)));
  return {
    ...{ outside, dataDir, crashing, stack, state, sqs, s3 },
    sync: async (syncId) => (await readSyncs(state)).find((sync) => sync.syncId === syncId),
    runs: (syncId) => endedRuns(state, syncId),
    async define(definition) {
      await documents.send(new PutCommand({ TableName, Item: { ...definition, item: 'definition' } }));
    },
    async undefine(syncId) {
      await documents.send(new DeleteCommand({ TableName, Key: { syncId, item: 'definition' } }));
    },
    async ask(question) {
      const Payload = Buffer.from(JSON.stringify(question));
      const answer = await lambda.send(
        new InvokeCommand({ FunctionName: stack.outputs.ApiFunction, Payload }),
      );
      const text = Buffer.from(answer.Payload ?? []).toString();
      said.push(text);
      return JSON.parse(text) as Readonly<Record<string, unknown>>;
    },
    async send(logicalIdPart, event) {
      const FunctionName = functionNamed(stack, logicalIdPart);
      const Payload = Buffer.from(JSON.stringify(event));
      await lambda.send(new InvokeCommand({ FunctionName, InvocationType: 'Event', Payload }));
    },
    async places() {
      const tables = [state.table, TableName].map(async (table) => ({
        where: `table ${table}`,
        text: JSON.stringify((await documents.send(new ScanCommand({ TableName: table }))).Items),
      }));
      return [
        ...filesUnder(dataDir, '', path.join('s3', stack.outputs.StagingBucket ?? '')),
        ...(await Promise.all(tables)),
        { where: 'events and answers', text: said.join('\n') },
      ];
    },
    isStopped: () => stopped,
    async stop() {
      stopped = true;
      documents.destroy();
      lambda.destroy();
      sqs.destroy();
      s3.destroy();
      await stack.stop();
    },
  };
}

/** The names of functions are those of their logical ids here. */
function functionNamed(stack: LocalStack, part: string): string {
  const [found, ...more] = Object.keys(stack.stats().functions).filter((id) => id.startsWith(part));
  if (found === undefined || more.length > 0) throw new Error(`no single function is called ${part}`);
  return `${stack.outputs.ApiFunction?.replace(/Api[0-9A-F]{8}.*$/, '')}${found}`;
}

/** Where rows, or the services' own files, may lie besides the stage: warehouse, tables (read through their API), bundles. */
const ALLOWED = /^(warehouse|dynamodb)$|^asset\./;

/** Logs, queues, streams, schedules, notifications, audit, templates: every file that is not allowed to have rows. */
function filesUnder(root: string, folder: string, stage: string): readonly Place[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const name = path.join(folder, entry.name);
    if (ALLOWED.test(entry.name) || name === stage) return [];
    if (entry.isDirectory()) return filesUnder(root, name, stage);
    return [{ where: name, text: readFileSync(path.join(root, name), 'utf8') }];
  });
}

/** Asks until the answer is not undefined; throws an Error with what was waited for, or when the world has stopped. */
export async function until<T>(
  world: Pick<SmallWorld, 'isStopped'>,
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const end = Date.now() + WAIT_MS_MAX;
  for (;;) {
    const found = await ask();
    if (found !== undefined) return found;
    if (world.isStopped()) throw new Error(`stopped while waiting: ${what}`);
    if (Date.now() > end) throw new Error(`waited ${WAIT_MS_MAX} ms in vain: ${what}`);
    await sleep(LOOK_MS);
  }
}
const LOOK_MS = 60;
/** Far above what anything here takes: the machine may be busy. */
const WAIT_MS_MAX = 180_000;
