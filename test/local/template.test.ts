/** Templates: intrinsic functions resolve, and what is not implemented is an error that names it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RawResource, RawStack } from '../../local/template/assembly.ts';
import { resolveTemplate } from '../../local/template/template.ts';

const stackOf = (resources: Record<string, RawResource>, more: Partial<RawStack> = {}): RawStack => ({
  stackName: 'Stack',
  account: '000000000000',
  region: 'us-east-1',
  resources,
  outputs: {},
  conditions: {},
  assetOf: (key) => key,
  ...more,
});
const ENDPOINT = 'http://127.0.0.1:4000';
const queue = (Properties: Record<string, unknown> = {}): RawResource => ({
  Type: 'AWS::SQS::Queue',
  Properties,
});
const placeholder = (name: string) => ['$', '{', name, '}'].join('');

test('intrinsic functions', () => {
  const values: Record<string, [unknown, string]> = {
    Ref: [{ Ref: 'Queue' }, 'http://127.0.0.1:4000/000000000000/Stack-Queue'],
    Arn: [{ 'Fn::GetAtt': ['Queue', 'Arn'] }, 'arn:aws:sqs:us-east-1:000000000000:Stack-Queue'],
    Sub: [
      { 'Fn::Sub': `${placeholder('Queue.QueueName')} in ${placeholder('AWS::Region')}` },
      'Stack-Queue in us-east-1',
    ],
    SubMap: [{ 'Fn::Sub': [placeholder('a'), { a: { Ref: 'AWS::AccountId' } }] }, '000000000000'],
    Join: [{ 'Fn::Join': ['-', ['a', { Ref: 'AWS::Partition' }, 'c']] }, 'a-aws-c'],
    Split: [{ 'Fn::Select': [2, { 'Fn::Split': ['/', { Ref: 'Queue' }] }] }, '127.0.0.1:4000'],
    If: [{ 'Fn::If': ['Here', 'yes', 'no'] }, 'yes'],
    Not: [{ 'Fn::If': ['There', 'yes', 'no'] }, 'no'],
  };
  const conditions = {
    Here: { 'Fn::Equals': [{ Ref: 'AWS::Region' }, 'us-east-1'] },
    There: { 'Fn::Not': [{ Condition: 'Here' }] },
  };
  const outputs = Object.fromEntries(Object.entries(values).map(([name, [Value]]) => [name, { Value }]));
  const template = resolveTemplate(stackOf({ Queue: queue() }, { outputs, conditions }), ENDPOINT);
  assert.deepEqual(
    template.outputs,
    Object.fromEntries(Object.entries(values).map(([name, [, expected]]) => [name, expected])),
  );
});

test('no value means no property; a false condition means no resource', () => {
  const resources = {
    Queue: queue({ DelaySeconds: { 'Fn::If': ['Never', 5, { Ref: 'AWS::NoValue' }] } }),
    Other: { ...queue(), Condition: 'Never' },
  };
  const template = resolveTemplate(
    stackOf(resources, { conditions: { Never: { 'Fn::Equals': ['a', 'b'] } } }),
    ENDPOINT,
  );
  assert.deepEqual(
    template.ofType('AWS::SQS::Queue').map(({ properties }) => properties),
    [{}],
  );
});

test('everything that cannot run is named at once', () => {
  const resources: Record<string, RawResource> = {
    Cluster: { Type: 'AWS::ECS::Cluster' },
    Queue: queue({ FifoQueue: true }),
    Fn: { Type: 'AWS::Lambda::Function', Properties: { Role: { 'Fn::ImportValue': 'x' } } },
    Alarm: { Type: 'AWS::CloudWatch::Alarm', Properties: { Anything: 1 } },
  };
  assert.throws(
    () => resolveTemplate(stackOf(resources), ENDPOINT),
    new Error(
      [
        'stack Stack cannot run here:',
        'Cluster: resource type AWS::ECS::Cluster is not implemented here',
        'Queue: property FifoQueue of AWS::SQS::Queue is not implemented here',
        'Fn: Fn::ImportValue is not implemented here',
      ].join('\n  '),
    ),
  );
});
