/**
 * The local stack's own services, without a template: tables, lanes, a bucket, a bus and a schedule group on one
 * listener, for an operator who may do everything. What the contract suites run the real adapters against, and a
 * way to lose an answer: the service has done what it was asked, and the client hears nothing.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { S3Client } from '@aws-sdk/client-s3';
import { SchedulerClient } from '@aws-sdk/client-scheduler';
import { SQSClient } from '@aws-sdk/client-sqs';
import { createAuthorizer, OPERATOR_KEY, type Role } from '../../local/iam/authorizer.ts';
import { startListener } from '../../local/listener.ts';
import { type LocalQueue, openQueue } from '../../local/queue.ts';
import { type ItemStore, openItemStore } from '../../local/services/dynalite.ts';
import { type DynamoTable, dynamodbService } from '../../local/services/dynamodb.ts';
import { type BusEvent, createBus } from '../../local/services/events.ts';
import { openObjectFiles } from '../../local/services/object-files.ts';
import { s3Service } from '../../local/services/s3.ts';
import { openScheduleBook, type ScheduleBook } from '../../local/services/schedule-book.ts';
import { schedulerService } from '../../local/services/scheduler.ts';
import { sqsService } from '../../local/services/sqs.ts';
import type { Service } from '../../local/wire.ts';

export type LocalServices = {
  readonly dynamodb: DynamoDBClient;
  readonly s3: S3Client;
  readonly sqs: SQSClient;
  readonly events: EventBridgeClient;
  readonly scheduler: SchedulerClient;
  readonly queueUrlPrefix: string;
  readonly queues: ReadonlyMap<string, LocalQueue>;
  readonly published: readonly BusEvent[];
  readonly book: ScheduleBook;
  readonly store: ItemStore;
  /** The next call is done, and its answer does not come. */
  loseNextAnswer(): void;
  close(): Promise<void>;
};

export type LocalSettings = {
  /** Name and key attributes. */
  readonly tables?: readonly (readonly [name: string, hash: string, range: string])[];
  readonly queues?: readonly string[];
  /** Receives after which a message goes to the dead letters. */
  readonly receivesMax?: number;
};

export const BUCKET = 'staging';
export const BUS = 'engine';
export const GROUP = 'syncs';
const ACCOUNT = '000000000000';
const REGION = 'us-east-1';

/** What a schedule calls its target with; making one asks whether Scheduler may take it on. */
export const SCHEDULER: Role = {
  arn: `arn:aws:iam::${ACCOUNT}:role/scheduler`,
  logicalId: 'SchedulerRole',
  identity: [],
  trust: [
    {
      ...{ id: 'trust', effect: 'Allow', actions: ['sts:AssumeRole'], resources: [], conditions: [] },
      principals: ['service:scheduler.amazonaws.com'],
    },
  ],
};

export async function openLocalServices(settings: LocalSettings): Promise<LocalServices> {
  const directory = mkdtempSync(path.join(tmpdir(), 'tailrace-ports-'));
  const place = { account: ACCOUNT, region: REGION };
  const permissions = { roles: [SCHEDULER], resourcePolicies: new Map(), keys: new Map() };
  const authorizer = createAuthorizer({ ...place, ...permissions });
  const services = new Map<string, Service>();
  const listener = await startListener({ port: 0, services, callerOf: (key) => authorizer.callerOf(key) });
  const store = await openItemStore(path.join(directory, 'tables'), ACCOUNT, REGION);
  const tables = await openTables(store, settings.tables ?? []);
  const queues = openQueues(directory, settings);
  const published: BusEvent[] = [];
  const delivery = { deliver: () => undefined };
  const { bus, service } = createBus({ ...place, buses: new Set([BUS]), rules: [], authorizer, delivery });
  bus.onEvent((busName, event) => void (busName === BUS && published.push(event)));
  const book = openScheduleBook(path.join(directory, 'schedules.json'), 1, () => undefined);
  for (const one of [
    dynamodbService({ store, tables, authorizer, usage: { writes: {}, reads: {} } }),
    sqsService({
      queues,
      authorizer,
      urlOf: (queue) => `${listener.endpoint}/${ACCOUNT}/${queue.settings.name}`,
    }),
    s3Service({ files: openObjectFiles(path.join(directory, 's3')), buckets: new Set([BUCKET]), authorizer }),
    schedulerService({ ...place, groups: new Set([GROUP]), book, authorizer }),
    service,
  ])
    services.set(one.signingName, one);
  const clients = openClients(listener.endpoint);
  return {
    ...clients,
    ...{ queues, published, book, store },
    queueUrlPrefix: `${listener.endpoint}/${ACCOUNT}`,
    close: async () => {
      clients.destroy();
      await listener.close();
      for (const queue of queues.values()) queue.close();
      await store.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function openTables(
  store: ItemStore,
  named: NonNullable<LocalSettings['tables']>,
): Promise<ReadonlyMap<string, DynamoTable>> {
  const tables = new Map<string, DynamoTable>();
  for (const [name, hash, range] of named) {
    const table: DynamoTable = {
      ...{ name, logicalId: name, indexes: [] },
      arn: `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/${name}`,
      attributes: [hash, range].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
      keys: [
        { AttributeName: hash, KeyType: 'HASH' },
        { AttributeName: range, KeyType: 'RANGE' },
      ],
    };
    await store.createTable(table, undefined);
    tables.set(name, table);
  }
  return tables;
}

/** The last one named takes the dead letters of the others. */
function openQueues(directory: string, { queues: names = [], receivesMax = 1000 }: LocalSettings) {
  const queues = new Map<string, LocalQueue>();
  const dead = names.at(-1) ?? '';
  for (const name of names) {
    const settings = {
      ...{ name, visibilityMs: 30_000, delayMs: 0, retentionMs: 14 * 24 * 3_600_000, receivesMax },
      arn: `arn:aws:sqs:${REGION}:${ACCOUNT}:${name}`,
      deadLetters: () => (name === dead ? undefined : queues.get(dead)),
    };
    queues.set(name, openQueue(settings, path.join(directory, `${name}.journal`)));
  }
  return queues;
}

/** What an SDK client and a middleware stack of it have in common. */
type Stack = { add(middleware: unknown, options: object): void };

function openClients(endpoint: string) {
  // One try: what the SDK does by itself after a lost answer is not what is looked at here.
  const options = {
    ...{ endpoint, region: REGION, maxAttempts: 1 },
    credentials: { accessKeyId: OPERATOR_KEY, secretAccessKey: 'local' },
  };
  const clients = {
    dynamodb: new DynamoDBClient(options),
    s3: new S3Client({ ...options, forcePathStyle: true }),
    sqs: new SQSClient({ ...options, useQueueUrlAsEndpoint: false }),
    events: new EventBridgeClient(options),
    scheduler: new SchedulerClient(options),
  };
  let loses = false;
  const losing = (next: (args: unknown) => Promise<unknown>) => async (args: unknown) => {
    const answer = await next(args);
    if (!loses) return answer;
    loses = false;
    throw Object.assign(new Error('socket hang up'), { name: 'TimeoutError', code: 'ECONNRESET' });
  };
  for (const client of Object.values(clients))
    (client.middlewareStack as unknown as Stack).add(losing, { step: 'initialize', name: 'losing' });
  return {
    ...clients,
    loseNextAnswer: () => {
      loses = true;
    },
    destroy: () => {
      for (const client of Object.values(clients)) client.destroy();
    },
  };
}
