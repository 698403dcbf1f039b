/**
 * EventBridge Scheduler's API: Create, Update, Get, Delete and List of schedules. Whoever makes a schedule must be
 * allowed to pass its role; the role must trust Scheduler, and is what the target's permission is checked against.
 */
import { z } from 'zod';
import type { Authorizer } from '../iam/authorizer.ts';
import type { Caller } from '../iam/caller.ts';
import {
  type Exchange,
  notImplemented,
  parseInput,
  parseJson,
  readBody,
  type Service,
  ServiceError,
  sendJson,
} from '../wire.ts';
import type { Delivery } from './delivery.ts';
import type { Fire, Schedule, ScheduleBook } from './schedule-book.ts';

export type SchedulerSettings = {
  readonly account: string;
  readonly region: string;
  readonly groups: ReadonlySet<string>;
  readonly book: ScheduleBook;
  readonly authorizer: Authorizer;
};

export const scheduleSpec = z.strictObject({
  GroupName: z.string().default('default'),
  ScheduleExpression: z.string().max(256),
  ScheduleExpressionTimezone: z.string().max(50).default('UTC'),
  State: z.enum(['ENABLED', 'DISABLED']).default('ENABLED'),
  Description: z.string().max(512).optional(),
  ClientToken: z.string().optional(),
  FlexibleTimeWindow: z.strictObject({ Mode: z.literal('OFF') }),
  Target: z.strictObject({
    Arn: z.string(),
    RoleArn: z.string(),
    Input: z.string().optional(),
    RetryPolicy: z
      .strictObject({
        MaximumRetryAttempts: z.int().optional(),
        MaximumEventAgeInSeconds: z.int().optional(),
      })
      .optional(),
    DeadLetterConfig: z.strictObject({ Arn: z.string().optional() }).optional(),
  }),
});

const NAME = /^[0-9a-zA-Z-_.]{1,64}$/;

export function schedulerService(settings: SchedulerSettings): Service {
  return {
    signingName: 'scheduler',
    protocol: 'rest-json',
    async handle(exchange) {
      const { url, request } = exchange;
      if (url.pathname === '/schedules' && request.method === 'GET') return list(settings, exchange);
      const [, name] = /^\/schedules\/([^/]+)$/.exec(url.pathname) ?? [];
      const run = name === undefined ? undefined : METHODS[request.method ?? ''];
      if (run === undefined || name === undefined)
        throw notImplemented(`Scheduler ${request.method} ${url.pathname}`);
      return run(settings, exchange, decodeURIComponent(name));
    },
  };
}

type Run = (settings: SchedulerSettings, exchange: Exchange, name: string) => Promise<void> | void;
const METHODS: Readonly<Record<string, Run>> = {
  POST: (settings, exchange, name) => put(settings, exchange, name, 'CreateSchedule'),
  PUT: (settings, exchange, name) => put(settings, exchange, name, 'UpdateSchedule'),
  GET: get,
  DELETE: remove,
};

async function put(
  settings: SchedulerSettings,
  exchange: Exchange,
  name: string,
  act: 'CreateSchedule' | 'UpdateSchedule',
): Promise<void> {
  exchange.count(act);
  const {
    GroupName,
    ClientToken: _token,
    FlexibleTimeWindow: _off,
    ...spec
  } = parseInput(scheduleSpec, parseJson(await readBody(exchange.request)));
  const arn = scheduleArn(settings, GroupName, name);
  settings.authorizer.authorize(exchange.caller, `scheduler:${act}`, arn);
  settings.authorizer.authorize(exchange.caller, 'iam:PassRole', spec.Target.RoleArn, {
    'iam:PassedToService': 'scheduler.amazonaws.com',
  });
  checkGroup(settings, GroupName);
  if (!NAME.test(name)) throw new ServiceError('ValidationException', `${name} is no schedule name`);
  const old = settings.book.get(GroupName, name);
  if (act === 'CreateSchedule' && old !== undefined)
    throw new ServiceError('ConflictException', `schedule ${name} exists`, 409);
  if (act === 'UpdateSchedule' && old === undefined) throw missing(name);
  settings.authorizer.authorizeAssume(schedulerCaller(settings, GroupName), spec.Target.RoleArn);
  try {
    settings.book.put(GroupName, name, spec);
  } catch (error) {
    throw new ServiceError('ValidationException', error instanceof Error ? error.message : String(error));
  }
  sendJson(exchange.response, 200, { ScheduleArn: arn });
}

