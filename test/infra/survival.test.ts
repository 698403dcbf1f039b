/** What holds state survives the stack, unless the settings say otherwise; a type that nobody judged fails. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retention, STATEFUL_TYPES } from '../../infra/checks/retention-rules.ts';
import { partsOf, type Template } from '../../infra/template.ts';
import { samples } from './checked.ts';

/** Types that hold nothing, or nothing that cannot be made anew. */
const STATELESS: readonly string[] = [
  'AWS::CDK::Metadata',
  'AWS::CloudWatch::Alarm',
  'AWS::CloudWatch::CompositeAlarm',
  'AWS::CloudWatch::Dashboard',
  'AWS::Events::EventBus',
  'AWS::Events::EventBusPolicy',
  'AWS::Events::Rule',
  'AWS::IAM::Policy',
  'AWS::IAM::Role',
  'AWS::Lambda::EventInvokeConfig',
  'AWS::Lambda::EventSourceMapping',
  'AWS::Lambda::Function',
  'AWS::Lambda::Permission',
  'AWS::Logs::MetricFilter',
  'AWS::Logs::QueryDefinition',
  'AWS::S3::BucketPolicy',
  // Schedules of syncs are made again from the definitions.
  'AWS::Scheduler::Schedule',
  'AWS::Scheduler::ScheduleGroup',
  'AWS::SecretsManager::ResourcePolicy',
  'AWS::SNS::Subscription',
  'AWS::SNS::Topic',
  'AWS::SNS::TopicPolicy',
  // Pointers: a fan-out sends them again.
  'AWS::SQS::Queue',
  'AWS::SQS::QueuePolicy',
];

const all = samples();

test('every type of every template is known to hold state, or to hold none', () => {
  const known = new Set([...STATEFUL_TYPES, ...STATELESS]);
  const types = new Set(all.flatMap(({ template }) => partsOf(template).map(({ type }) => type)));
  assert.deepEqual(
    [...types].filter((type) => !known.has(type)),
    [],
  );
  assert.deepEqual(
    STATELESS.filter((type) => STATEFUL_TYPES.includes(type)),
    [],
  );
});

const stateful = (template: Template) =>
  partsOf(template, ...STATEFUL_TYPES).map(({ type, resource, properties }) => ({
    type,
    policies: [resource.DeletionPolicy, resource.UpdateReplacePolicy],
    isProtected: properties.DeletionProtectionEnabled,
  }));

for (const { what, environment, template } of all) {
  test(`${what}: what holds state ${environment.retain ? 'stays' : 'goes'} with the stack's end`, () => {
    const found = stateful(template);
    const types = new Set(found.map(({ type }) => type));
    for (const type of ['AWS::DynamoDB::Table', 'AWS::Logs::LogGroup', 'AWS::S3::Bucket']) {
      assert.ok(types.has(type), type);
    }
    for (const { type, policies, isProtected } of environment.retain ? found : []) {
      const isTable = type === 'AWS::DynamoDB::Table';
      // A protected table cannot be deleted by a deployment that fails either, and its name is made by AWS.
      assert.deepEqual(policies, [isTable ? 'Retain' : 'RetainExceptOnCreate', 'Retain'], type);
      assert.equal(isProtected, isTable ? true : undefined, type);
    }
    const going = found.filter(({ policies }) => policies.includes('Delete'));
    assert.equal(going.length > 0, !environment.retain);
  });
}

test('a new stateful resource that says nothing fails the rule', () => {
  const { environment } = all.find(({ what }) => what === 'prod') ?? assert.fail();
  for (const type of STATEFUL_TYPES) {
    const template: Template = { Resources: { New: { Type: type } }, Outputs: {} };
    assert.ok([...retention.broken({ template, environment })].length >= 2, type);
  }
});
