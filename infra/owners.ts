/**
 * How owners of syncs are told: one topic of the environment, where each owner subscribes with a filter on the message
 * attribute `owner`; the function that publishes there; the events and the schedule that call it.
 */
import { Duration, Stack } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import * as scheduler from 'aws-cdk-lib/aws-scheduler';
import * as sns from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import type { EngineParts } from './engine-parts.ts';
import { type Binding, makeFunction } from './functions.ts';
import { EVENT_SOURCE, onDefinitions, onStaging, onState, throughKey } from './grants.ts';
import { onlyPublisher } from './resource-policies.ts';
import { OWNER_ACCESS } from './stage-access.ts';

export type Owners = { readonly topic: sns.Topic; readonly notifyOwners: lambda.Function };

/** After which events somebody may have something to hear; ends of runs above all. */
const TOLD_AFTER = [
  ...['Run Committed', 'Run Failed', 'Run Fenced', 'Run Held', 'Run Discarded'],
  ...['Sync Paused', 'Sync Resumed', 'Definition Accepted', 'Definition Refused'],
];

export function makeOwners(scope: Construct, parts: EngineParts): Owners {
  const topic = new sns.Topic(scope, 'Owners', { masterKey: parts.storage.key, enforceSSL: true });
  const notifyOwners = makeFunction(scope, 'NotifyOwners', parts, {
    entry: 'notify-owners',
    timeoutMs: 120_000,
    memoryMb: 512,
    bindings: bindingsOf(parts, topic),
  });
  onlyPublisher(topic, notifyOwners);
  onEvents(scope, parts, notifyOwners);
  lookNowAndThen(scope, parts, notifyOwners);
  return { topic, notifyOwners };
}

/** It reads whatever a message is made of, and writes what it has told. */
function bindingsOf({ storage, undelivered }: EngineParts, topic: sns.Topic): readonly Binding[] {
  return [
    onState(storage, ['GetItem'], ['SYNC', 'RUN#*', 'ACCEPTED', 'NOTICE']),
    onState(storage, ['Query'], ['SYNC', 'NOTICE']),
    onState(storage, ['UpdateItem'], ['NOTICE']),
    onDefinitions(storage, ['GetItem']),
    onStaging(storage, OWNER_ACCESS),
    {
      variables: { OWNER_TOPIC: topic.topicArn },
      statements: [
        { actions: ['sns:Publish'], resources: [topic.topicArn] },
        throughKey(storage.key, 'sns', ['Decrypt', 'GenerateDataKey']),
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

/** Spelled out for the metric of what the rule lost, as in `engine.ts`. */
const ownerRuleName = (scope: Construct): string => `${Stack.of(scope).stackName}-OwnersTold`;

function onEvents(scope: Construct, { bus, undelivered }: EngineParts, fn: lambda.Function): void {
  new events.Rule(scope, 'OwnersTold', {
    ruleName: ownerRuleName(scope),
    description: 'Something happened to a sync that its owner may have to know',
    eventBus: bus,
    eventPattern: { source: [EVENT_SOURCE], detailType: TOLD_AFTER },
    targets: [
      new targets.LambdaFunction(fn, {
        deadLetterQueue: undelivered,
        // The schedule looks again soon, from the state.
        retryAttempts: 3,
        maxEventAge: Duration.minutes(10),
      }),
    ],
  });
}

/** What an event did not say, what had to wait for its hour, and reminders. */
function lookNowAndThen(
  scope: Construct,
  { schedules, undelivered }: EngineParts,
  fn: lambda.Function,
): void {
  schedules.role.addToPolicy(
    new iam.PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [fn.functionArn] }),
  );
  new scheduler.CfnSchedule(scope, 'OwnersSchedule', {
    groupName: schedules.group.ref,
    description: 'Tells owners what no event has told them',
    scheduleExpression: 'rate(10 minutes)',
    flexibleTimeWindow: { mode: 'OFF' },
    target: {
      arn: fn.functionArn,
      roleArn: schedules.role.roleArn,
      input: '{}',
      // The next look is a better retry than this one.
      retryPolicy: { maximumRetryAttempts: 0, maximumEventAgeInSeconds: 60 },
      deadLetterConfig: { arn: undelivered.queueArn },
    },
  });
}
