/**
 * Alarms, all to one topic: what a person must know about. Metrics of the engine have the dimensions environment and
 * account at most; ids of syncs and runs travel in events and logs.
 */
import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import * as sns from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { type EngineParts, ruleNames } from './engine.ts';
import { letAlarmsPublish } from './resource-policies.ts';

/** The namespace of the engine's own metrics. */
export const METRIC_NAMESPACE = 'Tailrace';

export type Alarms = {
  /** Alarms as soon as the metric passes the limit in one period. */
  when(
    scope: Construct,
    id: string,
    metric: cloudwatch.IMetric,
    above: number,
    description: string,
  ): cloudwatch.Alarm;
};

/** The topic of an environment and a way to hang alarms on it. */
export function makeAlarms(
  scope: Construct,
  { environment, storage }: EngineParts,
): Alarms & { topic: sns.Topic } {
  const topic = new sns.Topic(scope, 'Alarms', { masterKey: storage.key, enforceSSL: true });
  letAlarmsPublish(topic);
  if (environment.alarms.email !== undefined) {
    topic.addSubscription(new EmailSubscription(environment.alarms.email));
  }
  const action = new SnsAction(topic);
  return {
    topic,
    when: (where, id, metric, above, description) => {
      const alarm = new cloudwatch.Alarm(where, id, {
        metric,
        threshold: above,
        comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        evaluationPeriods: 1,
        treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
        alarmDescription: description,
      });
      alarm.addAlarmAction(action);
      alarm.addOkAction(action);
      return alarm;
    },
  };
}

/** Errors, throttles, and Lambda's own loop guard, which ends a chain without an error in any log. */
export function alarmOnFunction(alarms: Alarms, fn: lambda.Function): void {
  const period = Duration.minutes(5);
  const dropped = new cloudwatch.Metric({
    namespace: 'AWS/Lambda',
    metricName: 'RecursiveInvocationsDropped',
    dimensionsMap: { FunctionName: fn.functionName },
    statistic: 'Sum',
    period,
  });
  alarms.when(fn, 'Errors', fn.metricErrors({ period }), 2, 'A function fails again and again.');
  alarms.when(fn, 'Throttles', fn.metricThrottles({ period }), 10, 'A function is refused concurrency.');
  alarms.when(fn, 'LoopsDropped', dropped, 0, 'Lambda took a chain of calls for an endless loop and cut it.');
}

/** Scheduler, bus and asynchronous calls give up into a queue; that they could not even do that is in no queue. */
export function alarmOnLostEvidence(
  alarms: Alarms,
  scope: Construct,
  { schedules, bus }: EngineParts,
  functions: readonly lambda.Function[],
): void {
  const lost = (namespace: string, metricName: string, dimensionsMap: Record<string, string>) =>
    new cloudwatch.Metric({
      namespace,
      metricName,
      dimensionsMap,
      statistic: 'Sum',
      period: Duration.minutes(5),
    });
  const description = 'An event was given up and could not be kept as evidence either.';
  const fromScheduler = lost('AWS/Scheduler', 'InvocationsFailedToBeSentToDeadLetterCount', {
    ScheduleGroup: schedules.groupName,
  });
  const { statementEnded, runSettled } = ruleNames(scope);
  const metric = 'InvocationsFailedToBeSentToDlq';
  // A rule of the default bus is known by its name alone.
  const fromDefaultBus = lost('AWS/Events', metric, { RuleName: statementEnded });
  const fromBus = lost('AWS/Events', metric, { EventBusName: bus.eventBusName, RuleName: runSettled });
  alarms.when(scope, 'StartLost', fromScheduler, 0, description);
  alarms.when(scope, 'StatementEndLost', fromDefaultBus, 0, description);
  alarms.when(scope, 'SettlementLost', fromBus, 0, description);
  for (const fn of functions) {
    const fromCall = lost('AWS/Lambda', 'DestinationDeliveryFailures', { FunctionName: fn.functionName });
    alarms.when(fn, 'CallLost', fromCall, 0, description);
  }
}

/** The same for one more rule of the environment's bus. */
export function alarmOnLostRule(
  alarms: Alarms,
  scope: Construct,
  id: string,
  { bus }: EngineParts,
  ruleName: string,
): void {
  const metric = new cloudwatch.Metric({
    namespace: 'AWS/Events',
    metricName: 'InvocationsFailedToBeSentToDlq',
    dimensionsMap: { EventBusName: bus.eventBusName, RuleName: ruleName },
    statistic: 'Sum',
    period: Duration.minutes(5),
  });
  alarms.when(scope, id, metric, 0, 'An event was given up and could not be kept as evidence either.');
}

/** Whatever lies in a queue of last resort has been given up by everybody else. */
export function alarmOnLastResort(alarms: Alarms, queue: sqs.Queue, description: string): void {
  const visible = queue.metricApproximateNumberOfMessagesVisible({
    period: Duration.minutes(1),
    statistic: 'Maximum',
  });
  alarms.when(queue, 'NotEmpty', visible, 0, description);
}

/**
 * A metric of the engine, by environment and, if named, by account. Names are those of `telemetry.count`. Dead letters
 * are buried by a function, so their alarm is on what it counts, not on the queue.
 */
export function engineMetric(name: string, environment: string, account?: string): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: METRIC_NAMESPACE,
    metricName: name,
    dimensionsMap: { environment, ...(account === undefined ? {} : { account }) },
    statistic: 'Sum',
    period: Duration.minutes(5),
  });
}
