/**
 * Schedules: what a definition says, what EventBridge Scheduler understands, and when it fires.
 *
 * A definition writes `every: 15 minutes` or a cron of the usual five fields. EventBridge writes `rate(15 minutes)`
 * or six fields with its own weekdays, in which either the day of the month or the day of the week is `?`. A rate counts
 * from when it was made; `align: true` becomes a cron at round times, the same for all syncs of that rhythm.
 */
import { Cron } from 'croner';
import {
  AWS_WEEKDAY,
  type CronUnit,
  type CronValues,
  cronText,
  cronValues,
  DAY,
  HOUR,
  MINUTE,
  MONTH,
  UNIX_WEEKDAY,
  YEAR,
} from './cron-fields.ts';
import { Fault } from './fault.ts';
import type { Schedule } from './sync.ts';

/** What `scheduleFlaws` finds; the message names the value and the rule. */
export type ScheduleFlaw = {
  readonly code:
    | 'every_not_aligned'
    | 'cron_shape'
    | 'cron_never_fires'
    | 'cron_not_expressible'
    | 'timezone_unknown';
  readonly message: string;
  readonly remedy: string;
};

/** What EventBridge Scheduler takes. Throws a `config` Fault for a schedule that `scheduleFlaws` would refuse. */
export function awsScheduleExpression(schedule: Schedule): {
  readonly expression: string;
  readonly timezone: string;
} {
  if ('every' in schedule) return { expression: everyExpression(schedule), timezone: 'UTC' };
  const flaw = cronFlaw(schedule.cron);
  if (flaw !== undefined) {
    throw new Fault('config', flaw.code, flaw.message, { path: 'schedule.cron', remedy: flaw.remedy });
  }
  return { expression: awsCronOf(unixFields(schedule.cron)), timezone: schedule.timezone };
}

/** What is wrong with a schedule of the right shape: its zone, its cron, both or neither. */
export function scheduleFlaws(schedule: Schedule): readonly ScheduleFlaw[] {
  if ('every' in schedule) {
    return schedule.align === true && alignedCron(schedule.every) === undefined
      ? [unalignedFlaw(schedule.every)]
      : [];
  }
  const flaw = cronFlaw(schedule.cron) ?? neverFlaw(schedule);
  const zone = isTimezone(schedule.timezone) ? [] : [zoneFlaw(schedule.timezone)];
  return flaw === undefined ? zone : [...zone, flaw];
}

/** True when no instant after `from` fires, such as on the 30th of February. */
export function neverFires(schedule: Schedule, from: Date): boolean {
  const { expression, timezone } = awsScheduleExpression(schedule);
  return nextFire(expression, timezone, from) === undefined;
}

/**
 * When an EventBridge expression, `cron(...)` or `rate(...)`, fires next, strictly after an instant; undefined
 * for never. A rate counts from `after`. Throws a `config` Fault, `schedule_expression`, for anything else.
 * Not read: `L`, `W` and `#`, which we never write.
 */
export function nextFire(expression: string, timezone: string, after: Date): Date | undefined {
  const [, kind, body = ''] = /^(cron|rate)\((.{1,250})\)$/.exec(expression) ?? [];
  if (kind === 'rate') return new Date(after.getTime() + rateMs(body, expression));
  if (kind !== 'cron') throw unreadable(expression);
  const pattern = cronerPattern(body.trim().split(/\s+/), expression);
  // Day of month AND day of week: one of them is always `?`, so both readings are the same.
  const cron = new Cron(pattern, { timezone, paused: true, domAndDow: true, mode: '7-part' });
  return cron.nextRun(after) ?? undefined;
}

/** True for a name that the runtime's IANA database knows; offsets such as `+02:00` are not names. */
export function isTimezone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

const UNIX_UNITS = [MINUTE, HOUR, DAY, MONTH, UNIX_WEEKDAY] as const;
const CRON_REMEDY =
  'write five fields, minute hour day-of-month month day-of-week, such as "0 6 * * 1-5" for six o\'clock on weekdays';
const UNIT_MS: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

type Every = Extract<Schedule, { every: string }>;

function everyExpression({ every, align }: Every): string {
  if (align !== true) return rateOf(every);
  const cron = alignedCron(every);
  if (cron !== undefined) return cron;
  const { code, message, remedy } = unalignedFlaw(every);
  throw new Fault('config', code, message, { path: 'schedule.align', remedy });
}

const HOUR_MINUTES = 60;
const DAY_HOURS = 24;

/** Undefined when the times would not be the same every hour or every day. */
function alignedCron(every: string): string | undefined {
  const [count = '', unit = ''] = every.split(' ');
  const minutes = (Number(count) * (UNIT_MS[unit.replace(/s$/, '')] ?? 0)) / 60_000;
  if (HOUR_MINUTES % minutes === 0) return `cron(${everyOf(minutes, HOUR_MINUTES)} * * * ? *)`;
  const hours = minutes / HOUR_MINUTES;
  return Number.isInteger(hours) && DAY_HOURS % hours === 0
    ? `cron(0 ${everyOf(hours, DAY_HOURS)} * * ? *)`
    : undefined;
}