function get(settings: SchedulerSettings, exchange: Exchange, name: string): void {
  exchange.count('GetSchedule');
  sendJson(exchange.response, 200, described(settings, found(settings, exchange, name, 'GetSchedule')));
}

function remove(settings: SchedulerSettings, exchange: Exchange, name: string): void {
  exchange.count('DeleteSchedule');
  const { GroupName, Name } = found(settings, exchange, name, 'DeleteSchedule');
  settings.book.remove(GroupName, Name);
  sendJson(exchange.response, 200, {});
}

function list(settings: SchedulerSettings, exchange: Exchange): void {
  exchange.count('ListSchedules');
  const group = exchange.url.searchParams.get('ScheduleGroup');
  const prefix = exchange.url.searchParams.get('NamePrefix') ?? '';
  settings.authorizer.authorize(
    exchange.caller,
    'scheduler:ListSchedules',
    scheduleArn(settings, group ?? '*', '*'),
  );
  const Schedules = settings.book
    .list()
    .filter(({ GroupName, Name }) => (group === null || GroupName === group) && Name.startsWith(prefix))
    .map((schedule) => ({ ...described(settings, schedule), Target: { Arn: schedule.Target.Arn } }));
  sendJson(exchange.response, 200, { Schedules });
}

function found(settings: SchedulerSettings, exchange: Exchange, name: string, act: string): Schedule {
  const group = exchange.url.searchParams.get('groupName') ?? 'default';
  settings.authorizer.authorize(exchange.caller, `scheduler:${act}`, scheduleArn(settings, group, name));
  checkGroup(settings, group);
  const schedule = settings.book.get(group, name);
  if (schedule === undefined) throw missing(name);
  return schedule;
}

const missing = (name: string): ServiceError =>
  new ServiceError('ResourceNotFoundException', `schedule ${name} does not exist`, 404);

function checkGroup({ groups }: SchedulerSettings, group: string): void {
  if (group !== 'default' && !groups.has(group))
    throw new ServiceError('ResourceNotFoundException', `schedule group ${group} does not exist`, 404);
}

function described(settings: SchedulerSettings, schedule: Schedule): object {
  const { createdAt, modifiedAt, nextAt: _internal, ...rest } = schedule;
  return {
    ...rest,
    Arn: scheduleArn(settings, schedule.GroupName, schedule.Name),
    FlexibleTimeWindow: { Mode: 'OFF' },
    CreationDate: createdAt / 1000,
    LastModificationDate: modifiedAt / 1000,
  };
}

type Place = Pick<SchedulerSettings, 'account' | 'region'>;
const scheduleArn = ({ account, region }: Place, group: string, name: string): string =>
  `arn:aws:scheduler:${region}:${account}:schedule/${group}/${name}`;

/** Scheduler takes on the role in the name of the schedule's group. */
const schedulerCaller = ({ account, region }: Place, group: string): Caller => ({
  is: 'service',
  service: 'scheduler.amazonaws.com',
  sourceArn: `arn:aws:scheduler:${region}:${account}:schedule-group/${group}`,
});

/** Fires a schedule: takes on its role and delivers; a refusal is not tried again but put into its dead letters. */
export function fireWith(place: Place, authorizer: Authorizer, delivery: Delivery): Fire {
  return (schedule, input) => {
    const { Arn, RoleArn, DeadLetterConfig } = schedule.Target;
    const asRole: Caller = { is: 'role', roleArn: RoleArn, label: `schedule ${schedule.Name}` };
    try {
      authorizer.authorizeAssume(schedulerCaller(place, schedule.GroupName), RoleArn);
      delivery.deliver(asRole, Arn, input);
    } catch (error) {
      console.error(`schedule ${schedule.Name}: ${error instanceof Error ? error.message : String(error)}`);
      if (DeadLetterConfig?.Arn !== undefined) delivery.deliver(asRole, DeadLetterConfig.Arn, input);
    }
  };
}
