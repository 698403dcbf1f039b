/**
 * Everything around the engine in the demonstration and its small form in the tests: the synthesized stage `local` on the
 * local stack, the vendors' sink in a process of its own, the product's PostgreSQL. Ports of the
 * demonstration's destinations are chosen here and kept beside the data.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { environments } from '../../infra/environments.ts';
import type { EnvironmentSettings } from '../../infra/settings.ts';
import { synthesize } from '../../infra/synthesize.ts';
import { type LocalStack, startStack } from '../stack.ts';
import { type AppDatabase, startAppDatabase } from './app-database.ts';
import type { StateTable } from './observe.ts';
import { type Sink, startSink } from './sink-process.ts';
import { type Ports, secretsOf, sinkAccounts, stageWith } from './stage.ts';

export type World = {
  readonly settings: EnvironmentSettings;
  readonly stack: LocalStack;
  readonly sink: Sink;
  readonly database: AppDatabase;
  readonly state: StateTable;
  readonly dynamodb: DynamoDBClient;
  readonly definitionsTable: string;
  readonly s3: S3Client;
  readonly bucket: string;
  stop(): Promise<void>;
};

export type WorldSettings = {
  readonly dataDir: string;
  /** How much faster than real time schedules run. */
  readonly speed: number;
  /** Data outlives this process, on the same ports. */
  readonly persistent: boolean;
  readonly extraction: 'unload' | 'pages';
  /** How long a vendor takes for an answer. */
  readonly latencyMs: number;
};

const TOKEN = 'kestrel-local-token';

/** Starts it all; `say` is told of each step. */
export async function startWorld(settings: WorldSettings, say: (step: string) => void): Promise<World> {
  const { dataDir, speed, persistent } = settings;
  mkdirSync(dataDir, { recursive: true });
  const ports = await choosePorts(dataDir);
  const environment = stageWith(writtenStage(), ports, settings.extraction);
  say('synthesizing stage local of the CDK app');
  const assembly = path.join(dataDir, 'cdk.out');
  const { stackName } = synthesize({ name: 'local', settings: environment }, assembly);
  say('starting the vendors, PostgreSQL and the local stack');
  const sink = await startSink({
    port: ports.sink,
    token: TOKEN,
    latencyMs: settings.latencyMs,
    accounts: sinkAccounts(environment),
    ...(persistent ? { dataDir: path.join(dataDir, 'sink') } : {}),
  });
  const database = await startAppDatabase({
    dataDir: path.join(dataDir, 'postgres'),
    port: ports.postgres,
    persistent,
  });
  const stack = await startStack({
    assembly,
    stackName,
    dataDir,
    speed,
    port: ports.stack,
    secrets: secretsOf(environment, TOKEN, database.server),
  });
  return connected(environment, { stack, sink, database });
}

function connected(
  settings: EnvironmentSettings,
  { stack, sink, database }: { stack: LocalStack; sink: Sink; database: AppDatabase },
): World {
  const { endpoint, region, credentials, outputs } = stack;
  const client = { endpoint, region, credentials };
  const dynamodb = new DynamoDBClient(client);
  const s3 = new S3Client({ ...client, forcePathStyle: true });
  return {
    ...{ settings, stack, sink, database, s3, dynamodb },
    state: { client: DynamoDBDocumentClient.from(dynamodb), table: outputs.StateTable ?? '' },
    definitionsTable: outputs.DefinitionsTable ?? '',
    bucket: outputs.StagingBucket ?? '',
    async stop() {
      dynamodb.destroy();
      s3.destroy();
      await stack.stop();
      await Promise.all([sink.stop(), database.stop()]);
    },
  };
}

function writtenStage(): EnvironmentSettings {
  const { local } = environments;
  if (local === undefined) throw new Error('infra/environments.ts has no environment local');
  return local;
}

// ---------------------------------------------------------------- ports

/** Free ports, the same ones again for the same data: they are part of the stage's settings. */
async function choosePorts(dataDir: string): Promise<Ports> {
  const file = path.join(dataDir, 'ports.json');
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Ports;
  const [sink = 0, postgres = 0, stack = 0] = await freePorts(3);
  const ports = { sink, postgres, stack };
  writeFileSync(file, JSON.stringify(ports));
  return ports;
}

/** All are held until all are known, so that no two are the same. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (typeof address === 'object' && address !== null) ports.push(address.port);
  }
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
