/**
 * Making alarms. A single alarm changes the composite of its severity, and that tells once, however many alarms one cause
 * sets off; the few that must not be hidden behind another one tell by themselves as well. Names are spelled out, so that
 * a person can read them in a message.
 */
import { Duration, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type * as sns from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { ALARMS, type AlarmId, COMPOSITES, describe, type Severity } from './meanings.ts';

/** What an alarm looks at, and when it is one. */
export type Condition = {
  readonly metric: cloudwatch.IMetric;
  readonly above?: number;
  readonly below?: number;
  /** Alarms when so many of the last so many periods are beyond the limit; 1 of 1 when left out. */
  readonly periods?: readonly [beyond: number, of: number];
  /** What no data means; not an alarm when left out. */
  readonly missing?: cloudwatch.TreatMissingData;
};

export type Raised = {
  readonly alarm: cloudwatch.Alarm;
  readonly severity: Severity;
  readonly isToldAlone: boolean;
};

/** `account`: for the alarms that exist once for each destination account. */
export function raise(where: Construct, id: AlarmId, condition: Condition, account?: string): Raised {
  const { stackName } = Stack.of(where);
  const meaning = ALARMS[id];
  const { severity, says } = meaning;
  const { metric, above, below, periods: [beyond, of] = [1, 1], missing } = condition;
  const alarm = new cloudwatch.Alarm(where, id, {
    alarmName: [stackName, id, ...(account === undefined ? [] : [account])].join('-'),
    alarmDescription: describe(id, account === undefined ? says : `${account}: ${says}`),
    metric,
    threshold: above ?? below ?? 0,
    comparisonOperator:
      below === undefined
        ? cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
        : cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
    datapointsToAlarm: beyond,
    evaluationPeriods: of,
    treatMissingData: missing ?? cloudwatch.TreatMissingData.NOT_BREACHING,
  });
  return { alarm, severity, isToldAlone: 'isToldAlone' in meaning };
}

/** CloudWatch: alarms that one composite may name. */
const CHILDREN_MAX = 100;

/**
 * The two that tell, at the beginning and at the end. Throws when there are more alarms than a composite may name: the
 * environment has too many destination accounts.
 */
export function tellOnce(scope: Construct, topic: sns.Topic, raised: readonly Raised[]): void {
  const action = new SnsAction(topic);
  const tell = (alarm: cloudwatch.Alarm | cloudwatch.CompositeAlarm): void => {
    alarm.addAlarmAction(action);
    alarm.addOkAction(action);
  };
  for (const { alarm } of raised.filter(({ isToldAlone }) => isToldAlone)) tell(alarm);
  for (const severity of ['critical', 'warning'] as const) {
    const children = raised.filter((one) => one.severity === severity).map(({ alarm }) => alarm);
    if (children.length > CHILDREN_MAX) {
      throw new Error(
        `The environment has ${children.length} alarms of severity ${severity}, but CloudWatch combines ${CHILDREN_MAX} at most; put some of the destination accounts into another environment.`,
      );
    }
    const { id, says } = COMPOSITES[severity];
    const composite = new cloudwatch.CompositeAlarm(scope, id, {
      compositeAlarmName: `${Stack.of(scope).stackName}-${id}`,
      alarmDescription: describe(id, says),
      alarmRule: cloudwatch.AlarmRule.fromString(
        children.map(({ alarmName }) => `ALARM("${alarmName}")`).join(' OR '),
      ),
    });
    tell(composite);
  }
}

/** Short enough to be told soon, long enough to be charged as a standard metric and to hold a watch. */
export const PERIOD = Duration.minutes(5);
/** Beyond in any of the last three: what the watch counts every five minutes, and what is counted now and then. */
export const LATELY: readonly [number, number] = [1, 3];

/** A metric of a service of AWS, by its dimensions. */
export const serviceMetric = (
  namespace: `AWS/${string}`,
  metricName: string,
  dimensionsMap: Record<string, string>,
  statistic = 'Sum',
  period = PERIOD,
): cloudwatch.Metric => new cloudwatch.Metric({ namespace, metricName, dimensionsMap, statistic, period });
