/**
 * What synth refuses: no finding is open in any environment, no acknowledgement covers nothing, the committed list is up
 * to date, and each rule of our own says what is wrong when a template breaks it.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CfnBucket } from 'aws-cdk-lib/aws-s3';
import { ACKNOWLEDGEMENTS } from '../../infra/acknowledgements.ts';
import { acknowledgementOf } from '../../infra/checks/acknowledged.ts';
import {
  compensationOf,
  compliancePage,
  nistFindings,
  strictFindings,
} from '../../infra/checks/compliance-page.ts';
import { type Finding, RULES } from '../../infra/checks/findings.ts';
import { addChecks } from '../../infra/checks/plugins.ts';
import { intervalSeconds } from '../../infra/checks/schedule-rules.ts';
import { COMPENSATING_CONTROLS } from '../../infra/compensating-controls.ts';
import { assemble } from '../../infra/synthesize.ts';
import { type Part, partsOf, type Template } from '../../infra/template.ts';
import { outdir, type Sample, samples } from './checked.ts';

const all = samples().map((sample) => ({
  ...sample,
  found: strictFindings(sample, sample.template),
  nist: nistFindings(sample),
}));
const prod = all.find(({ what }) => what === 'prod') ?? assert.fail('there is no prod');
const named = ({ rule, at, detail = '' }: Pick<Finding, 'rule' | 'at' | 'detail'>): string =>
  `${rule} ${at} ${detail}`;

for (const { what, found, nist } of all) {
  test(`${what}: no finding is open`, () => {
    assert.ok(found.length > 50, 'the packs find what is acknowledged');
    assert.deepEqual(found.filter((one) => acknowledgementOf(one) === undefined).map(named), []);
  });

  test(`${what}: every open control of NIST 800-53 r5 is compensated`, () => {
    assert.ok(nist.length > 20);
    assert.deepEqual(nist.filter((one) => compensationOf(one) === undefined).map(named), []);
  });
}

test('every acknowledgement, down to each resource and detail, covers a finding of some environment', () => {
  const found = new Set(all.flatMap((one) => one.found.map(named)));
  const promised = ACKNOWLEDGEMENTS.flatMap(({ rule, at, details }) =>
    at.flatMap((where) =>
      details === undefined
        ? [named({ rule, at: where })]
        : details.map((detail) => named({ rule, at: where, detail })),
    ),
  );
  assert.deepEqual(
    promised.filter((one) => !found.has(one)),
    [],
  );
  assert.equal(new Set(promised).size, promised.length, 'a finding has one reason');
});

test('every compensation answers a finding of some environment', () => {
  const found = new Set(all.flatMap((one) => one.nist.map(named)));
  const rules = new Set(all.flatMap((one) => one.nist.map(({ rule }) => rule)));
  const empty = COMPENSATING_CONTROLS.flatMap(({ rule, at }) =>
    at === 'everywhere'
      ? [rule].filter((one) => !rules.has(one))
      : at.map((where) => named({ rule, at: where })).filter((one) => !found.has(one)),
  );
  assert.deepEqual(empty, []);
});

test('docs/compliance.md is what the constructs say; `node scripts/write-compliance.ts` writes it', () => {
  const committed = readFileSync(new URL('../../docs/compliance.md', import.meta.url), 'utf8');
  assert.equal(compliancePage(prod, prod.template), committed);
});

test('an acknowledgement covers its own resource and detail only', () => {
  const rule = 'AwsSolutions-IAM5';
  const list = [
    { rule, at: ['A'], details: ['Resource::*'], because: '' },
    { rule: 'R', at: ['A'], because: '' },
  ];
  assert.ok(acknowledgementOf({ rule, at: 'A', detail: 'Resource::*' }, list));
  for (const other of [
    { rule, at: 'B', detail: 'Resource::*' },
    { rule, at: 'A', detail: 'Action::s3:*' },
    { rule, at: 'A' },
    { rule: 'R', at: 'A', detail: 'Resource::*' },
    { rule: 'R', at: 'A/B' },
  ]) {
    assert.equal(acknowledgementOf(other, list), undefined);
  }
});

test('synth passes with the reasons, and ends with an error for a bucket that nobody thought of', (t) => {
  const said = t.mock.method(console, 'error', () => undefined);
  const synth = (edit: (stack: Sample['stack']) => void): void => {
    const { app, ...one } = assemble('prod', outdir());
    edit(one.stack);
    addChecks(app, [one]);
    app.synth();
  };
  synth(() => undefined);
  assert.throws(() => synth((stack) => new CfnBucket(stack, 'Forgotten')), /Validation failed/);
  const text = said.mock.calls.map(({ arguments: [line] }) => String(line)).join('\n');
  assert.match(text, /The S3 Bucket has server access logs disabled[\s\S]*Tailrace-prod\/Forgotten/);
  assert.match(text, /the DeletionPolicy of this AWS::S3::Bucket is not set/);
});

/** A copy of prod's template in which one resource is otherwise. */
function edited(type: string, prefix: string, edit: (part: Part) => void): Template {
  const template = structuredClone(prod.template) as Template;
  const found = partsOf(template, type).find(({ id }) => id.startsWith(prefix)) ?? assert.fail(prefix);
  edit(found);
  return template;
}

