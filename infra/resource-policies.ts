/**
 * What resources themselves refuse, whatever a role would allow: a second lock, also against roles outside of this
 * stack. Each is a Deny with the few who are meant to come through named in its condition.
 */
import { CfnResource, Stack } from 'aws-cdk-lib';
import type * as events from 'aws-cdk-lib/aws-events';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { CfnResourcePolicy, type CfnSecret } from 'aws-cdk-lib/aws-secretsmanager';
import type * as sns from 'aws-cdk-lib/aws-sns';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';

const everybody = (): iam.IPrincipal[] => [new iam.AnyPrincipal()];
const rolesOf = (functions: readonly lambda.Function[]): string[] =>
  functions.flatMap((fn) => (fn.role === undefined ? [] : [fn.role.roleArn]));

/**
 * A forged pointer is refused by the queue. AWS services are not named here: an event that could not be delivered
 * comes from one, and the queue's own allow statements say from which.
 */
export function admitSenders(queue: sqs.Queue, senders: readonly (lambda.Function | iam.Role)[]): void {
  const roles = senders.map((sender) =>
    'roleArn' in sender ? sender.roleArn : (rolesOf([sender])[0] ?? ''),
  );
  queue.addToResourcePolicy(
    new iam.PolicyStatement({
      sid: 'OnlyTheSenders',
      effect: iam.Effect.DENY,
      principals: everybody(),
      actions: ['sqs:SendMessage'],
      resources: [queue.queueArn],
      conditions: {
        ...(roles.length > 0 ? { ArnNotEquals: { 'aws:PrincipalArn': roles } } : {}),
        Bool: { 'aws:PrincipalIsAWSService': 'false' },
      },
    }),
  );
}

/** Objects without a word about encryption get the bucket's own; another kind or another key is refused. */
export function refuseOtherKeys(bucket: s3.Bucket, key: kms.IKey): void {
  const other = { 's3:x-amz-server-side-encryption': 'aws:kms' };
  const foreign = { 's3:x-amz-server-side-encryption-aws-kms-key-id': key.keyArn };
  const [kind, id] = [Object.keys(other), Object.keys(foreign)].map(([name = '']) => ({ [name]: 'false' }));
  for (const [sid, conditions] of [
    ['OnlyByKms', { Null: kind, StringNotEquals: other }],
    ['OnlyByThisKey', { Null: id, ArnNotEquals: foreign }],
  ] as const) {
    bucket.addToResourcePolicy(
      new iam.PolicyStatement({
        sid,
        effect: iam.Effect.DENY,
        principals: everybody(),
        actions: ['s3:PutObject'],
        resources: [bucket.arnForObjects('*')],
        conditions,
      }),
    );
  }
}

/** A topic with a policy of its own has lost the one that lets the account's alarms publish. */
export function letAlarmsPublish(topic: sns.Topic): void {
  const { partition, region, account, stackName } = Stack.of(topic);
  topic.addToResourcePolicy(
    new iam.PolicyStatement({
      sid: 'Alarms',
      principals: [new iam.ServicePrincipal('cloudwatch.amazonaws.com')],
      actions: ['sns:Publish'],
      resources: [topic.topicArn],
      conditions: {
        StringEquals: { 'aws:SourceAccount': account },
        ArnLike: { 'aws:SourceArn': `arn:${partition}:cloudwatch:${region}:${account}:alarm:${stackName}-*` },
      },
    }),
  );
}

/**
 * Nobody else speaks to owners or operators in the engine's name. Where alarms publish too, a service of AWS is not named
 * here: CloudWatch publishes as the service principal `cloudwatch.amazonaws.com`, which is why `aws:PrincipalIsAWSService` is
 * true of it, and what lets it come at all, and for which alarms, is said by `letAlarmsPublish`.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalisawsservice
 */
export function onlyPublisher(
  topic: sns.Topic,
  publisher: lambda.Function,
  { andAlarms = false }: { readonly andAlarms?: boolean } = {},
): void {
  topic.addToResourcePolicy(
    new iam.PolicyStatement({
      sid: 'OnlyThePublisher',
      effect: iam.Effect.DENY,
      principals: everybody(),
      actions: ['sns:Publish'],
      resources: [topic.topicArn],
      conditions: {
        ArnNotEquals: { 'aws:PrincipalArn': rolesOf([publisher]) },
        ...(andAlarms ? { Bool: { 'aws:PrincipalIsAWSService': 'false' } } : {}),
      },
    }),
  );
}

/**
 * A forged event is refused by the bus: what is said there wakes functions and becomes a record of the audit. No service of
 * AWS publishes on it. By its type's name: the CDK's class has a deprecated property that cdk-nag reads, and warns of it.
 */
export function onlyPublishers(bus: events.EventBus, publishers: readonly lambda.Function[]): void {
  const sid = 'OnlyThePublishers';
  const statement = new iam.PolicyStatement({
    sid,
    effect: iam.Effect.DENY,
    principals: everybody(),
    actions: ['events:PutEvents'],
    resources: [bus.eventBusArn],
    conditions: { ArnNotEquals: { 'aws:PrincipalArn': rolesOf(publishers) } },
  });
  new CfnResource(bus, 'Policy', {
    type: 'AWS::Events::EventBusPolicy',
    properties: { EventBusName: bus.eventBusName, StatementId: sid, Statement: statement.toStatementJson() },
  });
}

/**
 * A bucket that only grows: one function adds, and only where nothing is yet; nobody deletes or writes over, whatever
 * their roles allow. https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
 */
export function onlyAddedTo(bucket: s3.Bucket, writer: lambda.Function): void {
  const objects = [bucket.arnForObjects('*')];
  const denies = [
    ['OnlyTheWriter', ['s3:PutObject'], { ArnNotEquals: { 'aws:PrincipalArn': rolesOf([writer]) } }],
    ['OnlyNewObjects', ['s3:PutObject'], { Null: { 's3:if-none-match': 'true' } }],
    [
      'NobodyDeletes',
      ['s3:DeleteObject', 's3:DeleteObjectVersion', 's3:BypassGovernanceRetention'],
      undefined,
    ],
  ] as const;
  for (const [sid, actions, conditions] of denies) {
    bucket.addToResourcePolicy(
      new iam.PolicyStatement({
        sid,
        effect: iam.Effect.DENY,
        principals: everybody(),
        actions: [...actions],
        resources: objects,
        ...(conditions === undefined ? {} : { conditions }),
      }),
    );
  }
}

/** Not even an administrator reads an account's credentials back; writing them is not touched. */
export function onlyReader(scope: Construct, secret: CfnSecret, reader: lambda.Function): void {
  new CfnResourcePolicy(scope, 'SecretPolicy', {
    secretId: secret.ref,
    blockPublicPolicy: true,
    resourcePolicy: new iam.PolicyDocument({
      statements: [
        new iam.PolicyStatement({
          sid: 'OnlyTheLoader',
          effect: iam.Effect.DENY,
          principals: everybody(),
          actions: ['secretsmanager:GetSecretValue'],
          resources: [secret.ref],
          conditions: { ArnNotEquals: { 'aws:PrincipalArn': rolesOf([reader]) } },
        }),
      ],
    }),
  });
}
