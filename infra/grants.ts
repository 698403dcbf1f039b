/**
 * What a function may be bound to: each gives the variable that names a resource together with the statements that
 * let it be used. Actions are listed, resources exact; a `*` carries its reason.
 */
import { Fn } from 'aws-cdk-lib';
import type * as events from 'aws-cdk-lib/aws-events';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import type { EngineEvent } from '../shared/ports.ts';
import type { Binding } from './functions.ts';
import type { Account, Environment } from './settings.ts';
import type { StateAccess } from './state-access.ts';
import type { Storage } from './storage.ts';

type TableAction = 'GetItem' | 'Query' | 'UpdateItem' | 'PutItem' | 'DeleteItem';
type KeyAction = 'Decrypt' | 'Encrypt' | 'GenerateDataKey' | 'DescribeKey';

/** Items of the state table whose partition matches one of the patterns, and no others. */
export function onState(
  storage: Storage,
  actions: readonly TableAction[],
  partitions: readonly string[],
): Binding {
  return {
    variables: { STATE_TABLE: storage.state.tableName },
    statements: [
      {
        actions: actions.map((action) => `dynamodb:${action}`),
        resources: [storage.state.tableArn],
        conditions: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [...partitions] } },
      },
      throughKey(storage.key, 'dynamodb', TABLE_KEY_ACTIONS),
    ],
  };
}

/** What a function's use cases read and write of the state of runs. */
export function onRuns(storage: Storage, { read, write }: StateAccess): Binding {
  const [reading, writing] = [onState(storage, ['GetItem'], read), onState(storage, ['UpdateItem'], write)];
  return { variables: reading.variables, statements: [...reading.statements, ...writing.statements] };
}

/** Definition and status of every sync. */
export function onDefinitions(storage: Storage, actions: readonly TableAction[]): Binding {
  return {
    variables: { DEFINITIONS_TABLE: storage.definitions.tableName },
    statements: [
      {
        actions: actions.map((action) => `dynamodb:${action}`),
        resources: [storage.definitions.tableArn],
      },
      throughKey(storage.key, 'dynamodb', TABLE_KEY_ACTIONS),
    ],
  };
}

/**
 * Objects of the staging bucket by key pattern. `list` also decides how S3 answers for an object that is not there:
 * without it "no such key" looks like "access denied".
 */
export function onStaging(
  storage: Storage,
  may: {
    readonly read?: readonly string[];
    readonly write?: readonly string[];
    readonly mark?: readonly string[];
    readonly list?: boolean;
  },
): Binding {
  const { staging, key } = storage;
  const objects = (patterns: readonly string[]) => patterns.map((pattern) => staging.arnForObjects(pattern));
  const keyActions: KeyAction[] = [
    ...(may.read === undefined ? [] : (['Decrypt'] as const)),
    ...(may.write === undefined ? [] : (['GenerateDataKey'] as const)),
  ];
  return {
    variables: { STAGING_BUCKET: staging.bucketName },
    statements: [
      ...(may.list === true ? [{ actions: ['s3:ListBucket'], resources: [staging.bucketArn] }] : []),
      ...(may.read === undefined ? [] : [{ actions: ['s3:GetObject'], resources: objects(may.read) }]),
      ...(may.write === undefined ? [] : [{ actions: ['s3:PutObject'], resources: objects(may.write) }]),
      ...((may.mark ?? []).length === 0
        ? []
        : [{ actions: ['s3:PutObjectTagging'], resources: objects(may.mark ?? []) }]),
      ...(keyActions.length > 0 ? [throughKey(key, 's3', keyActions)] : []),
    ],
  };
}

/** Publishing on the environment's bus, in the engine's name only. */
export function onBus(bus: events.EventBus, types: readonly EngineEvent['type'][]): Binding {
  return {
    variables: { EVENT_BUS: bus.eventBusName },
    statements: [
      {
        actions: ['events:PutEvents'],
        resources: [bus.eventBusArn],
        conditions: {
          StringEquals: { 'events:source': EVENT_SOURCE },
          // If it is there: where AWS did not fill it in, nothing could be published at all.
          StringEqualsIfExists: { 'events:detail-type': [...types] },
        },
      },
    ],
  };
}
export const EVENT_SOURCE = 'tailrace';

