/**
 * Two metrics for all functions together, from the lines that Lambda itself writes at the end of each invocation: how many
 * did not succeed, and how long they are billed for. A metric of Lambda's own is kept by function, and an alarm is paid
 * for each metric that it looks at; these cost one. Nothing of ours has to run for them, so a crash is counted too.
 */
import type { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { METRIC_NAMESPACE } from '../../shared/core/metrics.ts';
import { PERIOD } from './raise.ts';

/** A filter cannot add a fixed dimension, so the environment is in the namespace. */
const namespaceOf = (environment: string): string => `${METRIC_NAMESPACE}/${environment}`;

/** `platform.report` of Lambda's JSON log format: success, failure, error or timeout. */
const ENDED_BADLY = '{ $.type = "platform.report" && $.record.status != "success" }';
const ENDED = '{ $.type = "platform.report" }';

export type LogMetrics = {
  failed(period?: Duration): cloudwatch.Metric;
  billedMs(period?: Duration): cloudwatch.Metric;
};

/** Filters on the log of each function. */
export function metricsFromLogs(environment: string, functions: readonly lambda.Function[]): LogMetrics {
  const metricNamespace = namespaceOf(environment);
  for (const fn of functions) {
    new logs.MetricFilter(fn, 'Failed', {
      logGroup: fn.logGroup,
      metricNamespace,
      metricName: 'functions_failed',
      filterPattern: logs.FilterPattern.literal(ENDED_BADLY),
      metricValue: '1',
    });
    new logs.MetricFilter(fn, 'Billed', {
      logGroup: fn.logGroup,
      metricNamespace,
      metricName: 'functions_billed_ms',
      filterPattern: logs.FilterPattern.literal(ENDED),
      metricValue: '$.record.metrics.billedDurationMs',
    });
  }
  const metric =
    (metricName: string) =>
    (period: Duration = PERIOD) =>
      new cloudwatch.Metric({ namespace: metricNamespace, metricName, statistic: 'Sum', period });
  return { failed: metric('functions_failed'), billedMs: metric('functions_billed_ms') };
}
