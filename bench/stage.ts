/**
 * The whole local stack for the figures: the stage `local` with one account, the bench's sink, at a rate that is no limit,
 * and one sync of the six columns. Runs are started as an operator starts them, through the api function.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient, PutCommand } from '@aws-sdk/lib-dynamodb';
import { environments } from '../infra/environments.ts';
import type { EnvironmentSettings } from '../infra/settings.ts';
import { synthesize, type Template } from '../infra/synthesize.ts';
import { endedRuns, readSyncs, type StateTable } from '../local/demo/observe.ts';
import { type LocalStack, startStack } from '../local/stack.ts';
import { dynamoDefinitions } from '../shared/aws/dynamo-definitions.ts';
import { dynamoState } from '../shared/aws/dynamo-state.ts';
import { s3Objects } from '../shared/aws/s3-objects.ts';
import type { RunResult } from '../shared/core/run.ts';
import { readStageManifest } from '../shared/engine/frozen.ts';
import { readRun } from '../shared/engine/sync-state.ts';
import { ACCOUNT_NAME, benchDefinition, SYNC_ID } from './people.ts';

export type BenchStage = {
  readonly stack: LocalStack;
  readonly template: Template;
  functionName(logicalId: string): string;
  readonly state: StateTable;
  /** ARN of the key that the stage is encrypted with. */
  readonly stageKey: string;
  /** Writes the definition and waits until all that follows from it is done. */
  define(): Promise<void>;
  /** Starts a run and waits for its end; milliseconds from acquire to flip. */
  run(): Promise<{ readonly elapsedMs: number; readonly result: RunResult }>;
  /** Ends when nothing is under way: what owners are told and the audit follow a run's end. */
  atRest(): Promise<void>;
  /** Batches of the last run, and the rows of its stage as the bucket's manifest counts them. */
  batches(): Promise<number>;
  stagedRows(): Promise<number>;
  stop(): Promise<void>;
};

export type BenchStageSettings = {
  readonly sinkPort: number;
  readonly extraction: 'unload' | 'pages';
  readonly changes: 'diff' | 'all';
  /** Calls a second; absent: more than any machine does. */
  readonly callsPerSecond?: number;
  /** In windows of this length. */
  readonly windowMs?: number;
  readonly timing?: Partial<NonNullable<EnvironmentSettings['timing']>>;
  /** At once on the bulk lane; Lambda's minimum is two, so one is two of which one finds nothing. */
  readonly loaders?: number;
};

