/**
 * The dashboard of an environment: what an operator looks at after an alarm, or in the morning. Syncs are lines of a log
 * query, never dimensions of a metric. Three dashboards of an AWS account are free, each further one is $3 a month:
 * `dashboard: false` leaves it out.
 */
import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { RATE_SHARE } from '../shared/core/limits.ts';
import type { Metric } from '../shared/core/metrics.ts';
import { OUTCOMES } from '../shared/core/outcomes.ts';
import { estimatedUsd } from './alarms/cost.ts';
import { engineMetric } from './alarms/engine-alarms.ts';
import type { LogMetrics } from './alarms/log-metrics.ts';
import type { Raised } from './alarms/raise.ts';
import type { DestinationLane } from './destination-lane.ts';
import type { EngineParts } from './engine-parts.ts';
import { SAVED_QUERIES } from './saved-queries.ts';
import type { Account } from './settings.ts';

export type DashboardParts = {
  readonly parts: EngineParts;
  readonly lanes: readonly DestinationLane[];
  readonly functions: readonly lambda.Function[];
  readonly raised: readonly Raised[];
  readonly fromLogs: LogMetrics;
};

const HALF = 12;
const WHOLE = 24;
const MINUTE = Duration.minutes(1);
const FIVE_MINUTES = Duration.minutes(5);

export function makeDashboard(scope: Construct, all: DashboardParts): void {
  const { name } = all.parts;
  new cloudwatch.Dashboard(scope, 'Dashboard', {
    dashboardName: `tailrace-${name}`,
    defaultInterval: Duration.days(1),
    widgets: [
      [alarmStates(all)],
      [logTable(all, 'Freshness'), logTable(all, 'What needs attention')],
      [rowsByOutcome(all), rateUsed(all)],
      [queueAges(all), breakers(all)],
      [warehouseSeconds(all), costByDay(all)],
    ],
  });
}

const alarmStates = ({ raised }: DashboardParts): cloudwatch.IWidget =>
  new cloudwatch.AlarmStatusWidget({
    title: 'Alarms (docs/runbook.md)',
    alarms: raised.map(({ alarm }) => alarm),
    width: WHOLE,
    height: 4,
  });

/** One line for each sync. The time range of the dashboard is that of the query. */
const logTable = ({ functions }: DashboardParts, query: keyof typeof SAVED_QUERIES): cloudwatch.IWidget =>
  new cloudwatch.LogQueryWidget({
    title: query === 'Freshness' ? 'Freshness: last commit of each sync' : query,
    logGroupNames: functions.map((fn) => fn.logGroup.logGroupName),
    queryString: SAVED_QUERIES[query],
    view: cloudwatch.LogQueryVisualizationType.TABLE,
    width: HALF,
    height: 8,
  });

const rowsByOutcome = ({ parts, lanes }: DashboardParts): cloudwatch.IWidget =>
  graph(
    'Rows by outcome',
    OUTCOMES.map((outcome) => sum(outcome, `rows_${outcome}`, parts.name, lanes)),
    { stacked: true },
  );

/** Of what the account allows and the engine takes of it; a line at 100. */
const rateUsed = ({ parts, lanes }: DashboardParts): cloudwatch.IWidget =>
  graph(
    'Rate used of rate allowed, percent',
    lanes.map(
      ({ account }, at) =>
        new cloudwatch.MathExpression({
          expression: `sent${at} * ${(100 / allowedPerMinute(account)).toFixed(9)}`,
          usingMetrics: {
            [`sent${at}`]: engineMetric('requests_sent', parts.name, account.name).with({ period: MINUTE }),
          },
          label: account.name,
          period: MINUTE,
        }),
    ),
    { leftAnnotations: [{ value: 100, label: 'allowed' }], leftYAxis: { min: 0 } },
  );

const allowedPerMinute = ({ rate }: Account): number => (rate.requests * RATE_SHARE * 60_000) / rate.perMs;

const queueAges = ({ lanes }: DashboardParts): cloudwatch.IWidget =>
  graph(
    'Age of the oldest message, seconds',
    lanes.flatMap(({ account, express, bulk, deadLetters }) =>
      (
        [
          ['express', express],
          ['bulk', bulk],
          ['dead letters', deadLetters],
        ] as const
      ).map(([lane, queue]) =>
        queue.metricApproximateAgeOfOldestMessage({
          label: `${account.name} ${lane}`,
          period: FIVE_MINUTES,
          statistic: 'Maximum',
        }),
      ),
    ),
    { leftYAxis: { min: 0 } },
  );

const breakers = ({ parts, lanes }: DashboardParts): cloudwatch.IWidget =>
  graph(
    'Breakers open, accounts starved, answers that said: too fast',
    [
      engineMetric('breakers_open', parts.name).with({ label: 'breakers open' }),
      engineMetric('budgets_starved', parts.name).with({ label: 'accounts starved' }),
    ],
    {
      leftYAxis: { min: 0 },
      right: lanes.map(({ account }) =>
        engineMetric('throttled', parts.name, account.name).with({ label: `${account.name} too fast` }),
      ),
    },
  );

const warehouseSeconds = ({ parts }: DashboardParts): cloudwatch.IWidget =>
  graph('Warehouse seconds an hour, from start to end of statements', [
    new cloudwatch.MathExpression({
      expression: 'extraction / 1000',
      usingMetrics: {
        extraction: engineMetric('extraction_ms', parts.name).with({ period: Duration.hours(1) }),
      },
      label: 'seconds',
      period: Duration.hours(1),
    }),
  ]);

const costByDay = ({ parts, fromLogs }: DashboardParts): cloudwatch.IWidget =>
  graph('Estimated cost a day, US dollars', [estimatedUsd(parts.environment, parts.name, fromLogs)], {
    view: cloudwatch.GraphWidgetView.BAR,
    leftAnnotations: [{ value: parts.environment.alarms.usdPerDayMax, label: 'alarm' }],
  });

/** Over all destination accounts. */
function sum(
  label: string,
  metric: Metric,
  environment: string,
  lanes: readonly DestinationLane[],
): cloudwatch.IMetric {
  const usingMetrics = Object.fromEntries(
    lanes.map(({ account }, at) => [`${label}${at}`, engineMetric(metric, environment, account.name)]),
  );
  const expression = `SUM([${Object.keys(usingMetrics).join(', ')}])`;
  return new cloudwatch.MathExpression({ expression, usingMetrics, label, period: FIVE_MINUTES });
}

const graph = (
  title: string,
  left: cloudwatch.IMetric[],
  more: Omit<cloudwatch.GraphWidgetProps, 'title' | 'left'> = {},
): cloudwatch.IWidget => new cloudwatch.GraphWidget({ title, left, width: HALF, height: 6, ...more });
