/**
 * A small template with one of everything, and a stack that runs it: two functions, two queues, two tables, a bucket,
 * a bus with a rule, schedules, a secret, a key, a role to take on.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { DynamoDBClient, QueryCommand } from '@aws-sdk/client-dynamodb';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { type LocalStack, type StackSettings, startStack } from '../../local/stack.ts';

export const STACK_NAME = 'Fixture';
const HANDLERS = fileURLToPath(new URL('./handlers', import.meta.url));

/** Writes a cloud assembly into the directory, as `cdk synth` would. */
export function writeAssembly(
  directory: string,
  resources: Readonly<Record<string, unknown>> = TEMPLATE,
): void {
  mkdirSync(directory, { recursive: true });
  const write = (name: string, content: unknown): void =>
    writeFileSync(path.join(directory, name), JSON.stringify(content));
  write('manifest.json', {
    artifacts: {
      [STACK_NAME]: {
        type: 'aws:cloudformation:stack',
        environment: 'aws://000000000000/us-east-1',
        properties: { templateFile: 'Fixture.template.json' },
      },
    },
  });
  write('Fixture.template.json', {
    Resources: resources,
    Outputs: Object.fromEntries(
      ['Table', 'Seen', 'Bucket', 'Queue', 'DeadLetters', 'Probe', 'Collector', 'Group', 'Topic']
        .filter((name) => name in resources)
        .map((name) => [name, { Value: { Ref: name } }]),
    ),
  });
  write('Fixture.assets.json', {
    files: Object.fromEntries(
      ['probe', 'collector'].map((name) => [
        name,
        {
          source: { path: path.relative(directory, path.join(HANDLERS, name)) },
          destinations: { current: { objectKey: `${name}.zip` } },
        },
      ]),
    ),
  });
}

export type Fixture = {
  readonly stack: LocalStack;
  readonly directory: string;
  /** Options for an SDK client of the operator. */
  readonly client: {
    endpoint: string;
    region: string;
    credentials: LocalStack['credentials'];
    maxAttempts: number;
  };
  /** Invokes the probe and gives its answer. */
  probe(event: object): Promise<{ readonly error: string | undefined; readonly answer: ProbeAnswer }>;
  /** Events that the collector has seen from a source, once there are so many. */
  seen(source: string, count: number): Promise<readonly SeenEvent[]>;
  close(): Promise<void>;
};

export type ProbeAnswer = {
  readonly ok?: boolean;
  readonly name?: string;
  readonly message?: string;
  readonly output?: Readonly<Record<string, unknown>>;
  readonly item?: unknown;
  readonly errorType?: string;
  readonly errorMessage?: string;
  readonly invocations?: number;
  readonly remainingMs?: number;
  readonly home?: string;
};
export type SeenEvent = Readonly<Record<string, unknown>> & { readonly body?: string };

