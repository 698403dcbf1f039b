/**
 * The engine of one environment: bus, functions, what starts them, and where events go that could not be taken.
 *
 *   definitions stream -> reconcile-syncs -> Scheduler -> start-run -> Redshift -> event -> fan-out -> lanes
 *   lanes -> load-batch -> `Run Settled` on the bus -> finish-run      dead letters -> dead-letter      minute -> sweep
 */
import { Duration, Stack } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as scheduler from 'aws-cdk-lib/aws-scheduler';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { type DestinationLane, dependOnPolicy, queueDefaults } from './destination-lane.ts';
import { type EngineFunctions, makeEngineFunctions } from './engine-functions.ts';
import type { EngineParts, Schedules } from './engine-parts.ts';
import { EVENT_SOURCE, throughKey } from './grants.ts';
import { admitSenders } from './resource-policies.ts';
import { unloadRoleArn } from './warehouse-access.ts';

/** Bus, schedule group and the queue for what could not be delivered. */
export function makeParts(
  scope: Construct,
  base: Pick<EngineParts, 'name' | 'environment' | 'storage'>,
): EngineParts {
  const bus = new events.EventBus(scope, 'Bus', { eventBusName: `tailrace-${base.name}` });
  const undelivered = new sqs.Queue(scope, 'Undelivered', queueDefaults(base));
  return {
    ...base,
    bus,
    undelivered,
    schedules: makeScheduleGroup(scope, base.name),
    unloadRole: unloadRoleArn(scope, base.name, base.environment, base.storage),
  };
}

function makeScheduleGroup(scope: Construct, name: string): Schedules {
  const groupName = `tailrace-${name}`;
  const { partition, region, account } = Stack.of(scope);
  const group = new scheduler.CfnScheduleGroup(scope, 'ScheduleGroup', { name: groupName });
  const role = new iam.Role(scope, 'SchedulerRole', {
    description: 'EventBridge Scheduler starts runs and the sweep with it',
    assumedBy: new iam.ServicePrincipal('scheduler.amazonaws.com').withConditions({
      StringEquals: {
        'aws:SourceAccount': account,
        'aws:SourceArn': `arn:${partition}:scheduler:${region}:${account}:schedule-group/${groupName}`,
      },
    }),
  });
  return { group, groupName, role };
}

/** All functions but the loaders, and everything that starts them. */
export function makeEngine(
  scope: Construct,
  parts: EngineParts,
  lanes: readonly DestinationLane[],
  /** Functions beside the engine whose events are given up into the same queue. */
  others: readonly lambda.Function[] = [],
): EngineFunctions {
  const functions = makeEngineFunctions(scope, parts, lanes);
  letSchedulerStart(parts, [functions.startRun, functions.sweep]);
  sweepEveryMinute(scope, parts, functions.sweep);
  onDefinitionEdits(scope, parts, functions.reconcileSyncs);
  onStatementEnd(scope, parts, functions.fanOut);
  onRunSettled(scope, parts, functions.finishRun);
  onDeadLetters(scope, functions.deadLetter, lanes);
  for (const fn of [functions.startRun, functions.fanOut, functions.finishRun, functions.sweep, ...others]) {
    keepUndelivered(fn, parts);
  }
  const { startRun, fanOut, finishRun, sweep, api, reconcileSyncs } = functions;
  const { undelivered, schedules } = parts;
  admitSenders(undelivered, [schedules.role, reconcileSyncs, startRun, fanOut, finishRun, sweep, ...others]);
  for (const { express, bulk, deadLetters } of lanes) {
    for (const lane of [express, bulk]) admitSenders(lane, [fanOut, sweep, api]);
    admitSenders(deadLetters, []);
  }
  return functions;
}

function letSchedulerStart(parts: EngineParts, functions: readonly lambda.Function[]): void {
  const { schedules, undelivered, storage } = parts;
  const statements = [
    { actions: ['lambda:InvokeFunction'], resources: functions.map((fn) => fn.functionArn) },
    { actions: ['sqs:SendMessage'], resources: [undelivered.queueArn] },
    throughKey(storage.key, 'sqs', ['Decrypt', 'GenerateDataKey']),
  ];
  for (const statement of statements) schedules.role.addToPolicy(new iam.PolicyStatement(statement));
}

