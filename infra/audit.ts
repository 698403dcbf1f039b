/**
 * The audit of an environment: a bucket that only grows, the one function that adds to it, and what calls that: the
 * stream of definitions, events of runs and of what people ask for, and a look once a day for what was missed.
 *
 * The function publishes nothing and writes nowhere else, so no record can lead to another.
 */
import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as scheduler from 'aws-cdk-lib/aws-scheduler';
import type { Construct } from 'constructs';
import { dependOnPolicy } from './destination-lane.ts';
import { readingDefinitionStream } from './engine-abilities.ts';
import type { EngineParts } from './engine-parts.ts';
import { type Binding, makeFunction } from './functions.ts';
import { EVENT_SOURCE, onStaging, onState, throughKey } from './grants.ts';
import { onlyAddedTo, refuseOtherKeys } from './resource-policies.ts';
import { AUDIT_ACCESS } from './stage-access.ts';

export type Audit = { readonly bucket: s3.Bucket; readonly recordAudit: lambda.Function };

const KEPT = [
  ...['Run Committed', 'Run Failed', 'Run Fenced', 'Run Discarded'],
  ...['Operator Asked', 'Operator Answered'],
];

export function makeAudit(scope: Construct, parts: EngineParts): Audit {
  const bucket = makeAuditBucket(scope, parts);
  const recordAudit = makeFunction(scope, 'RecordAudit', parts, {
    entry: 'record-audit',
    timeoutMs: 120_000,
    memoryMb: 256,
    bindings: bindingsOf(parts, bucket),
  });
  onlyAddedTo(bucket, recordAudit);
  onDefinitionWrites(scope, parts, recordAudit);
  onEvents(scope, parts, recordAudit);
  lookEveryDay(scope, parts, recordAudit);
  return { bucket, recordAudit };
}

/** Nothing expires, and it stays when the stack goes: a record that can be lost by a deploy is none. */
function makeAuditBucket(scope: Construct, { environment, storage }: EngineParts): s3.Bucket {
  const { objectLockDays, objectLockMode } = environment.audit;
  const lock =
    objectLockDays === undefined
      ? {}
      : {
          objectLockEnabled: true,
          objectLockDefaultRetention:
            objectLockMode === 'compliance'
              ? s3.ObjectLockRetention.compliance(Duration.days(objectLockDays))
              : s3.ObjectLockRetention.governance(Duration.days(objectLockDays)),
        };
  const bucket = new s3.Bucket(scope, 'Audit', {
    encryption: s3.BucketEncryption.KMS,
    encryptionKey: storage.key,
    bucketKeyEnabled: true,
    versioned: true,
    ...lock,
    blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
    objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    serverAccessLogsBucket: storage.accessLogs,
    serverAccessLogsPrefix: 'audit/',
    removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
  });
  refuseOtherKeys(bucket, storage.key);
  return bucket;
}

function bindingsOf(parts: EngineParts, bucket: s3.Bucket): readonly Binding[] {
  const { storage, undelivered } = parts;
  return [
    onState(storage, ['GetItem'], ['RUN#*']),
    onState(storage, ['Query'], ['SYNC']),
    onStaging(storage, AUDIT_ACCESS),
    readingDefinitionStream(parts),
    {
      variables: { AUDIT_BUCKET: bucket.bucketName },
      statements: [
        { actions: ['s3:PutObject'], resources: [bucket.arnForObjects('*')] },
        // Names only, to find what is missing.
        { actions: ['s3:ListBucket'], resources: [bucket.bucketArn] },
        throughKey(storage.key, 's3', ['GenerateDataKey']),
      ],
    },
    {
      variables: {},
      statements: [
        { actions: ['sqs:SendMessage'], resources: [undelivered.queueArn] },
        throughKey(storage.key, 'sqs', ['Decrypt', 'GenerateDataKey']),
      ],
    },
  ];
}

/** What people write, and what the engine makes of it. */
function onDefinitionWrites(
  scope: Construct,
  { storage, undelivered }: EngineParts,
  fn: lambda.Function,
): void {
  const { tableStreamArn } = storage.definitions;
  const source = new lambda.CfnEventSourceMapping(scope, 'AuditedWrites', {
    functionName: fn.functionName,
    ...(tableStreamArn === undefined ? {} : { eventSourceArn: tableStreamArn }),
    startingPosition: 'TRIM_HORIZON',
    batchSize: 10,
    bisectBatchOnFunctionError: true,
    // What is given up is told by shard and number only; the stream keeps the record itself for a day. So half of that
    // is for us, and half for whoever is told.
    maximumRetryAttempts: 1000,
    maximumRecordAgeInSeconds: 43_200,
    functionResponseTypes: ['ReportBatchItemFailures'],
    destinationConfig: { onFailure: { destination: undelivered.queueArn } },
    filterCriteria: {
      filters: [
        { pattern: JSON.stringify({ dynamodb: { Keys: { item: { S: ['definition', 'status'] } } } }) },
      ],
    },
  });
  dependOnPolicy(source, fn);
}

/** Spelled out for the metric of what the rule lost, as in `engine.ts`. */
export const auditRuleName = (scope: Construct): string => `${Stack.of(scope).stackName}-Audited`;

function onEvents(scope: Construct, { bus, undelivered }: EngineParts, fn: lambda.Function): void {
  new events.Rule(scope, 'Audited', {
    ruleName: auditRuleName(scope),
    description: 'A run has ended, or somebody asked the engine for something',
    eventBus: bus,
    eventPattern: { source: [EVENT_SOURCE], detailType: KEPT },
    targets: [
      new targets.LambdaFunction(fn, {
        deadLetterQueue: undelivered,
        // The longest that EventBridge offers: what people asked for is said by this event alone.
        retryAttempts: 185,
        maxEventAge: Duration.hours(24),
      }),
    ],
  });
}

function lookEveryDay(scope: Construct, { schedules, undelivered }: EngineParts, fn: lambda.Function): void {
  schedules.role.addToPolicy(
    new iam.PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [fn.functionArn] }),
  );
  new scheduler.CfnSchedule(scope, 'AuditSchedule', {
    groupName: schedules.group.ref,
    description: 'Writes down runs whose event was lost',
    scheduleExpression: 'rate(1 day)',
    flexibleTimeWindow: { mode: 'OFF' },
    target: {
      arn: fn.functionArn,
      roleArn: schedules.role.roleArn,
      input: '{}',
      retryPolicy: { maximumRetryAttempts: 2, maximumEventAgeInSeconds: 3600 },
      deadLetterConfig: { arn: undelivered.queueArn },
    },
  });
}
