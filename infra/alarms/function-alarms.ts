/** Alarms on functions, queues and what is given up between them. */
import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import type { DestinationLane } from '../destination-lane.ts';
import type { EngineFunctions } from '../engine-functions.ts';
import type { EngineParts } from '../engine-parts.ts';
import type { LogMetrics } from './log-metrics.ts';
import { LATELY, PERIOD, type Raised, raise, serviceMetric } from './raise.ts';

/** One failure may be a deploy or a slow call, and is repeated; three in a quarter of an hour are not. */
const FAILURES_MAX = 2;
/** Lambda tries throttled calls again; more than these in five minutes is a limit that is too low. */
const THROTTLES_MAX = 10;
const QUARTER_HOUR = Duration.minutes(15);

export function alarmOnFunctions(
  scope: Construct,
  { startRun, fanOut, sweep }: EngineFunctions,
  fromLogs: LogMetrics,
): readonly Raised[] {
  const throttles = total({ start: throttlesOf(startRun), fan: throttlesOf(fanOut) });
  const invocations = sweep.metricInvocations({ period: QUARTER_HOUR, statistic: 'Sum' });
  return [
    raise(scope, 'FunctionsFailing', { metric: fromLogs.failed(QUARTER_HOUR), above: FAILURES_MAX }),
    raise(scope, 'ExtractorThrottled', { metric: throttles, above: THROTTLES_MAX, periods: LATELY }),
    raise(scope, 'SweepSilent', {
      metric: invocations,
      below: 1,
      missing: cloudwatch.TreatMissingData.BREACHING,
    }),
  ];
}

/** Of one destination account. */
export function alarmOnLane(lane: DestinationLane, loader: lambda.Function): readonly Raised[] {
  const { name } = lane.account;
  const dropped = serviceMetric('AWS/Lambda', 'RecursiveInvocationsDropped', {
    FunctionName: loader.functionName,
  });
  const unburied = lane.deadLetters.metricApproximateNumberOfMessagesVisible({
    period: PERIOD,
    statistic: 'Minimum',
  });
  return [
    raise(
      lane,
      'LoaderThrottled',
      { metric: throttlesOf(loader), above: THROTTLES_MAX, periods: LATELY },
      name,
    ),
    raise(lane, 'LoopDropped', { metric: dropped, above: 0, periods: LATELY }, name),
    // They pass through in seconds; only what stays is a symptom.
    raise(lane, 'DeadLettersStuck', { metric: unburied, above: 0, periods: [3, 3] }, name),
  ];
}

/**
 * What was given up lies in a queue. That it could not even be put there is told only where nobody else would notice: an
 * edit, a start, a record of the audit. Ends of statements and of runs are healed by the sweep, with or without evidence.
 */
export function alarmOnGivenUp(
  scope: Construct,
  { undelivered, schedules, bus }: EngineParts,
  lost: { readonly functions: readonly lambda.Function[]; readonly rules: readonly string[] },
): readonly Raised[] {
  const visible = undelivered.metricApproximateNumberOfMessagesVisible({
    period: PERIOD,
    statistic: 'Maximum',
  });
  const ofFunctions = lost.functions.map((fn) =>
    serviceMetric('AWS/Lambda', 'DestinationDeliveryFailures', { FunctionName: fn.functionName }),
  );
  const ofRules = lost.rules.map((RuleName) =>
    serviceMetric('AWS/Events', 'InvocationsFailedToBeSentToDlq', {
      EventBusName: bus.eventBusName,
      RuleName,
    }),
  );
  const ofSchedules = serviceMetric('AWS/Scheduler', 'InvocationsFailedToBeSentToDeadLetterCount', {
    ScheduleGroup: schedules.groupName,
  });
  const all = [ofSchedules, ...ofFunctions, ...ofRules].map((metric, at) => [`m${at}`, metric] as const);
  return [
    raise(scope, 'EventsGivenUp', { metric: visible, above: 0 }),
    raise(scope, 'EvidenceLost', { metric: total(Object.fromEntries(all)), above: 0, periods: LATELY }),
  ];
}

/** The size of the staging bucket, which S3 tells once a day. */
export function alarmOnStaging(scope: Construct, { storage, environment }: EngineParts): Raised {
  const size = serviceMetric(
    'AWS/S3',
    'BucketSizeBytes',
    { BucketName: storage.staging.bucketName, StorageType: 'StandardStorage' },
    'Maximum',
    Duration.days(1),
  );
  const above = environment.alarms.stagingGibMax * 1024 ** 3;
  return raise(scope, 'StagingGrowing', { metric: size, above, missing: cloudwatch.TreatMissingData.IGNORE });
}

const throttlesOf = (fn: lambda.Function): cloudwatch.Metric =>
  fn.metricThrottles({ period: PERIOD, statistic: 'Sum' });

/** A metric without data counts as none. */
function total(metrics: Readonly<Record<string, cloudwatch.IMetric>>): cloudwatch.MathExpression {
  const expression = Object.keys(metrics)
    .map((name) => `FILL(${name}, 0)`)
    .join(' + ');
  return new cloudwatch.MathExpression({ expression, usingMetrics: { ...metrics }, period: PERIOD });
}
