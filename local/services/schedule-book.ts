/**
 * EventBridge Scheduler's schedules: kept in a file, one timer for the next of them. A `rate` fires at once when it
 * is made and then at its period; a `cron` at its times in its time zone. With a speed-up the schedules' own clock
 * runs that much faster; the time that a target is told is the real one.
 *
 * After a restart a schedule that should have fired in between fires once.
 */
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { nextFire } from '../../shared/core/schedule.ts';

export type ScheduleTarget = {
  readonly Arn: string;
  readonly RoleArn: string;
  readonly Input?: string | undefined;
  readonly RetryPolicy?:
    | { MaximumRetryAttempts?: number | undefined; MaximumEventAgeInSeconds?: number | undefined }
    | undefined;
  readonly DeadLetterConfig?: { Arn?: string | undefined } | undefined;
};

/** What Create and Update take, whole. */
export type ScheduleSpec = {
  readonly ScheduleExpression: string;
  readonly ScheduleExpressionTimezone: string;
  readonly State: 'ENABLED' | 'DISABLED';
  readonly Target: ScheduleTarget;
  readonly Description?: string | undefined;
};

export type Schedule = ScheduleSpec & {
  readonly Name: string;
  readonly GroupName: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly modifiedAt: number;
  /** When it fires next, real time; undefined for never. */
  readonly nextAt: number | undefined;
};

export type ScheduleBook = {
  get(group: string, name: string): Schedule | undefined;
  /** Creates or replaces; throws the Fault of an expression that cannot be read. */
  put(group: string, name: string, spec: ScheduleSpec): Schedule;
  remove(group: string, name: string): boolean;
  list(): readonly Schedule[];
  /** Begins to fire. */
  start(): void;
  stop(): void;
};

/** `input` has its context attributes filled in. */
export type Fire = (schedule: Schedule, input: string) => void;

export function openScheduleBook(file: string, speed: number, fire: Fire): ScheduleBook {
  const schedules = new Map<string, Schedule>(
    readSchedules(file).map((one) => [keyOf(one.GroupName, one.Name), one]),
  );
  const origin = Date.now();
  let timer: NodeJS.Timeout | undefined;
  let started = false;

  const next = (spec: ScheduleSpec, after: number): number | undefined => {
    const virtual = origin + (after - origin) * speed;
    const at = nextFire(
      spec.ScheduleExpression,
      spec.ScheduleExpressionTimezone,
      new Date(virtual),
    )?.getTime();
    return at === undefined ? undefined : Math.round(origin + (at - origin) / speed);
  };

  /** Counted from the tick itself, so that lateness does not add up; ticks that were missed are left out. */
  function following(schedule: Schedule & { nextAt: number }, now: number): number | undefined {
    const after = next(schedule, schedule.nextAt);
    return after !== undefined && after <= now ? next(schedule, now) : after;
  }

  function save(): void {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(`${file}.new`, JSON.stringify([...schedules.values()], undefined, 2));
    renameSync(`${file}.new`, file);
    arm();
  }

  function arm(): void {
    clearTimeout(timer);
    if (!started) return;
    const times = [...schedules.values()].flatMap((one) => (isDue(one) ? [one.nextAt] : []));
    if (times.length > 0)
      timer = setTimeout(tick, Math.min(Math.max(Math.min(...times) - Date.now(), 0), TIMER_MS_MAX));
  }

  function tick(): void {
    const now = Date.now();
    for (const schedule of [...schedules.values()]) {
      if (!isDue(schedule) || schedule.nextAt > now) continue;
      schedules.set(keyOf(schedule.GroupName, schedule.Name), {
        ...schedule,
        nextAt: following(schedule, now),
      });
      fire(schedule, fillIn(schedule, speed));
    }
    save();
  }

  return {
    get: (group, name) => schedules.get(keyOf(group, name)),
    put(group, name, spec) {
      const old = schedules.get(keyOf(group, name));
      const now = Date.now();
      const upcoming = next(spec, now);
      const atOnce = spec.ScheduleExpression.startsWith('rate(') ? now : upcoming;
      const nextAt = old !== undefined && sameTimes(old, spec) ? old.nextAt : atOnce;
      const schedule = {
        ...spec,
        Name: name,
        GroupName: group,
        createdAt: old?.createdAt ?? now,
        modifiedAt: now,
        nextAt,
      };
      schedules.set(keyOf(group, name), schedule);
      save();
      return schedule;
    },
    remove(group, name) {
      const removed = schedules.delete(keyOf(group, name));
      save();
      return removed;
    },
    list: () => [...schedules.values()],
    start() {
      started = true;
      arm();
    },
    stop() {
      started = false;
      clearTimeout(timer);
    },
  };
}

const TIMER_MS_MAX = 24 * 60 * 60 * 1000;

const keyOf = (group: string, name: string): string => `${group}/${name}`;

const isDue = (schedule: Schedule): schedule is Schedule & { nextAt: number } =>
  schedule.State === 'ENABLED' && schedule.nextAt !== undefined;

const sameTimes = (a: ScheduleSpec, b: ScheduleSpec): boolean =>
  a.ScheduleExpression === b.ScheduleExpression &&
  a.ScheduleExpressionTimezone === b.ScheduleExpressionTimezone &&
  a.State === b.State;

/** Scheduler fires to the minute and says whole seconds; sped-up ticks lie closer together than that. */
function fillIn(schedule: Schedule & { nextAt: number }, speed: number): string {
  const iso = new Date(schedule.nextAt).toISOString();
  const attributes: Record<string, string> = {
    'aws.scheduler.scheduled-time': speed === 1 ? iso.replace(/\.\d+Z$/, 'Z') : iso,
    'aws.scheduler.execution-id': randomUUID(),
    'aws.scheduler.attempt-number': '1',
    'aws.scheduler.schedule-arn': `${schedule.GroupName}/${schedule.Name}`,
  };
  return (schedule.Target.Input ?? '{}').replaceAll(
    /<(aws\.scheduler\.[a-z-]+)>/g,
    (whole, name: string) => attributes[name] ?? whole,
  );
}

function readSchedules(file: string): Schedule[] {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Schedule[];
  } catch {
    return [];
  }
}
