/**
 * One destination account: two lanes (express, bulk) of pointers, the loader that empties them, its secret, its dead
 * letters. A loader is the only function that can read the account's secret, and it can reach no other account's.
 */
import { CfnResource, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { CfnSecret } from 'aws-cdk-lib/aws-secretsmanager';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { QUEUE_RETENTION_MS, RECEIVES_MAX, VISIBILITY_PER_TIMEOUT } from '../shared/core/limits.ts';
import { laneQueueName, secretName } from '../shared/core/names.ts';
import { eventsOf } from './bus-events.ts';
import type { EngineParts } from './engine-parts.ts';
import { type Binding, makeFunction } from './functions.ts';
import { fromQueues, knowingSettings, onBus, onRuns, onStaging, onState, throughKey } from './grants.ts';
import { onlyReader } from './resource-policies.ts';
import type { Account } from './settings.ts';
import { loaderAccess } from './stage-access.ts';
import { STATE_ACCESS } from './state-access.ts';
import { removalOf } from './storage.ts';

const LANES = ['express', 'bulk'] as const;

/** The queues of an account; made before the functions that send to them. */
export class DestinationLane extends Construct {
  readonly account: Account;
  readonly express: sqs.Queue;
  readonly bulk: sqs.Queue;
  readonly deadLetters: sqs.Queue;

  constructor(scope: Construct, id: string, parts: EngineParts, account: Account) {
    super(scope, id);
    this.account = account;
    this.deadLetters = new sqs.Queue(this, 'DeadLetters', {
      ...queueDefaults(parts),
      visibilityTimeout: Duration.millis(VISIBILITY_PER_TIMEOUT * DEAD_LETTER_TIMEOUT_MS),
    });
    const [express, bulk] = LANES.map(
      (lane) =>
        new sqs.Queue(this, lane === 'express' ? 'Express' : 'Bulk', {
          ...queueDefaults(parts),
          queueName: laneQueueName(parts.name, account.name, lane),
          visibilityTimeout: Duration.millis(
            VISIBILITY_PER_TIMEOUT * parts.environment.timing.loaderTimeoutMs,
          ),
          deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: RECEIVES_MAX },
        }),
    ) as [sqs.Queue, sqs.Queue];
    this.express = express;
    this.bulk = bulk;
    this.takeFrom(parts.name);
  }

  /** Only its own lanes may have it as their queue of last resort. Names spelled out: they point at each other. */
  private takeFrom(environment: string): void {
    const { partition, region, account } = Stack.of(this);
    const sourceQueueArns = LANES.map(
      (lane) =>
        `arn:${partition}:sqs:${region}:${account}:${laneQueueName(environment, this.account.name, lane)}`,
    );
    const queue = this.deadLetters.node.defaultChild as sqs.CfnQueue;
    queue.redriveAllowPolicy = { redrivePermission: 'byQueue', sourceQueueArns };
  }
}

/** How long the function that buries dead letters may run; their queue's visibility follows from it. */
export const DEAD_LETTER_TIMEOUT_MS = 60_000;

/** Encrypted by the environment's key, TLS only, kept as long as SQS can. */
export const queueDefaults = ({ storage }: Pick<EngineParts, 'storage'>): sqs.QueueProps => ({
  encryption: sqs.QueueEncryption.KMS,
  encryptionMasterKey: storage.key,
  dataKeyReuse: Duration.hours(1),
  enforceSSL: true,
  retentionPeriod: Duration.millis(QUEUE_RETENTION_MS),
  removalPolicy: RemovalPolicy.DESTROY,
});

/** The loader of an account with its secret and its two sources. */
export function makeLoader(lane: DestinationLane, parts: EngineParts): lambda.Function {
  const { account } = lane;
  const { environment, storage } = parts;
  const { express, bulk } = account.concurrency;
  const secret = makeSecret(lane, parts);
  const loader = makeFunction(lane, 'LoadBatch', parts, {
    entry: 'load-batch',
    logName: `load-batch/${account.name}`,
    timeoutMs: environment.timing.loaderTimeoutMs,
    memoryMb: 512,
    ...(environment.reserveConcurrency ? { reservedConcurrency: express + bulk } : {}),
    bindings: [
      onRuns(storage, STATE_ACCESS.loader),
      onState(storage, ['GetItem', 'UpdateItem'], [`BUDGET#${account.name}`, `BREAKER#${account.name}`]),
      onStaging(storage, loaderAccess(account.name)),
      onBus(parts.bus, eventsOf('loader')),
      fromQueues(storage, [lane.express, lane.bulk], { changeVisibility: true }),
      readingSecret(secret, parts),
      knowingSettings(environment),
      { variables: { ACCOUNT: JSON.stringify(loaderAccount(account)) }, statements: [] },
    ],
  });
  onlyReader(lane, secret, loader);
  attachSource(lane, 'ExpressSource', loader, lane.express, express);
  attachSource(lane, 'BulkSource', loader, lane.bulk, bulk);
  return loader;
}

const loaderAccount = ({ concurrency: _lambdaOnly, ...account }: Account) => account;

/**
 * One pointer per invocation: a batch takes a good part of the timeout. Concurrency is bounded at the source, where
 * it burns no receive counts.
 */
function attachSource(
  lane: DestinationLane,
  id: string,
  loader: lambda.Function,
  queue: sqs.Queue,
  maxConcurrency: number,
): void {
  const source = new lambda.CfnEventSourceMapping(lane, id, {
    functionName: loader.functionName,
    eventSourceArn: queue.queueArn,
    batchSize: 1,
    functionResponseTypes: ['ReportBatchItemFailures'],
    scalingConfig: { maximumConcurrency: maxConcurrency },
  });
  dependOnPolicy(source, loader);
}

/** Lambda checks the role's permissions when it makes a source, so the policy must be there first. */
export function dependOnPolicy(source: CfnResource, fn: lambda.Function): void {
  const policy = fn.role?.node.tryFindChild('DefaultPolicy')?.node.defaultChild;
  if (policy instanceof CfnResource) source.addResourceDependency(policy);
}

/** Made without a value: the operator puts the account's credentials there, and they are in no template. */
function makeSecret(lane: DestinationLane, { name, environment, storage }: EngineParts): CfnSecret {
  const secret = new CfnSecret(lane, 'Secret', {
    name: secretName(name, lane.account.name),
    description: `Credentials of destination account ${lane.account.name}, one JSON object`,
    kmsKeyId: storage.key.keyArn,
  });
  secret.applyRemovalPolicy(removalOf(environment));
  return secret;
}

function readingSecret(secret: CfnSecret, { storage }: EngineParts): Binding {
  return {
    variables: { SECRET: secret.ref },
    statements: [
      { actions: ['secretsmanager:GetSecretValue'], resources: [secret.ref] },
      throughKey(storage.key, 'secretsmanager', ['Decrypt']),
    ],
  };
}