/** Sending pointers to the lanes of every account. All queues share one URL prefix, which keeps variables short. */
export function onLanes(storage: Storage, lanes: readonly sqs.Queue[]): Binding {
  const [first] = lanes;
  if (first === undefined) return { variables: { QUEUE_URL_PREFIX: '' }, statements: [] };
  return {
    variables: { QUEUE_URL_PREFIX: urlPrefix(first) },
    statements: [
      { actions: ['sqs:SendMessage'], resources: lanes.map((lane) => lane.queueArn) },
      throughKey(storage.key, 'sqs', ['Decrypt', 'GenerateDataKey']),
    ],
  };
}

/** A queue's URL without its name. */
function urlPrefix(queue: sqs.Queue): string {
  const parts = Fn.split('/', queue.queueUrl, 5);
  return Fn.join(
    '/',
    [0, 1, 2, 3].map((at) => Fn.select(at, parts)),
  );
}

/** What the poller of an event source mapping does with the function's role, and what `again` needs. */
export function fromQueues(
  storage: Storage,
  queues: readonly sqs.Queue[],
  more: { readonly changeVisibility?: boolean } = {},
): Binding {
  const [first] = queues;
  if (first === undefined) return { variables: {}, statements: [] };
  const poll = ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'];
  return {
    variables: more.changeVisibility === true ? { QUEUE_URL_PREFIX: urlPrefix(first) } : {},
    statements: [
      {
        actions: more.changeVisibility === true ? [...poll, 'sqs:ChangeMessageVisibility'] : poll,
        resources: queues.map((queue) => queue.queueArn),
      },
      throughKey(storage.key, 'sqs', ['Decrypt']),
    ],
  };
}

/** Events that a function could not take go there (asynchronous calls, streams). */
export function toUndelivered(storage: Storage, undelivered: sqs.Queue): Binding {
  return {
    variables: {},
    statements: [
      { actions: ['sqs:SendMessage'], resources: [undelivered.queueArn] },
      throughKey(storage.key, 'sqs', ['Decrypt', 'GenerateDataKey']),
    ],
  };
}

/** The one role that a Redshift statement belongs to. */
export function asWarehouse(roleArn: string, settings: Readonly<Record<string, string>>): Binding {
  return {
    variables: { WAREHOUSE: JSON.stringify({ role: roleArn, ...settings }) },
    statements: [{ actions: ['sts:AssumeRole'], resources: [roleArn] }],
  };
}

/** Times, the way of extraction and what counts as personal: the environment's settings. */
export function knowingSettings({ timing, extraction, personalColumns }: Environment): Binding {
  const personal = personalColumns.length === 0 ? {} : { personalColumns };
  const stage = { ...timing, extraction: extraction.by, ...personal };
  return { variables: { STAGE: JSON.stringify(stage) }, statements: [] };
}

/** What the engine knows about accounts, without their destination's settings. */
export function knowingAccounts(accounts: readonly Account[]): Binding {
  const known = accounts.map(({ name, destination, rate, requestRowsMax, requestsInFlight }) => ({
    name,
    destination,
    rate,
    requestRowsMax,
    requestsInFlight,
  }));
  return { variables: { ACCOUNTS: JSON.stringify(known) }, statements: [] };
}

/** The customer key, only for requests that come through the named service. */
export function throughKey(
  key: kms.IKey,
  service: 'dynamodb' | 's3' | 'sqs' | 'sns' | 'secretsmanager',
  actions: readonly KeyAction[],
): iam.PolicyStatementProps {
  return {
    actions: actions.map((action) => `kms:${action}`),
    resources: [key.keyArn],
    conditions: {
      StringEquals: { 'kms:ViaService': `${service}.${regionOf(key)}.amazonaws.com` },
    },
  };
}

/** Also of a key that was there before: by its ARN. */
const regionOf = (key: kms.IKey): string => key.env.region;

const TABLE_KEY_ACTIONS = ['Decrypt', 'Encrypt', 'GenerateDataKey', 'DescribeKey'] as const;