/** `0,15,30,45` */
const everyOf = (step: number, whole: number): string =>
  Array.from({ length: whole / step }, (_, index) => index * step).join(',');

const unalignedFlaw = (every: string): ScheduleFlaw => ({
  code: 'every_not_aligned',
  message: `${every} divides neither the hour nor the day, so it has no round times`,
  remedy: 'write 5, 10, 12, 15, 20, 30 minutes, 1, 2, 3, 4, 6, 8, 12 hours or 1 day, or leave align out',
});

const zoneFlaw = (timezone: string): ScheduleFlaw => ({
  code: 'timezone_unknown',
  message: `${JSON.stringify(timezone)} is not a time zone of the IANA database`,
  remedy: 'write a name such as UTC, Europe/Paris or America/New_York',
});

type UnixFields = Readonly<Record<'minute' | 'hour' | 'day' | 'month' | 'weekday', CronValues>>;

function cronFlaw(cron: string): ScheduleFlaw | undefined {
  const parts = cron.trim().split(/\s+/);
  if (parts.length !== UNIX_UNITS.length) {
    const message = `the cron "${cron}" has ${parts.length} fields where five are expected`;
    return { code: 'cron_shape', message, remedy: CRON_REMEDY };
  }
  for (const [index, unit] of UNIX_UNITS.entries()) {
    const field = cronValues(parts[index] ?? '', unit);
    if (!field.ok) return { code: 'cron_shape', message: `in "${cron}" ${field.why}`, remedy: CRON_REMEDY };
  }
  const { day, weekday } = unixFields(cron);
  if (isAny(day) || isAny(weekday)) return undefined;
  return {
    code: 'cron_not_expressible',
    message: `the cron "${cron}" limits both the day of the month and the day of the week`,
    remedy: 'write * for one of the two: EventBridge cannot express both, and cron would take either day',
  };
}

function neverFlaw(schedule: Extract<Schedule, { cron: string }>): ScheduleFlaw | undefined {
  // The year is no part of these crons: what does not fire after this instant never fires.
  if (!neverFires({ ...schedule, timezone: 'UTC' }, new Date(Date.UTC(2000, 0, 1)))) return undefined;
  return {
    code: 'cron_never_fires',
    message: `the cron "${schedule.cron}" names no day that exists, so it never fires`,
    remedy: 'name a day that the month has; for the last days of every month use the 28th',
  };
}

function unixFields(cron: string): UnixFields {
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = cron.trim().split(/\s+/);
  return {
    minute: cronValues(minute, MINUTE),
    hour: cronValues(hour, HOUR),
    day: cronValues(day, DAY),
    month: cronValues(month, MONTH),
    weekday: sundayOnce(cronValues(weekday, UNIX_WEEKDAY)),
  };
}

/** 7 is 0 again. */
function sundayOnce(weekday: CronValues): CronValues {
  if (!weekday.ok) return weekday;
  const values = [...new Set(weekday.values.map((value) => value % 7))].sort((a, b) => a - b);
  return { ok: true, values, any: values.length === 7 };
}

const isAny = (field: CronValues): boolean => field.ok && field.any;
const textOf = (field: CronValues): string => (field.ok ? cronText(field.values, field.any) : '');

function awsCronOf(fields: UnixFields): string {
  const weekday = fields.weekday.ok ? fields.weekday.values.map((value) => value + 1) : [];
  const [day, week] = isAny(fields.weekday) ? [textOf(fields.day), '?'] : ['?', cronText(weekday, false)];
  return `cron(${textOf(fields.minute)} ${textOf(fields.hour)} ${day} ${textOf(fields.month)} ${week} *)`;
}

/** EventBridge wants the singular for one and the plural for more. */
function rateOf(every: string): string {
  const [count = '', unit = ''] = every.split(' ');
  const singular = unit.replace(/s$/, '');
  return `rate(${count} ${count === '1' ? singular : `${singular}s`})`;
}

function rateMs(body: string, expression: string): number {
  const [, count, unit = ''] = /^([1-9]\d{0,5}) (minute|hour|day)s?$/.exec(body) ?? [];
  const unitMs = UNIT_MS[unit];
  if (count === undefined || unitMs === undefined) throw unreadable(expression);
  return Number(count) * unitMs;
}

function cronerPattern(parts: readonly string[], expression: string): string {
  const [minute = '', hour = '', day = '', month = '', weekday = '', year = '*'] = parts;
  if (parts.length < 5 || parts.length > 6) throw unreadable(expression);
  const list = (text: string, unit: CronUnit, shift = 0): string => {
    const field = cronValues(text === '?' ? '*' : text, unit);
    if (!field.ok) throw unreadable(expression);
    return field.any
      ? '*'
      : cronText(
          field.values.map((value) => value + shift),
          false,
        );
  };
  const days = `${list(day, DAY)} ${list(month, MONTH)} ${list(weekday, AWS_WEEKDAY, -1)}`;
  return `0 ${list(minute, MINUTE)} ${list(hour, HOUR)} ${days} ${list(year, YEAR)}`;
}

function unreadable(expression: string): Fault {
  return new Fault('config', 'schedule_expression', `"${expression}" is no EventBridge schedule expression`, {
    remedy: 'write rate(15 minutes) or cron(0 6 * * ? *)',
  });
}
