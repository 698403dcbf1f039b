/**
 * What a day costs, estimated from two metrics: the time that Lambda bills, of all functions, and the time that extractions
 * take, at the price of the warehouse's base capacity where it is billed by time. Both are above the truth (every function
 * counts as the largest; parallel statements share a warehouse), and neither waits for the bill, which is a day late.
 * Storage, requests, alarms and secrets are the small and steady rest: `docs/prices.md`.
 */
import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { PRICES } from '../prices.ts';
import type { Environment } from '../settings.ts';
import { engineMetric } from './engine-alarms.ts';
import type { LogMetrics } from './log-metrics.ts';
import { type Raised, raise } from './raise.ts';

/** The largest function has half a gigabyte. */
const LARGEST_GB = 0.5;

const DAY = Duration.days(1);

export function alarmOnCost(
  scope: Construct,
  environment: Environment,
  name: string,
  fromLogs: LogMetrics,
): Raised {
  const metric = estimatedUsd(environment, name, fromLogs);
  return raise(scope, 'CostHigh', { metric, above: environment.alarms.usdPerDayMax });
}

/** US dollars of each day. */
export function estimatedUsd(
  { warehouse, alarms }: Environment,
  name: string,
  fromLogs: LogMetrics,
): cloudwatch.MathExpression {
  const functions = `billed * ${perMs(PRICES.lambdaGbSecond * LARGEST_GB)}`;
  // A provisioned cluster is paid for whether it is asked or not.
  const isBilledByTime = warehouse.kind === 'serverless';
  const hourly = PRICES.redshiftRpuHour * alarms.warehouseRpu;
  return new cloudwatch.MathExpression({
    expression: isBilledByTime ? `${functions} + FILL(extraction, 0) * ${perMs(hourly / 3600)}` : functions,
    usingMetrics: {
      billed: fromLogs.billedMs(DAY),
      ...(isBilledByTime ? { extraction: engineMetric('extraction_ms', name).with({ period: DAY }) } : {}),
    },
    label: 'estimated, US dollars a day',
    period: DAY,
  });
}

/** Of a price by the second; CloudWatch reads no exponents. */
const perMs = (usdPerSecond: number): string => (usdPerSecond / 1000).toFixed(15);