function sweepEveryMinute(
  scope: Construct,
  { schedules, undelivered }: EngineParts,
  sweep: lambda.Function,
): void {
  new scheduler.CfnSchedule(scope, 'SweepSchedule', {
    groupName: schedules.group.ref,
    description: 'Heals what a lost event or a crash left behind',
    scheduleExpression: 'rate(1 minute)',
    flexibleTimeWindow: { mode: 'OFF' },
    target: {
      arn: sweep.functionArn,
      roleArn: schedules.role.roleArn,
      input: '{}',
      // The next minute is a better retry than this one.
      retryPolicy: { maximumRetryAttempts: 0, maximumEventAgeInSeconds: 60 },
      deadLetterConfig: { arn: undelivered.queueArn },
    },
  });
}

/** Only the item that people write; our own status items pass by. */
function onDefinitionEdits(
  scope: Construct,
  { storage, undelivered }: EngineParts,
  fn: lambda.Function,
): void {
  const source = new lambda.CfnEventSourceMapping(scope, 'DefinitionEdits', {
    functionName: fn.functionName,
    ...(storage.definitions.tableStreamArn === undefined
      ? {}
      : { eventSourceArn: storage.definitions.tableStreamArn }),
    startingPosition: 'TRIM_HORIZON',
    batchSize: 10,
    bisectBatchOnFunctionError: true,
    maximumRetryAttempts: 10,
    maximumRecordAgeInSeconds: 3600,
    functionResponseTypes: ['ReportBatchItemFailures'],
    destinationConfig: { onFailure: { destination: undelivered.queueArn } },
    filterCriteria: {
      filters: [{ pattern: JSON.stringify({ dynamodb: { Keys: { item: { S: ['definition'] } } } }) }],
    },
  });
  dependOnPolicy(source, fn);
}

/** Spelled out, because a metric of a rule on a bus of one's own wants the bare name, which no reference gives. */
function ruleNames(scope: Construct): {
  readonly statementEnded: string;
  readonly runSettled: string;
} {
  const { stackName } = Stack.of(scope);
  return { statementEnded: `${stackName}-StatementEnded`, runSettled: `${stackName}-RunSettled` };
}

/** Statements carry their sync and epoch in the name, and this environment's prefix. */
function onStatementEnd(scope: Construct, parts: EngineParts, fn: lambda.Function): void {
  new events.Rule(scope, 'StatementEnded', {
    ruleName: ruleNames(scope).statementEnded,
    description: 'Redshift has finished, failed or aborted an extraction of this environment',
    eventPattern: {
      source: ['aws.redshift-data'],
      detailType: ['Redshift Data Statement Status Change'],
      detail: {
        statementName: [{ prefix: `tailrace/${parts.name}/` }],
        state: ['FINISHED', 'FAILED', 'ABORTED'],
      },
    },
    targets: [delivered(fn, parts)],
  });
}

function onRunSettled(scope: Construct, parts: EngineParts, fn: lambda.Function): void {
  new events.Rule(scope, 'RunSettled', {
    ruleName: ruleNames(scope).runSettled,
    description: 'The last batch of a run is settled',
    eventBus: parts.bus,
    eventPattern: { source: [EVENT_SOURCE], detailType: ['Run Settled'] },
    targets: [delivered(fn, parts)],
  });
}

/** A lost event is healed by the sweep, so few retries; what is given up is kept as evidence. */
const delivered = (fn: lambda.Function, { undelivered }: EngineParts): targets.LambdaFunction =>
  new targets.LambdaFunction(fn, {
    deadLetterQueue: undelivered,
    retryAttempts: 3,
    maxEventAge: Duration.minutes(10),
  });

function onDeadLetters(scope: Construct, fn: lambda.Function, lanes: readonly DestinationLane[]): void {
  for (const lane of lanes) {
    const source = new lambda.CfnEventSourceMapping(scope, `DeadLettersOf-${lane.account.name}`, {
      functionName: fn.functionName,
      eventSourceArn: lane.deadLetters.queueArn,
      batchSize: 10,
      functionResponseTypes: ['ReportBatchItemFailures'],
      scalingConfig: { maximumConcurrency: 2 },
    });
    dependOnPolicy(source, fn);
  }
}

/** Asynchronous calls: one retry, then the event is kept as evidence; the sweep does the work. */
function keepUndelivered(fn: lambda.Function, { undelivered }: EngineParts): void {
  new lambda.CfnEventInvokeConfig(fn, 'Asynchronous', {
    functionName: fn.functionName,
    qualifier: '$LATEST',
    maximumRetryAttempts: 1,
    maximumEventAgeInSeconds: 600,
    destinationConfig: { onFailure: { destination: undelivered.queueArn } },
  });
}
