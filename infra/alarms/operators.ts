/**
 * Who runs the environment listens to one topic. Alarms tell there that something is wrong, a function tells which sync or
 * account it is, from events of the bus. A function, since a rule cannot publish to an encrypted topic under a condition
 * that names its source, and a rule's template cannot choose what is worth a message (docs/decisions/0102).
 */
import { Duration, Stack } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import * as sns from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Construct } from 'constructs';
import type { EngineParts } from '../engine-parts.ts';
import { makeFunction } from '../functions.ts';
import { EVENT_SOURCE, throughKey, toUndelivered } from '../grants.ts';
import { letAlarmsPublish } from '../resource-policies.ts';

export type Operators = { readonly topic: sns.Topic; readonly tellOperators: lambda.Function };

/** Events that may be worth a message; the function decides. */
const TOLD = [
  ...['Run Held', 'Run Discarded', 'Run Failed', 'Run Fenced', 'Sync Paused', 'Sync Resumed'],
  ...['Definition Refused', 'Breaker Opened', 'Breaker Closed', 'Attention Changed'],
];

export function makeOperators(scope: Construct, parts: EngineParts): Operators {
  const { storage, environment } = parts;
  const topic = new sns.Topic(scope, 'Alarms', { masterKey: storage.key, enforceSSL: true });
  letAlarmsPublish(topic);
  if (environment.alarms.email !== undefined) {
    topic.addSubscription(new EmailSubscription(environment.alarms.email));
  }
  const tellOperators = makeFunction(scope, 'TellOperators', parts, {
    entry: 'tell-operators',
    timeoutMs: 30_000,
    memoryMb: 256,
    bindings: [
      {
        variables: { OPERATOR_TOPIC: topic.topicArn },
        statements: [
          { actions: ['sns:Publish'], resources: [topic.topicArn] },
          throughKey(storage.key, 'sns', ['Decrypt', 'GenerateDataKey']),
        ],
      },
      toUndelivered(storage, parts.undelivered),
    ],
  });
  onEvents(scope, parts, tellOperators);
  return { topic, tellOperators };
}

function onEvents(scope: Construct, parts: EngineParts, fn: lambda.Function): void {
  const rule = (id: string, description: string, pattern: events.EventPattern) =>
    new events.Rule(scope, id, {
      ruleName: `${Stack.of(scope).stackName}-${id}`,
      description,
      eventBus: parts.bus,
      eventPattern: { source: [EVENT_SOURCE], ...pattern },
      targets: [
        new targets.LambdaFunction(fn, {
          deadLetterQueue: parts.undelivered,
          retryAttempts: 3,
          maxEventAge: Duration.minutes(10),
        }),
      ],
    });
  rule('OperatorsTold', 'Something happened to a sync or an account that an operator may have to know', {
    detailType: TOLD,
  });
  rule('OperatorsToldOfHealing', 'What is over that was told, and rows that died in a run that committed', {
    detailType: ['Run Committed', 'Definition Accepted', 'Operator Answered'],
    detail: {
      $or: [
        { healedRuns: [{ exists: true }] },
        { dead: [{ 'anything-but': [0] }] },
        { afterRefusal: [true] },
        { verb: ['approve'], ok: [true] },
      ],
    },
  });
}
