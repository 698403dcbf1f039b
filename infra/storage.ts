/**
 * What outlives every run: the key, the two tables, the staging bucket. All of it is encrypted by one key of the
 * environment, refuses plain text transport, and stays when the stack goes, unless the settings say otherwise.
 */
import { CfnOutput, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { RUN_OBJECTS_DAYS, SUPERSEDED_DAYS } from '../shared/core/limits.ts';
import { SUPERSEDED_TAG } from '../shared/core/names.ts';
import { refuseOtherKeys } from './resource-policies.ts';
import type { Environment } from './settings.ts';

export type Storage = {
  readonly key: kms.IKey;
  /** People edit it; its stream tells the reconciler. Key: syncId, item (`definition`, `status`). */
  readonly definitions: dynamodb.Table;
  /** The engine's own. Key: partition, sort. */
  readonly state: dynamodb.Table;
  /** `runs/<sync>/<epoch>/...` and `kept/<sync>/<epoch>/...`, every object written once. */
  readonly staging: s3.Bucket;
  /** Who touched which object of the other buckets. */
  readonly accessLogs: s3.IBucket;
};

/** Tables, bucket and key of one environment. */
export function makeStorage(scope: Construct, name: string, environment: Environment): Storage {
  const key = makeKey(scope, name, environment);
  const accessLogs = makeAccessLogs(scope, environment);
  const staging = makeBucket(scope, environment, key, accessLogs);
  refuseOtherKeys(staging, key);
  return {
    key,
    definitions: makeTable(scope, 'Definitions', environment, key, {
      partitionKey: { name: 'syncId', type: dynamodb.AttributeType.STRING },
      sortKey: { name: 'item', type: dynamodb.AttributeType.STRING },
      // The reconciler reads keys alone; the audit needs what was there before and after.
      stream: dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
    }),
    state: makeTable(scope, 'State', environment, key, {
      partitionKey: { name: 'partition', type: dynamodb.AttributeType.STRING },
      sortKey: { name: 'sort', type: dynamodb.AttributeType.STRING },
    }),
    staging,
    accessLogs,
  };
}

/**
 * Stateful resources stay when the stack goes, unless the environment is a throw-away one. What a first deployment made
 * before it failed goes: secrets and log groups have names of their own, and would be in the way of the next try.
 */
export const removalOf = (environment: Environment): RemovalPolicy =>
  environment.retain ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY;

function makeKey(scope: Construct, name: string, environment: Environment): kms.IKey {
  const { keyArn } = environment;
  const key =
    keyArn === undefined
      ? new kms.Key(scope, 'Key', {
          description: 'Tailrace: everything at rest of this environment',
          enableKeyRotation: true,
          // The audit always stays, and could not be read without it.
          removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        })
      : kms.Key.fromKeyArn(scope, 'Key', keyArn);
  letUseKey(scope, 'KeyStatements', key, servicesThatEncrypt(scope, name, environment));
  return key;
}

/** In the policy of the stack's own key; a key of the user's own has the user's policy, so they are told in an output. */
export function letUseKey(
  scope: Construct,
  output: string,
  key: kms.IKey,
  statements: readonly iam.PolicyStatement[],
): void {
  const isOurs = statements.every((statement) => key.addToResourcePolicy(statement).statementAdded);
  if (isOurs) return;
  const value = JSON.stringify(statements.map((statement) => statement.toStatementJson()));
  new CfnOutput(scope, output, { value, description: 'Add these statements to the policy of your key' });
}

/** AWS services that write for us without a role of ours: each only for this stack's own resources. */
function servicesThatEncrypt(
  scope: Construct,
  name: string,
  environment: Environment,
): iam.PolicyStatement[] {
  const { account, region } = environment.aws;
  const { partition, stackName } = Stack.of(scope);
  const source = (service: string, resource: string): string =>
    `arn:${partition}:${service}:${region}:${account}:${resource}`;
  // EventBridge is not documented to name the rule when it encrypts for a queue.
  const alarms = { 'aws:SourceArn': source('cloudwatch', `alarm:${stackName}-*`) };
  const services = [
    ['EventBridge', 'events', {}],
    ['Alarms', 'cloudwatch', { ArnLike: alarms }],
  ] as const;
  const logs = {
    sid: 'Logs',
    principals: [new iam.ServicePrincipal(`logs.${region}.amazonaws.com`)],
    actions: [
      'kms:Decrypt',
      'kms:Encrypt',
      'kms:GenerateDataKey',
      'kms:ReEncryptFrom',
      'kms:ReEncryptTo',
      'kms:DescribeKey',
    ],
    conditions: {
      ArnLike: { 'kms:EncryptionContext:aws:logs:arn': source('logs', `log-group:/tailrace/${name}/*`) },
    },
  };
  const others = services.map(([sid, service, conditions]) => ({
    sid,
    principals: [new iam.ServicePrincipal(`${service}.amazonaws.com`)],
    actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
    conditions: { StringEquals: { 'aws:SourceAccount': account }, ...conditions },
  }));
  return [...others, logs].map((one) => new iam.PolicyStatement({ ...one, resources: ['*'] }));
}

function makeTable(
  scope: Construct,
  id: string,
  environment: Environment,
  key: kms.IKey,
  props: Pick<dynamodb.TableProps, 'partitionKey' | 'sortKey' | 'stream'>,
): dynamodb.Table {
  return new dynamodb.Table(scope, id, {
    ...props,
    billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
    encryption: dynamodb.TableEncryption.CUSTOMER_MANAGED,
    encryptionKey: key,
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    deletionProtection: environment.retain,
    // Not even a first deployment that fails could delete a table that is protected.
    removalPolicy: environment.retain ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
  });
}

/**
 * Objects of a run expire by age, later than anybody may use them; failure sets only when a later run has marked them as
 * superseded, since a sync may sleep for any number of days (docs/decisions/0097).
 */
function makeBucket(
  scope: Construct,
  environment: Environment,
  key: kms.IKey,
  accessLogs: s3.IBucket,
): s3.Bucket {
  return new s3.Bucket(scope, 'Staging', {
    encryption: s3.BucketEncryption.KMS,
    encryptionKey: key,
    bucketKeyEnabled: true,
    blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
    objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    lifecycleRules: [
      { abortIncompleteMultipartUploadAfter: Duration.days(1) },
      { prefix: 'runs/', expiration: Duration.days(RUN_OBJECTS_DAYS) },
      {
        prefix: 'kept/',
        tagFilters: { [SUPERSEDED_TAG.key]: SUPERSEDED_TAG.value },
        expiration: Duration.days(SUPERSEDED_DAYS),
      },
    ],
    serverAccessLogsBucket: accessLogs,
    serverAccessLogsPrefix: 'staging/',
    removalPolicy: removalOf(environment),
  });
}

/** Who read, wrote or removed an object: names, never contents. S3 can write these logs under its own key only. */
function makeAccessLogs(scope: Construct, environment: Environment): s3.IBucket {
  const bucket = new s3.Bucket(scope, 'AccessLogs', {
    encryption: s3.BucketEncryption.S3_MANAGED,
    blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
    objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    lifecycleRules: [{ expiration: Duration.days(environment.logRetentionDays) }],
    removalPolicy: removalOf(environment),
  });
  // The class and its interface disagree on what may be undefined; it is one all the same.
  return bucket as s3.IBucket;
}
