/** What would hurt if an edit of `infra` changed it: looked up in the synthesized templates. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bundleSizes } from '../../infra/bundles.ts';
import { environments } from '../../infra/environments.ts';
import type { Template } from '../../infra/synthesize.ts';
import {
  type Named,
  properties,
  resource,
  resources,
  statements,
  statementsOf,
  templateOf,
} from './templates.ts';

const names = Object.keys(environments);
const templates = new Map(names.map((name) => [name, templateOf(name)]));
const prod = templates.get('prod') ?? assert.fail('there is no prod');
// biome-ignore lint/suspicious/noExplicitAny: a template is JSON of any shape
type Properties = any;
const refersTo = (value: unknown, { id }: Named): boolean => JSON.stringify(value).includes(`"${id}"`);

for (const [name, template] of templates) {
  test(`${name}: every queue is encrypted, kept for 14 days and refuses plain transport`, () => {
    const policies = resources(template, 'AWS::SQS::QueuePolicy');
    for (const queue of resources(template, 'AWS::SQS::Queue')) {
      const { KmsMasterKeyId, MessageRetentionPeriod } = properties(queue);
      assert.ok(KmsMasterKeyId, queue.id);
      assert.equal(MessageRetentionPeriod, 1_209_600, queue.id);
      const own = policies.filter((policy) => refersTo(properties(policy).Queues, queue));
      assert.match(JSON.stringify(own), /"aws:SecureTransport":"false"/, queue.id);
    }
  });

  test(`${name}: a lane hides a message six times as long as its loader runs, and dead-letters late`, () => {
    for (const source of resources(template, 'AWS::Lambda::EventSourceMapping')) {
      const { EventSourceArn, FunctionName, FunctionResponseTypes } = properties(source);
      assert.deepEqual(FunctionResponseTypes, ['ReportBatchItemFailures'], source.id);
      const queue = resources(template, 'AWS::SQS::Queue').find((one) => refersTo(EventSourceArn, one));
      if (queue === undefined) continue;
      const fn = resources(template, 'AWS::Lambda::Function').find((one) => refersTo(FunctionName, one));
      assert.ok(fn);
      assert.equal(properties(queue).VisibilityTimeout, properties(fn).Timeout * 6, queue.id);
    }
    const lanes = resources(template, 'AWS::SQS::Queue').filter((one) => properties(one).RedrivePolicy);
    assert.equal(lanes.length, 2 * (environments[name]?.accounts?.length ?? 0));
    for (const lane of lanes) assert.equal(properties(lane).RedrivePolicy.maxReceiveCount, 1000, lane.id);
  });

  test(`${name}: a loader reserves what its two sources may use together`, () => {
    const reserves = environments[name]?.reserveConcurrency ?? true;
    for (const fn of resources(template, 'AWS::Lambda::Function')) {
      if (!fn.id.includes('LoadBatch')) continue;
      const sources = resources(template, 'AWS::Lambda::EventSourceMapping').filter((source) =>
        refersTo(properties(source).FunctionName, fn),
      );
      assert.equal(sources.length, 2, fn.id);
      const limits = sources.map((source) => properties(source).ScalingConfig.MaximumConcurrency);
      for (const limit of limits) assert.ok(limit >= 2, fn.id);
      const sum = limits[0] + limits[1];
      assert.equal(properties(fn).ReservedConcurrentExecutions, reserves ? sum : undefined, fn.id);
    }
  });

  test(`${name}: no wildcard but the ones with a reason`, () => {
    for (const { policy, Effect, Action, Resource, Condition } of statements(template)) {
      assert.equal(Effect, 'Allow');
      for (const action of Action) assert.ok(!action.includes('*'), `${policy}: ${action}`);
      if (!Resource.includes('*')) continue;
      // The Data API's statements have no ARN: a role sees its own only.
      const own = 'redshift-data:statement-owner-iam-userid';
      assert.deepEqual(Condition?.StringEquals, { [own]: '$' + '{aws:userid}' }, policy);
    }
  });

  test(`${name}: each function has a role of its own`, () => {
    const roles = resources(template, 'AWS::Lambda::Function').map((fn) =>
      JSON.stringify(properties(fn).Role),
    );
    assert.equal(new Set(roles).size, roles.length);
    assert.doesNotMatch(JSON.stringify(template), /"ManagedPolicyArns"/);
  });

  test(`${name}: the key is used through the service that a statement is about, never directly`, () => {
    for (const { policy, Action, Condition } of statements(template)) {
      if (!Action.some((action) => action.startsWith('kms:'))) continue;
      const through = Condition?.StringEquals?.['kms:ViaService'];
      assert.match(String(through), /^(dynamodb|s3|sns|sqs|secretsmanager)\./, policy);
    }
  });

  test(`${name}: tables have point-in-time recovery and the environment's key`, () => {
    const tables = resources(template, 'AWS::DynamoDB::Table');
    assert.equal(tables.length, 2);
    for (const table of tables) {
      const { PointInTimeRecoverySpecification, SSESpecification, BillingMode } = properties(table);
      assert.equal(PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled, true, table.id);
      assert.equal(SSESpecification.SSEType, 'KMS', table.id);
      assert.equal(BillingMode, 'PAY_PER_REQUEST', table.id);
    }
  });

  test(`${name}: the staging bucket is private, encrypted and TLS only`, () => {
    const bucket = resource(template, 'AWS::S3::Bucket', 'Staging');
    const { PublicAccessBlockConfiguration, BucketEncryption } = properties(bucket);
    assert.deepEqual(Object.values(PublicAccessBlockConfiguration), [true, true, true, true]);
    assert.match(JSON.stringify(BucketEncryption), /"SSEAlgorithm":"aws:kms"/);
    const policy = resource(template, 'AWS::S3::BucketPolicy', 'Staging');
    assert.match(JSON.stringify(properties(policy)), /"aws:SecureTransport":"false"/);
  });

  test(`${name}: functions are small, bundled for arm64 and log to a group with an end`, () => {
    for (const fn of resources(template, 'AWS::Lambda::Function')) {
      const { Runtime, Architectures, MemorySize, LoggingConfig, FunctionName } = properties(fn);
      assert.equal(Runtime, 'nodejs24.x', fn.id);
      assert.deepEqual(Architectures, ['arm64'], fn.id);
      assert.ok(MemorySize >= 256 && MemorySize <= 512, fn.id);
      assert.equal(FunctionName, undefined, 'a name would keep CloudFormation from replacing it');
      const group = resources(template, 'AWS::Logs::LogGroup').find((one) => refersTo(LoggingConfig, one));
      assert.ok(properties(group ?? assert.fail(fn.id)).RetentionInDays > 0, fn.id);
    }
  });

  test(`${name}: every queue of last resort has an alarm`, () => {
    const alarms = resources(template, 'AWS::CloudWatch::Alarm');
    const last = resources(template, 'AWS::SQS::Queue').filter((queue) => !properties(queue).RedrivePolicy);
    assert.equal(last.length, 1 + (environments[name]?.accounts?.length ?? 0));
    for (const queue of last) {
      const watching = alarms.filter((alarm) => refersTo(properties(alarm).Dimensions ?? [], queue));
      assert.equal(watching.length, 1, queue.id);
    }
  });

  test(`${name}: whatever gives events up gives them to a queue with an alarm`, () => {
    const alarms = resources(template, 'AWS::CloudWatch::Alarm');
    const queues = resources(template, 'AWS::SQS::Queue');
    const givenUp = {
      'AWS::SQS::Queue': ({ RedrivePolicy }: Properties) => [RedrivePolicy],
      'AWS::Scheduler::Schedule': ({ Target }: Properties) => [Target.DeadLetterConfig],
      'AWS::Events::Rule': ({ Targets }: Properties) =>
        Targets.map((one: Properties) => one.DeadLetterConfig),
      'AWS::Lambda::EventInvokeConfig': ({ DestinationConfig }: Properties) => [DestinationConfig.OnFailure],
      'AWS::Lambda::EventSourceMapping': ({ DestinationConfig }: Properties) => [
        DestinationConfig?.OnFailure,
      ],
    };
    const seen = Object.entries(givenUp).flatMap(([type, targetsOf]) =>
      resources(template, type).flatMap((one) =>
        targetsOf(properties(one))
          .filter((target: unknown) => target !== undefined)
          .map((target: unknown) => [one.id, target] as const),
      ),
    );
    // Two lanes an account; three schedules, six rules, seven asynchronous functions, two readers of the stream.
    assert.equal(seen.length, 2 * (environments[name]?.accounts?.length ?? 0) + 18);
    for (const [id, target] of seen) {
      const queue = queues.find((one) => refersTo(target, one)) ?? assert.fail(id);
      assert.ok(
        alarms.some((alarm) => refersTo(properties(alarm).Dimensions ?? [], queue)),
        id,
      );
    }
  });

  test(`${name}: no value of a secret is in the template`, () => {
    for (const secret of resources(template, 'AWS::SecretsManager::Secret')) {
      const { SecretString, GenerateSecretString } = properties(secret);
      assert.equal(SecretString ?? GenerateSecretString, undefined, secret.id);
    }
  });
}

test('prod: what holds state is protected from deletion and stays when the stack goes', () => {
  for (const table of resources(prod, 'AWS::DynamoDB::Table')) {
    assert.equal(properties(table).DeletionProtectionEnabled, true, table.id);
  }
  for (const type of ['AWS::S3::Bucket', 'AWS::KMS::Key', 'AWS::SecretsManager::Secret']) {
    for (const kept of resources(prod, type)) {
      assert.equal(kept.DeletionPolicy, 'RetainExceptOnCreate', kept.id);
    }
  }
});

test('a loader reads its own secret and its own account, and cannot move a watermark', () => {
  const template = templates.get('local') ?? assert.fail();
  const own = statementsOf(template, 'TocrmLoadBatchRole');
  const secret = resource(template, 'AWS::SecretsManager::Secret', 'Tocrm');
  const secrets = own.filter(({ Action }) => Action.includes('secretsmanager:GetSecretValue'));
  assert.deepEqual(
    secrets.map(({ Resource }) => Resource),
    [[{ Ref: secret.id }]],
  );
  const keys = (action: string): unknown[] =>
    own
      .filter(({ Action }) => Action.includes(action))
      .flatMap(({ Condition }) => Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys'] ?? [])
      .toSorted();
  assert.deepEqual(keys('dynamodb:UpdateItem'), ['BREAKER#crm', 'BUDGET#crm', 'RUN#*', 'SHARD#*']);
  const actions = new Set(own.flatMap(({ Action }) => Action));
  for (const never of ['sts:AssumeRole', 'sqs:SendMessage', 's3:ListBucket', 'dynamodb:PutItem']) {
    assert.ok(!actions.has(never), never);
  }
});

test('only functions that touch a statement may take on the warehouse role', () => {
  const assumers = statements(prod).filter(({ Action }) => Action.includes('sts:AssumeRole'));
  const policies = assumers.map(({ policy }) => policy.replace(/RoleDefaultPolicy.*/, '')).toSorted();
  assert.deepEqual(policies, ['Api', 'FanOut', 'ReconcileSyncs', 'StartRun', 'Sweep']);
  const role = resource(prod, 'AWS::IAM::Role', 'WarehouseRole');
  assert.equal(properties(role).RoleName, 'tailrace-prod-warehouse');
  const trusted = properties(role).AssumeRolePolicyDocument.Statement;
  assert.equal(JSON.stringify(trusted).match(/Fn::GetAtt/g)?.length, 5);
});

