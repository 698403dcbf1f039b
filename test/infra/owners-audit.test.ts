/** Who tells owners and who adds to the audit, looked up in the templates: what each may, and what it can never do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { environments } from '../../infra/environments.ts';
import type { EnvironmentSettings } from '../../infra/settings.ts';
import { properties, resource, resources, statements, statementsOf, templateOf } from './templates.ts';

const prod = templateOf('prod');

const actionsOf = (role: string): readonly string[] => [
  ...new Set(statementsOf(prod, role).flatMap(({ Action }) => Action)),
];

test('the owners’ function reads, publishes, and writes notices only', () => {
  assert.deepEqual(actionsOf('NotifyOwnersRole').toSorted(), [
    'dynamodb:GetItem',
    'dynamodb:Query',
    'dynamodb:UpdateItem',
    'kms:Decrypt',
    'kms:DescribeKey',
    'kms:Encrypt',
    'kms:GenerateDataKey',
    'logs:CreateLogStream',
    'logs:PutLogEvents',
    's3:GetObject',
    'sns:Publish',
    'sqs:SendMessage',
  ]);
  const writes = statementsOf(prod, 'NotifyOwnersRole').filter(({ Action }) =>
    Action.includes('dynamodb:UpdateItem'),
  );
  assert.deepEqual(
    writes.map(({ Condition }) => Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys']),
    [['NOTICE']],
  );
});

test('the audit function cannot set anything off: it publishes nothing and writes to its bucket only', () => {
  assert.deepEqual(actionsOf('RecordAuditRole').toSorted(), [
    'dynamodb:DescribeStream',
    'dynamodb:GetItem',
    'dynamodb:GetRecords',
    'dynamodb:GetShardIterator',
    'dynamodb:ListStreams',
    'dynamodb:Query',
    'kms:Decrypt',
    'kms:DescribeKey',
    'kms:Encrypt',
    'kms:GenerateDataKey',
    'logs:CreateLogStream',
    'logs:PutLogEvents',
    's3:GetObject',
    's3:ListBucket',
    's3:PutObject',
    'sqs:SendMessage',
  ]);
  const { id } = resource(prod, 'AWS::S3::Bucket', 'Audit');
  assert.equal(properties(resource(prod, 'AWS::S3::Bucket', 'Audit')).NotificationConfiguration, undefined);
  for (const { policy, Action, Resource } of statements(prod)) {
    if (!Action.includes('s3:PutObject')) continue;
    const isAudit = JSON.stringify(Resource).includes(`"${id}"`);
    assert.equal(isAudit, policy.startsWith('RecordAudit'), policy);
  }
});

test('the audit bucket refuses every other writer, every write over something, and every deletion', () => {
  const policy = resource(prod, 'AWS::S3::BucketPolicy', 'Audit');
  // biome-ignore lint/suspicious/noExplicitAny: a template is JSON of any shape
  const all: any[] = properties(policy).PolicyDocument.Statement;
  const bySid = (sid: string) => all.find((one) => one.Sid === sid) ?? assert.fail(sid);
  for (const sid of ['OnlyTheWriter', 'OnlyNewObjects', 'NobodyDeletes', 'OnlyByKms', 'OnlyByThisKey']) {
    assert.equal(bySid(sid).Effect, 'Deny');
    assert.deepEqual(bySid(sid).Principal, { AWS: '*' });
  }
  const writer = JSON.stringify(bySid('OnlyTheWriter').Condition.ArnNotEquals['aws:PrincipalArn']);
  assert.match(writer, /RecordAuditRole/);
  assert.deepEqual(bySid('OnlyNewObjects').Condition, { Null: { 's3:if-none-match': 'true' } });
  assert.equal(bySid('NobodyDeletes').Condition, undefined);
  assert.deepEqual(bySid('NobodyDeletes').Action, [
    's3:BypassGovernanceRetention',
    's3:DeleteObject',
    's3:DeleteObjectVersion',
  ]);
});

test('the audit bucket has versions, no end, and stays; a lock where the settings ask for one', () => {
  for (const name of Object.keys(environments)) {
    const bucket = resource(templateOf(name), 'AWS::S3::Bucket', 'Audit');
    assert.equal(bucket.DeletionPolicy, 'RetainExceptOnCreate', name);
    assert.deepEqual(properties(bucket).VersioningConfiguration, { Status: 'Enabled' });
    assert.equal(properties(bucket).LifecycleConfiguration, undefined);
    assert.equal(properties(bucket).ObjectLockEnabled, undefined);
  }
  const locked = (audit: EnvironmentSettings['audit']): unknown => {
    const settings = { ...(environments.prod ?? assert.fail()), audit };
    const bucket = resource(templateOf({ name: 'prod', settings }), 'AWS::S3::Bucket', 'Audit');
    assert.equal(properties(bucket).ObjectLockEnabled, true);
    return properties(bucket).ObjectLockConfiguration.Rule.DefaultRetention;
  };
  assert.deepEqual(locked({ objectLockDays: 365 }), { Days: 365, Mode: 'GOVERNANCE' });
  assert.deepEqual(locked({ objectLockDays: 30, objectLockMode: 'compliance' }), {
    Days: 30,
    Mode: 'COMPLIANCE',
  });
});

test('the owners’ topic is encrypted, and takes messages of one function only', () => {
  const topic = resource(prod, 'AWS::SNS::Topic', 'Owners');
  assert.ok(properties(topic).KmsMasterKeyId);
  const policy = resource(prod, 'AWS::SNS::TopicPolicy', 'Owners');
  const text = JSON.stringify(properties(policy).PolicyDocument);
  assert.match(text, /"aws:SecureTransport":"false"/);
  assert.match(text, /"aws:PrincipalArn":\[\{"Fn::GetAtt":\["NotifyOwnersRole/);
  assert.doesNotMatch(text, /"Effect":"Allow"/);
});

test('the stream has two readers, which is all that DynamoDB lets read without being throttled', () => {
  const readers = resources(prod, 'AWS::Lambda::EventSourceMapping').filter((source) =>
    JSON.stringify(properties(source).EventSourceArn).includes('StreamArn'),
  );
  assert.deepEqual(readers.map(({ id }) => id.replace(/[0-9A-F]{8}$/, '')).toSorted(), [
    'AuditedWrites',
    'DefinitionEdits',
  ]);
  const table = resource(prod, 'AWS::DynamoDB::Table', 'Definitions');
  assert.deepEqual(properties(table).StreamSpecification, { StreamViewType: 'NEW_AND_OLD_IMAGES' });
});

test('what people asked for is delivered for as long as EventBridge tries at all', () => {
  const rule = resource(prod, 'AWS::Events::Rule', 'Audited');
  const [target] = properties(rule).Targets;
  assert.deepEqual(target.RetryPolicy, { MaximumEventAgeInSeconds: 86_400, MaximumRetryAttempts: 185 });
  assert.deepEqual(properties(rule).EventPattern['detail-type'].toSorted(), [
    'Operator Answered',
    'Operator Asked',
    'Run Committed',
    'Run Discarded',
    'Run Failed',
    'Run Fenced',
  ]);
});
