/**
 * One EventBridge schedule per sync, in the environment's group. `UpdateSchedule` sets every omitted field back to its
 * default (185 retries over a day), so the whole object is written each time.
 */
import {
  CreateScheduleCommand,
  type CreateScheduleCommandInput,
  DeleteScheduleCommand,
  ResourceNotFoundException,
  type SchedulerClient,
  UpdateScheduleCommand,
} from '@aws-sdk/client-scheduler';
import { cronValues, MINUTE } from '../core/cron-fields.ts';
import { awsScheduleExpression } from '../core/schedule.ts';
import type { Schedule } from '../core/sync.ts';
import type { Schedules } from '../ports.ts';
import { awsCall } from './aws-fault.ts';

export type ScheduleTarget = {
  readonly group: string;
  /** ARN of the function that starts a run. */
  readonly startRun: string;
  /** ARN of the role that Scheduler calls it with. */
  readonly role: string;
  /** ARN of the queue for ticks that could not be delivered. */
  readonly undelivered: string;
};

/** A tick that comes late is only a trigger, so a few quick retries are enough; the next tick is the better one. */
const RETRIES = 2;
const TICK_AGE_SECONDS_MIN = 60;
const TICK_AGE_SECONDS_MAX = 900;

/** The schedules port; throws only Faults (`awsFault`). */
export function schedulerSchedules(client: SchedulerClient, target: ScheduleTarget): Schedules {
  return {
    put: async (syncId, schedule, enabled) => {
      const whole = wholeSchedule(target, syncId, schedule, enabled);
      await awsCall('writing a schedule', async () => {
        try {
          await client.send(new UpdateScheduleCommand(whole));
        } catch (error) {
          if (!(error instanceof ResourceNotFoundException)) throw error;
          await client.send(new CreateScheduleCommand(whole));
        }
      });
    },
    remove: async (syncId) => {
      const command = new DeleteScheduleCommand({ GroupName: target.group, Name: syncId });
      await awsCall('removing a schedule', async () => {
        try {
          await client.send(command);
        } catch (error) {
          if (!(error instanceof ResourceNotFoundException)) throw error;
        }
      });
    },
  };
}

function wholeSchedule(
  target: ScheduleTarget,
  syncId: string,
  schedule: Schedule,
  enabled: boolean,
): CreateScheduleCommandInput {
  const { expression, timezone } = awsScheduleExpression(schedule);
  return {
    GroupName: target.group,
    Name: syncId,
    ScheduleExpression: expression,
    ScheduleExpressionTimezone: timezone,
    State: enabled ? 'ENABLED' : 'DISABLED',
    FlexibleTimeWindow: { Mode: 'OFF' },
    Target: {
      Arn: target.startRun,
      RoleArn: target.role,
      // Scheduler fills in the time of the tick, so a repeat of it can be told from the next one.
      Input: JSON.stringify({ syncId, scheduledAt: '<aws.scheduler.scheduled-time>' }),
      RetryPolicy: { MaximumRetryAttempts: RETRIES, MaximumEventAgeInSeconds: tickAgeSeconds(schedule) },
      DeadLetterConfig: { Arn: target.undelivered },
    },
  };
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { minute: 60, hour: 3600, day: 86_400 };

/** Never longer than the time to the next tick. */
function tickAgeSeconds(schedule: Schedule): number {
  const seconds = 'cron' in schedule ? cronSeconds(schedule.cron) : everySeconds(schedule.every);
  return Math.max(TICK_AGE_SECONDS_MIN, Math.min(TICK_AGE_SECONDS_MAX, seconds));
}

function everySeconds(every: string): number {
  const [amount = '1', unit = 'minute'] = every.split(' ');
  return Number(amount) * (UNIT_SECONDS[unit.replace(/s$/, '')] ?? TICK_AGE_SECONDS_MIN);
}

/** The shortest time between two of its minutes, as if it fired in every hour; a tick before a pause is given up sooner. */
function cronSeconds(cron: string): number {
  const minutes = cronValues(cron.trim().split(/\s+/, 1)[0] ?? '', MINUTE);
  if (!minutes.ok) return TICK_AGE_SECONDS_MIN;
  const [first = 0] = minutes.values;
  const gaps = minutes.values.map((minute, at) => (minutes.values[at + 1] ?? first + 60) - minute);
  return Math.min(...gaps) * 60;
}