test('Redshift unloads with a role that trusts it for the engine’s database user alone', () => {
  const trust = (template: Template) =>
    properties(resource(template, 'AWS::IAM::Role', 'UnloadRole')).AssumeRolePolicyDocument.Statement;
  const [{ Principal, Condition }, ...none] = trust(prod);
  assert.deepEqual(
    [Principal.Service, none],
    [['redshift-serverless.amazonaws.com', 'redshift.amazonaws.com'], []],
  );
  assert.match(
    JSON.stringify(Condition.StringEquals['sts:ExternalId']),
    /:redshift:eu-west-1:222222222222:dbuser:analytics\/IAMR:tailrace-prod-warehouse"/,
  );
  assert.match(
    JSON.stringify(trust(templateOf('dev'))),
    /:dbuser:serverless-\d{12}-[0-9a-f-]{36}\/IAMR:tailrace-dev-warehouse"/,
  );
});

test('the stream of definitions passes what people write, and gives a bad record up', () => {
  const source = resource(prod, 'AWS::Lambda::EventSourceMapping', 'DefinitionEdits');
  const { FilterCriteria, BisectBatchOnFunctionError, MaximumRetryAttempts, DestinationConfig } =
    properties(source);
  assert.deepEqual(FilterCriteria.Filters, [
    { Pattern: '{"dynamodb":{"Keys":{"item":{"S":["definition"]}}}}' },
  ]);
  assert.equal(BisectBatchOnFunctionError, true);
  assert.equal(MaximumRetryAttempts, 10);
  assert.ok(DestinationConfig.OnFailure.Destination);
});

