/** Alarms on what the engine itself counts: every gauge of the watch has one, so none is looked at by nobody. */
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { type Gauge, METRIC_NAMESPACE, METRICS, type Metric } from '../../shared/core/metrics.ts';
import type { AlarmId } from './meanings.ts';
import { LATELY, PERIOD, type Raised, raise } from './raise.ts';

const GAUGES: Readonly<Record<Gauge, AlarmId>> = {
  runs_overdue: 'RunsOverdue',
  runs_held: 'RunHeld',
  syncs_miscounted: 'CommitMismatch',
  syncs_rejecting: 'RowsRejected',
  statements_failing: 'StatementsFailing',
  secrets_failing: 'SecretFailing',
  definitions_refused: 'DefinitionRefused',
  breakers_open: 'BreakerOpen',
  budgets_starved: 'BudgetStarving',
};

/** What should not happen even once. */
const COUNTS = { dead_letters: 'DeadLetters', errors: 'ErrorsLogged' } as const satisfies Partial<
  Record<Metric, AlarmId>
>;

export function alarmOnEngine(scope: Construct, environment: string): readonly Raised[] {
  const all = Object.entries({ ...GAUGES, ...COUNTS }) as [Metric, AlarmId][];
  return all.map(([name, id]) =>
    raise(scope, id, { metric: engineMetric(name, environment), above: 0, periods: LATELY }),
  );
}

/** A metric of the engine as `telemetry.count` writes it: a gauge by its highest, a count by its sum. */
export function engineMetric(name: Metric, environment: string, account?: string): cloudwatch.Metric {
  const { by, is } = METRICS[name];
  if ((by === 'account') !== (account !== undefined)) throw new Error(`metric ${name} is kept by ${by}`);
  return new cloudwatch.Metric({
    namespace: METRIC_NAMESPACE,
    metricName: name,
    dimensionsMap: { environment, ...(account === undefined ? {} : { account }) },
    statistic: is === 'gauge' ? 'Maximum' : 'Sum',
    period: PERIOD,
  });
}