type Case = readonly [rule: string, what: string, template: Template, sentence: RegExp];
const without = (type: string, keep: (part: Part) => boolean): Template => ({
  ...prod.template,
  Resources: Object.fromEntries(
    partsOf(prod.template)
      .filter((part) => part.type !== type || keep(part))
      .map(({ id, resource }) => [id, resource]),
  ),
});

const FN = 'AWS::Lambda::Function';
const QUEUE = 'AWS::SQS::Queue';
const ALARM = 'AWS::CloudWatch::Alarm';
const SOURCE = 'AWS::Lambda::EventSourceMapping';
const watchesQueue = ({ properties }: Part): boolean =>
  JSON.stringify(properties).includes('"ApproximateNumberOfMessagesVisible"');

/** A template whose alarms, single and composite, do nothing. */
function muted(): Template {
  const template = structuredClone(prod.template) as Template;
  for (const { properties } of partsOf(template, ALARM, 'AWS::CloudWatch::CompositeAlarm')) {
    properties.ActionsEnabled = false;
  }
  return template;
}

const CASES: readonly Case[] = [
  [
    'ReservedConcurrency',
    'a source may use more than its function reserves',
    edited(SOURCE, 'TowebhookBulkSource', ({ properties }) => {
      properties.ScalingConfig.MaximumConcurrency = 5;
    }),
    /^The function reserves 6 concurrent executions, but its queues may use 7 together; .* Reserve at least 7,/,
  ],
  [
    'ReservedConcurrency',
    'a source without a limit',
    edited(SOURCE, 'DeadLettersOf', ({ properties }) => {
      delete properties.ScalingConfig;
    }),
    /^This source has no MaximumConcurrency/,
  ],
  [
    'VisibilityTimeout',
    'a longer timeout of the loader',
    edited(FN, 'TowebhookLoadBatch', ({ properties }) => {
      properties.Timeout = 61;
    }),
    /^The queue hides a message for 360 s, but must for at least 366 s: 6 x the function's timeout of 61 s plus/,
  ],
  [
    'VisibilityTimeout',
    'a batch window',
    edited(SOURCE, 'TowebhookBulkSource', ({ properties }) => {
      properties.MaximumBatchingWindowInSeconds = 20;
    }),
    /must for at least 380 s: .* plus the batch window of 20 s/,
  ],
  [
    'ScheduleRetries',
    'no retry policy',
    edited('AWS::Scheduler::Schedule', 'SweepSchedule', ({ properties }) => {
      delete properties.Target.RetryPolicy;
    }),
    /^A tick of rate\(1 minute\) is tried up to 185 times over a day/,
  ],
  [
    'ScheduleRetries',
    'a tick older than the next one',
    edited('AWS::Scheduler::Schedule', 'SweepSchedule', ({ properties }) => {
      properties.Target.RetryPolicy.MaximumEventAgeInSeconds = 61;
    }),
    /may be 61 s old when it is delivered, but the next one comes after 60 s; lower/,
  ],
  [
    'LastResort',
    'a schedule without a queue',
    edited('AWS::Scheduler::Schedule', 'SweepSchedule', ({ properties }) => {
      delete properties.Target.DeadLetterConfig;
    }),
    /^A tick of this schedule can be given up, and then nothing is left of it/,
  ],
  [
    'LastResort',
    'a rule without a queue',
    edited('AWS::Events::Rule', 'RunSettled', ({ properties }) => {
      delete properties.Targets[0].DeadLetterConfig;
    }),
    /^An event of this rule can be given up/,
  ],
  [
    'LastResort',
    'a stream without a queue',
    edited(SOURCE, 'DefinitionEdits', ({ properties }) => {
      delete properties.DestinationConfig;
    }),
    /^A record of this stream can be given up/,
  ],
  [
    'LastResort',
    'a function that a rule calls, without a destination',
    without('AWS::Lambda::EventInvokeConfig', ({ id }) => !id.startsWith('FanOut')),
    /^An asynchronous call of this function can be given up/,
  ],
  [
    'LastResort',
    'a lane whose dead letters go elsewhere',
    edited(QUEUE, 'TowebhookBulk', ({ properties }) => {
      properties.RedrivePolicy.deadLetterTargetArn = 'arn:aws:sqs:eu-west-1:222222222222:elsewhere';
    }),
    /^A message of this queue is given up to something that is no queue of this stack/,
  ],
  [
    'DeadLetterAlarm',
    'no alarm on the queue of last resort',
    without(ALARM, (part) => !watchesQueue(part)),
    /^What others gave up lies in this queue, but it has no alarm on its messages/,
  ],
  ['DeadLetterAlarm', 'an alarm that tells nobody', muted(), /but it has an alarm that tells nobody/],
  ['AlarmAction', 'alarms that do nothing', muted(), /^This alarm tells nobody/],
  [
    'FunctionLogs',
    "Lambda's own log group",
    edited(FN, 'StartRun', ({ properties }) => {
      delete properties.LoggingConfig;
    }),
    /^The function has no log group of this stack/,
  ],
  [
    'FunctionLogs',
    'logs without an end',
    edited('AWS::Logs::LogGroup', 'StartRunLogs', ({ properties }) => {
      delete properties.RetentionInDays;
    }),
    /^The logs of a function end after never days, but logRetentionDays says 30/,
  ],
  [
    'FunctionLogs',
    'logs without a key',
    edited('AWS::Logs::LogGroup', 'StartRunLogs', ({ properties }) => {
      delete properties.KmsKeyId;
    }),
    /not encrypted by the environment's key/,
  ],
  [
    'Retention',
    'a secret that goes with the stack',
    edited('AWS::SecretsManager::Secret', 'To', ({ resource }) => {
      Object.assign(resource, { DeletionPolicy: 'Delete' });
    }),
    /the DeletionPolicy of this AWS::SecretsManager::Secret is Delete; give it removalPolicy/,
  ],
  [
    'Retention',
    'a bucket that is lost when it is replaced',
    edited('AWS::S3::Bucket', 'Staging', ({ resource }) => {
      Object.assign(resource, { UpdateReplacePolicy: undefined });
    }),
    /the UpdateReplacePolicy of this AWS::S3::Bucket is not set/,
  ],
  [
    'Retention',
    'a table that one call deletes',
    edited('AWS::DynamoDB::Table', 'State', ({ properties }) => {
      properties.DeletionProtectionEnabled = false;
    }),
    /but this table can be deleted by one call/,
  ],
  [
    'Wildcard',
    'every action of a service',
    edited('AWS::IAM::Policy', 'SweepRole', ({ properties }) => {
      properties.PolicyDocument.Statement[0].Action = 's3:*';
    }),
    /^A policy says "Allow s3:\*"; name the actions/,
  ],
  [
    'Wildcard',
    'objects by a pattern, for a role from elsewhere',
    edited('AWS::S3::BucketPolicy', 'StagingPolicy', ({ properties }) => {
      properties.PolicyDocument.Statement.push({
        Effect: 'Allow',
        Principal: { AWS: 'arn:aws:iam::222222222222:role/another' },
        Action: 's3:GetObject',
        Resource: { 'Fn::Join': ['', [{ 'Fn::GetAtt': ['Staging', 'Arn'] }, '/runs/*']] },
      });
    }),
    /^A policy says "Allow on <Staging\.Arn>\/runs\/\*: s3:GetObject"; name the actions/,
  ],
  [
    'Wildcard',
    'everybody',
    edited('AWS::SQS::QueuePolicy', 'UndeliveredPolicy', ({ properties }) => {
      properties.PolicyDocument.Statement.push({
        Effect: 'Allow',
        Principal: { AWS: '*' },
        Action: 'sqs:SendMessage',
      });
    }),
    /^A policy says "Allow to everybody"/,
  ],
  [
    'Wildcard',
    'everything but',
    edited('AWS::IAM::Policy', 'SweepRole', ({ properties }) => {
      properties.PolicyDocument.Statement.push({ Effect: 'Allow', NotAction: 'iam:PassRole', Resource: 'x' });
    }),
    /^A policy says "Allow NotAction"/,
  ],
];

