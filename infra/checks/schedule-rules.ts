/**
 * A late tick is worse than none: left alone, Scheduler tries a tick 185 times over a day, so an hourly job may run with
 * yesterday's tick. No tick is tried for longer than it takes until the next one comes.
 */
import { listOf, partsOf } from '../template.ts';
import type { Broken, Checked, Rule } from './rule.ts';

export const scheduleRetries: Rule = { name: 'ScheduleRetries', broken: tickedTooLate };

function* tickedTooLate({ template }: Checked): Iterable<Broken> {
  const ticking = [
    ...partsOf(template, 'AWS::Scheduler::Schedule').map(({ id, properties }) => ({
      ...{ id, expression: properties.ScheduleExpression },
      targets: [properties.Target],
    })),
    ...partsOf(template, 'AWS::Events::Rule')
      .filter(({ properties }) => properties.ScheduleExpression !== undefined)
      .map(({ id, properties }) => ({
        ...{ id, expression: properties.ScheduleExpression },
        targets: listOf(properties.Targets),
      })),
  ];
  for (const { id, expression, targets } of ticking) {
    for (const target of targets) {
      const sentence = tooLate(String(expression), (target as Target | undefined)?.RetryPolicy);
      if (sentence !== undefined) yield { at: id, sentence };
    }
  }
}

type RetryPolicy = { readonly MaximumRetryAttempts?: number; readonly MaximumEventAgeInSeconds?: number };
type Target = { readonly RetryPolicy?: RetryPolicy };

function tooLate(expression: string, policy: RetryPolicy = {}): string | undefined {
  const { MaximumRetryAttempts: retries, MaximumEventAgeInSeconds: ageSeconds } = policy;
  if (retries === undefined || ageSeconds === undefined) {
    return `A tick of ${expression} is tried up to 185 times over a day, unless its retry policy says otherwise; set maximumRetryAttempts and maximumEventAgeInSeconds.`;
  }
  const interval = intervalSeconds(expression);
  if (ageSeconds <= interval) return undefined;
  return `A tick of ${expression} may be ${ageSeconds} s old when it is delivered, but the next one comes after ${interval} s; lower maximumEventAgeInSeconds to ${interval} or less.`;
}

const MINUTE_SECONDS = 60;
const HOUR_SECONDS = 60 * MINUTE_SECONDS;
const DAY_SECONDS = 24 * HOUR_SECONDS;
const UNIT_SECONDS: Readonly<Record<string, number>> = {
  minute: MINUTE_SECONDS,
  hour: HOUR_SECONDS,
  day: DAY_SECONDS,
};

/** Shortest time between two ticks; of a cron expression a lower bound that looks at minutes and hours only. */
export function intervalSeconds(expression: string): number {
  const rate = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression);
  if (rate !== null) return Number(rate[1]) * (UNIT_SECONDS[rate[2] ?? ''] ?? 0);
  if (/^at\(/.test(expression)) return DAY_SECONDS;
  const [, minutes = '*', hours = '*'] = /^cron\((\S+) (\S+) /.exec(expression) ?? [];
  if (!/^\d+$/.test(minutes)) return MINUTE_SECONDS;
  return /^\d+$/.test(hours) ? DAY_SECONDS : HOUR_SECONDS;
}