export async function startFixture(settings: Partial<StackSettings> = {}): Promise<Fixture> {
  const directory = mkdtempSync(path.join(tmpdir(), 'tailrace-local-'));
  writeAssembly(path.join(directory, 'cdk.out'));
  const stack = await startStack({
    assembly: path.join(directory, 'cdk.out'),
    stackName: STACK_NAME,
    dataDir: path.join(directory, 'data'),
    secrets: { 'fixture/secret': { token: 'open sesame' } },
    ...settings,
  });
  const { endpoint, region, credentials } = stack;
  const client = { endpoint, region, credentials, maxAttempts: 1 };
  const lambda = new LambdaClient(client);
  return {
    stack,
    directory,
    client,
    async probe(event) {
      const answer = await lambda.send(
        new InvokeCommand({ FunctionName: stack.outputs.Probe, Payload: JSON.stringify(event) }),
      );
      return {
        error: answer.FunctionError,
        answer: JSON.parse(Buffer.from(answer.Payload ?? []).toString()),
      };
    },
    seen: (source, count) => seen(new DynamoDBClient(client), stack.outputs.Seen ?? '', source, count),
    async close() {
      await stack.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

const WAIT_MS_MAX = 30_000;
const POLL_MS = 25;

export async function seen(
  client: DynamoDBClient,
  table: string,
  source: string,
  count: number,
): Promise<SeenEvent[]> {
  const deadline = Date.now() + WAIT_MS_MAX;
  for (;;) {
    const { Items = [] } = await client.send(
      new QueryCommand({
        TableName: table,
        KeyConditionExpression: '#source = :source',
        ExpressionAttributeNames: { '#source': 'source' },
        ExpressionAttributeValues: { ':source': { S: source } },
      }),
    );
    if (Items.length >= count) return Items.map((item) => JSON.parse(item.event?.S ?? '{}') as SeenEvent);
    assert.ok(Date.now() < deadline, `only ${Items.length} of ${count} events of ${source} were seen`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** `Fn::Sub` with angle brackets for its placeholders. */
const sub = (text: string) => ({ 'Fn::Sub': text.replaceAll('<', '${').replaceAll('>', '}') });
const arnOf = (logicalId: string) => ({ 'Fn::GetAtt': [logicalId, 'Arn'] });
const allow = (Action: string | string[], Resource: unknown, more: object = {}) => ({
  Effect: 'Allow',
  Action,
  Resource,
  ...more,
});
const trusting = (principal: object) => ({
  Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Principal: principal }],
});
const role = (principal: object, ...statements: object[]) => ({
  Type: 'AWS::IAM::Role',
  Properties: {
    AssumeRolePolicyDocument: trusting(principal),
    Policies: [{ PolicyName: 'Inline', PolicyDocument: { Statement: statements } }],
  },
});
const fn = (name: string, Variables: object, more: object = {}) => ({
  Type: 'AWS::Lambda::Function',
  Properties: {
    Code: { S3Bucket: sub('assets-<AWS::AccountId>'), S3Key: `${name.toLowerCase()}.zip` },
    Handler: 'index.handler',
    Role: arnOf(`${name}Role`),
    Timeout: 2,
    MemorySize: 256,
    Environment: { Variables },
    ...more,
  },
});
const table = (more: object = {}) => ({
  Type: 'AWS::DynamoDB::Table',
  Properties: {
    AttributeDefinitions: [
      { AttributeName: 'source', AttributeType: 'S' },
      { AttributeName: 'id', AttributeType: 'S' },
    ],
    KeySchema: [
      { AttributeName: 'source', KeyType: 'HASH' },
      { AttributeName: 'id', KeyType: 'RANGE' },
    ],
    BillingMode: 'PAY_PER_REQUEST',
    ...more,
  },
});
const LAMBDA = { Service: 'lambda.amazonaws.com' };

export const TEMPLATE: Readonly<Record<string, unknown>> = {
  Table: table({ StreamSpecification: { StreamViewType: 'NEW_AND_OLD_IMAGES' } }),
  Seen: table(),
  Bucket: { Type: 'AWS::S3::Bucket', Properties: {} },
  Key: {
    Type: 'AWS::KMS::Key',
    Properties: {
      KeyPolicy: {
        Statement: [
          {
            Effect: 'Allow',
            Action: 'kms:*',
            Principal: { AWS: sub('arn:aws:iam::<AWS::AccountId>:root') },
            Resource: '*',
          },
        ],
      },
    },
  },
  DeadLetters: { Type: 'AWS::SQS::Queue', Properties: {} },
  Queue: {
    Type: 'AWS::SQS::Queue',
    Properties: {
      VisibilityTimeout: 1,
      RedrivePolicy: { deadLetterTargetArn: arnOf('DeadLetters'), maxReceiveCount: 2 },
    },
  },
  Bus: { Type: 'AWS::Events::EventBus', Properties: { Name: 'fixture' } },
  Rule: {
    Type: 'AWS::Events::Rule',
    Properties: {
      EventBusName: { Ref: 'Bus' },
      EventPattern: { source: ['fixture'], detail: { name: [{ prefix: 'a/' }] } },
      Targets: [{ Id: 'collector', Arn: arnOf('Collector') }],
    },
  },
  RulePermission: {
    Type: 'AWS::Lambda::Permission',
    Properties: {
      Action: 'lambda:InvokeFunction',
      FunctionName: arnOf('Collector'),
      Principal: 'events.amazonaws.com',
      SourceArn: arnOf('Rule'),
    },
  },
  Group: { Type: 'AWS::Scheduler::ScheduleGroup', Properties: { Name: 'fixture' } },
  SchedulerRole: role(
    { Service: 'scheduler.amazonaws.com' },
    allow('lambda:InvokeFunction', arnOf('Collector')),
  ),
  Schedule: {
    Type: 'AWS::Scheduler::Schedule',
    Properties: {
      GroupName: { Ref: 'Group' },
      ScheduleExpression: 'rate(1 minute)',
      FlexibleTimeWindow: { Mode: 'OFF' },
      Target: {
        Arn: arnOf('Collector'),
        RoleArn: arnOf('SchedulerRole'),
        Input: '{"at":"<aws.scheduler.scheduled-time>"}',
      },
    },
  },
  Secret: {
    Type: 'AWS::SecretsManager::Secret',
    Properties: { Name: 'fixture/secret', KmsKeyId: arnOf('Key') },
  },
  Topic: { Type: 'AWS::SNS::Topic', Properties: {} },
  Alarm: { Type: 'AWS::CloudWatch::Alarm', Properties: { AnythingAtAll: true } },
  ReaderRole: role({ AWS: arnOf('ProbeRole') }, allow('s3:GetObject', sub('<Bucket.Arn>/*'))),
  ProbeRole: role(
    LAMBDA,
    allow(['dynamodb:PutItem', 'dynamodb:UpdateItem'], arnOf('Table'), {
      Condition: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['mine', 'team-*'] } },
    }),
    allow('s3:PutObject', { 'Fn::Join': ['', [arnOf('Bucket'), '/runs/*']] }),
    allow('sts:AssumeRole', arnOf('ReaderRole')),
    allow('secretsmanager:GetSecretValue', { Ref: 'Secret' }),
    allow('events:PutEvents', arnOf('Bus'), { Condition: { StringEquals: { 'events:source': 'fixture' } } }),
    { Effect: 'Deny', Action: 's3:*', Resource: sub('<Bucket.Arn>/runs/secret/*') },
  ),
  CollectorRole: role(
    LAMBDA,
    allow('dynamodb:PutItem', arnOf('Seen')),
    allow(['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'], arnOf('Queue')),
    allow(
      ['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator', 'dynamodb:ListStreams'],
      sub('<Table.Arn>/stream/*'),
    ),
  ),
  Probe: fn('Probe', { PROBE_NAME: 'probe' }, { ReservedConcurrentExecutions: 2 }),
  Collector: fn('Collector', { SEEN_TABLE: { Ref: 'Seen' } }, { Timeout: 20 }),
  FromQueue: {
    Type: 'AWS::Lambda::EventSourceMapping',
    Properties: {
      EventSourceArn: arnOf('Queue'),
      FunctionName: { Ref: 'Collector' },
      BatchSize: 10,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: 2 },
    },
  },
  FromTable: {
    Type: 'AWS::Lambda::EventSourceMapping',
    Properties: {
      EventSourceArn: { 'Fn::GetAtt': ['Table', 'StreamArn'] },
      FunctionName: { Ref: 'Collector' },
      StartingPosition: 'TRIM_HORIZON',
      FilterCriteria: { Filters: [{ Pattern: '{"dynamodb":{"Keys":{"source":{"S":["mine"]}}}}' }] },
    },
  },
};