export async function startBenchStage(settings: BenchStageSettings): Promise<BenchStage> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'tailrace-bench-'));
  const assembly = path.join(dataDir, 'cdk.out');
  const { stackName, template } = synthesize({ name: 'local', settings: stageSettings(settings) }, assembly);
  const secrets = { [`tailrace/local/${ACCOUNT_NAME}`]: {} };
  const stack = await startStack({ assembly, stackName, dataDir, secrets });
  const { endpoint, region, credentials, outputs } = stack;
  const client = { endpoint, region, credentials };
  const dynamodb = new DynamoDBClient(client);
  const documents = DynamoDBDocumentClient.from(dynamodb);
  const lambda = new LambdaClient(client);
  const ended = runEnds(stack);
  const state = { client: documents, table: outputs.StateTable ?? '' };
  await stack.warehouse.sql('CREATE SCHEMA IF NOT EXISTS tailrace');
  const [key = ''] =
    Object.entries(template.Resources).find(([, { Type }]) => Type === 'AWS::KMS::Key') ?? [];
  return {
    stack,
    template,
    functionName: (logicalId) => `${stackName}-${logicalId}`,
    state,
    stageKey: `arn:aws:kms:${region}:000000000000:key/local-${key}`,
    async define() {
      const { DefinitionsTable = '', StateTable = '' } = outputs;
      await accepted(dynamodb, documents, { definitions: DefinitionsTable, state: StateTable }, settings);
      await atRest(stack);
    },
    run: () => runOnce(ended, state, lambda, outputs.ApiFunction ?? ''),
    atRest: () => atRest(stack),
    batches: async () => (await lastRun(state))?.sealed?.cut.batches ?? 0,
    stagedRows: async () =>
      stagedRows(client, outputs.StagingBucket ?? '', (await lastRun(state))?.epoch ?? 0),
    async stop() {
      dynamodb.destroy();
      lambda.destroy();
      await stack.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** The loader's own default: the short one of the stage `local` makes long runs of short deliveries. */
export const DEPLOYED_TIMING = { loaderTimeoutMs: 60_000, graceMs: 61_000 };

function stageSettings({
  sinkPort,
  extraction,
  callsPerSecond = 10_000,
  windowMs = 10_000,
  loaders = 2,
  timing = {},
}: BenchStageSettings): EnvironmentSettings {
  const { local } = environments;
  if (local === undefined) throw new Error('infra/environments.ts has no environment local');
  return {
    ...local,
    extraction: { by: extraction },
    timing: { ...local.timing, ...timing },
    accounts: [
      {
        name: ACCOUNT_NAME,
        destination: 'http',
        settings: { url: `http://127.0.0.1:${sinkPort}` },
        rate: { requests: (callsPerSecond * windowMs) / 1000, perMs: windowMs },
        requestRowsMax: 200,
        requestsInFlight: 8,
        allow: [{ host: '127.0.0.1', port: sinkPort }],
        concurrency: { express: 2, bulk: Math.max(2, loaders) },
      },
    ],
  };
}

const WAIT_MS = 50;

/** Writes the definition, once; its schedule is far away, since runs are started by hand. */
async function accepted(
  dynamodb: DynamoDBClient,
  documents: DynamoDBDocumentClient,
  tables: { readonly definitions: string; readonly state: string },
  { changes }: BenchStageSettings,
): Promise<void> {
  const definitions = dynamoDefinitions(dynamodb, tables);
  const Item = { ...benchDefinition(changes), syncId: SYNC_ID, item: 'definition' };
  await documents.send(new PutCommand({ TableName: tables.definitions, Item }));
  for (;;) {
    const status = await definitions.status(SYNC_ID);
    if (status?.state === 'accepted') return;
    if (status?.state === 'refused') throw new Error(JSON.stringify(status.faults));
    await sleep(WAIT_MS);
  }
}

/** Nothing waits in a queue or stream, and no function has come or gone for a while. */
async function atRest(stack: LocalStack): Promise<void> {
  const seen = (): string => {
    const { functions } = stack.stats();
    // The sweep comes every minute, whatever happens.
    return JSON.stringify(Object.entries(functions).filter(([name]) => !name.startsWith('Sweep')));
  };
  for (let [before, now] = ['', seen()]; before !== now || stack.pending() > 0; now = seen()) {
    before = now;
    await sleep(REST_MS);
  }
}
const REST_MS = 1000;

/** Waits for the engine's own event: looking again and again would take time from the stack that is measured. */
async function runOnce(ended: () => Promise<void>, state: StateTable, lambda: LambdaClient, api: string) {
  await graceOver(state);
  const over = ended();
  const Payload = Buffer.from(JSON.stringify({ verb: 'run', syncId: SYNC_ID }));
  const { Payload: answer } = await lambda.send(new InvokeCommand({ FunctionName: api, Payload }));
  const told = JSON.parse(Buffer.from(answer ?? []).toString('utf8')) as { ok?: boolean };
  if (told.ok !== true) throw new Error(`the run did not start: ${JSON.stringify(told)}`);
  const startedAt = await acquiredAt(state);
  await over;
  const run = (await endedRuns(state, SYNC_ID)).at(-1);
  if (run?.result.ended === 'committed') return { elapsedMs: run.result.at - startedAt, result: run.result };
  throw new Error(`the run ended as ${run?.result.ended} (${run?.result.code})`);
}

/** When the run acquired its sync, as the state table says; the answer to the request comes right after. */
async function acquiredAt(state: StateTable): Promise<number> {
  const sync = (await readSyncs(state)).find(({ syncId }) => syncId === SYNC_ID);
  if (sync?.startedAt === undefined) throw new Error('the run was over before it could be looked at');
  return sync.startedAt;
}

const ENDS: ReadonlySet<string> = new Set(['Run Committed', 'Run Failed', 'Run Fenced', 'Run Held']);

/** A promise for the next end of a run, whatever end it is. */
function runEnds(stack: LocalStack): () => Promise<void> {
  let waiting: (() => void)[] = [];
  stack.onEvent((_bus, event) => {
    if (!ENDS.has(event['detail-type'])) return;
    for (const tell of waiting) tell();
    waiting = [];
  });
  return () => new Promise((resolve) => waiting.push(resolve));
}

/** The pause after a run is no part of the next one, and asking in vain would be counted. */
async function graceOver(state: StateTable): Promise<void> {
  const sync = (await readSyncs(state)).find(({ syncId }) => syncId === SYNC_ID);
  await sleep(Math.max(0, (sync?.notBefore ?? 0) - Date.now()));
}

/** The last run's record, as it lies in the state table. */
async function lastRun(state: StateTable) {
  const runs = await endedRuns(state, SYNC_ID);
  const epoch = runs.at(-1)?.epoch ?? 0;
  return readRun(dynamoState(state.client, state.table), SYNC_ID, epoch);
}

async function stagedRows(
  client: { endpoint: string; region: string; credentials: LocalStack['credentials'] },
  bucket: string,
  epoch: number,
): Promise<number> {
  const s3 = new S3Client({ ...client, forcePathStyle: true });
  const manifest = await readStageManifest(s3Objects(s3, bucket), SYNC_ID, epoch, ACCOUNT_NAME);
  let rows = 0;
  for (const { key } of manifest.files) {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    rows += ((await Body?.transformToString('utf8')) ?? '').split('\n').filter((line) => line !== '').length;
  }
  s3.destroy();
  return rows;
}
