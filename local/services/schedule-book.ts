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

/** Opens the book kept in `file`; `speed` is how much faster than real time its clock runs. */
export const openScheduleBook = (file: string, speed: number, fire: Fire): ScheduleBook =>
  new FileBook(file, speed, fire);

class FileBook implements ScheduleBook {
  readonly #file: string;
  readonly #speed: number;
  readonly #fire: Fire;
  readonly #schedules: Map<string, Schedule>;
  /** Where real time and the schedules' own time are the same. */
  readonly #origin = Date.now();
  #timer: NodeJS.Timeout | undefined;
  #started = false;

  constructor(file: string, speed: number, fire: Fire) {
    this.#file = file;
    this.#speed = speed;
    this.#fire = fire;
    this.#schedules = new Map(readSchedules(file).map((one) => [keyOf(one.GroupName, one.Name), one]));
  }

  get(group: string, name: string): Schedule | undefined {
    return this.#schedules.get(keyOf(group, name));
  }

  put(group: string, name: string, spec: ScheduleSpec): Schedule {
    const old = this.get(group, name);
    const now = Date.now();
    const upcoming = this.#next(spec, now);
    const atOnce = spec.ScheduleExpression.startsWith('rate(') ? now : upcoming;
    const nextAt = old !== undefined && sameTimes(old, spec) ? old.nextAt : atOnce;
    const createdAt = old?.createdAt ?? now;
    const schedule = { ...spec, Name: name, GroupName: group, createdAt, modifiedAt: now, nextAt };
    this.#schedules.set(keyOf(group, name), schedule);
    this.#save();
    return schedule;
  }

  remove(group: string, name: string): boolean {
    const removed = this.#schedules.delete(keyOf(group, name));
    this.#save();
    return removed;
  }

  list(): readonly Schedule[] {
    return [...this.#schedules.values()];
  }

  start(): void {
    this.#started = true;
    this.#arm();
  }

  stop(): void {
    this.#started = false;
    clearTimeout(this.#timer);
  }

  #next(spec: ScheduleSpec, after: number): number | undefined {
    const own = this.#origin + (after - this.#origin) * this.#speed;
    const at = nextFire(spec.ScheduleExpression, spec.ScheduleExpressionTimezone, new Date(own))?.getTime();
    return at === undefined ? undefined : Math.round(this.#origin + (at - this.#origin) / this.#speed);
  }

  /** Counted from the tick itself, so that lateness does not add up; ticks that were missed are left out. */
  #following(schedule: Schedule & { nextAt: number }, now: number): number | undefined {
    const after = this.#next(schedule, schedule.nextAt);
    return after !== undefined && after <= now ? this.#next(schedule, now) : after;
  }

  #save(): void {
    mkdirSync(path.dirname(this.#file), { recursive: true });
    writeFileSync(`${this.#file}.new`, JSON.stringify(this.list(), undefined, 2));
    renameSync(`${this.#file}.new`, this.#file);
    this.#arm();
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const times = this.list().flatMap((one) => (isDue(one) ? [one.nextAt] : []));
    if (!this.#started || times.length === 0) return;
    const waitMs = Math.max(Math.min(...times) - Date.now(), 0);
    this.#timer = setTimeout(() => this.#tick(), Math.min(waitMs, TIMER_MS_MAX));
  }

  #tick(): void {
    const now = Date.now();
    for (const schedule of this.list()) {
      if (!isDue(schedule) || schedule.nextAt > now) continue;
      const nextAt = this.#following(schedule, now);
      this.#schedules.set(keyOf(schedule.GroupName, schedule.Name), { ...schedule, nextAt });
      this.#fire(schedule, fillIn(schedule, this.#speed));
    }
    this.#save();
  }
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