const sentences = (name: string, template: Template): string[] => {
  const rule = RULES.find((one) => one.name === name) ?? assert.fail(name);
  return [...rule.broken({ template, environment: prod.environment })].map(({ sentence }) => sentence);
};

for (const [rule, what, template, sentence] of CASES) {
  test(`${rule}: ${what}`, () => {
    const before = new Set(sentences(rule, prod.template));
    const fresh = sentences(rule, template).filter((one) => !before.has(one));
    assert.ok(fresh.length > 0, 'nothing was found');
    for (const one of fresh) assert.match(one, sentence);
  });
}

test('every rule of our own has a case', () => {
  assert.deepEqual(new Set(CASES.map(([rule]) => rule)), new Set(RULES.map(({ name }) => name)));
});

test('the time between two ticks', () => {
  for (const [expression, seconds] of [
    ['rate(1 minute)', 60],
    ['rate(5 minutes)', 300],
    ['rate(2 hours)', 7200],
    ['rate(1 day)', 86_400],
    ['cron(*/5 * * * ? *)', 60],
    ['cron(0 * * * ? *)', 3600],
    ['cron(15 6 * * ? *)', 86_400],
    ['cron(0 6,18 * * ? *)', 3600],
  ] as const) {
    assert.equal(intervalSeconds(expression), seconds, expression);
  }
});