test('a schedule starts a function by a role that only this group of this account can use', () => {
  const role = properties(resource(prod, 'AWS::IAM::Role', 'SchedulerRole'));
  const [{ Condition }] = role.AssumeRolePolicyDocument.Statement;
  assert.equal(Condition.StringEquals['aws:SourceAccount'], '222222222222');
  assert.match(JSON.stringify(Condition.StringEquals['aws:SourceArn']), /schedule-group\/tailrace-prod"/);
  const sweep = properties(resource(prod, 'AWS::Scheduler::Schedule', 'SweepSchedule'));
  assert.equal(sweep.ScheduleExpression, 'rate(1 minute)');
  assert.deepEqual(sweep.Target.RetryPolicy, { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 });
});

test('events of statements are taken by their environment only', () => {
  const rule = properties(resource(prod, 'AWS::Events::Rule', 'StatementEnded'));
  assert.deepEqual(rule.EventPattern.detail.statementName, [{ prefix: 'tailrace/prod/' }]);
  assert.equal(rule.EventBusName, undefined);
});

test('two environments share no name', () => {
  const text = (name: string): string => JSON.stringify(templates.get(name));
  assert.doesNotMatch(text('prod'), /tailrace-dev|tailrace\/dev|tailrace-local/);
  assert.doesNotMatch(text('dev'), /tailrace-prod|tailrace\/prod|tailrace-local/);
});

test('the bundle of every function is under one megabyte', () => {
  for (const { name, bytes } of bundleSizes()) assert.ok(bytes < 1_000_000, `${name} has ${bytes} bytes`);
});
