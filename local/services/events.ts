/**
 * EventBridge: PutEvents, and rules with event patterns. A matched event is handed to the rule's targets at once; a
 * target that may not be reached gets the event into its dead-letter queue, as for a permission error on AWS.
 */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Authorizer } from '../iam/authorizer.ts';
import type { Caller } from '../iam/caller.ts';
import { compilePattern, type Matcher } from '../patterns.ts';
import { action, jsonService, type Service, ServiceError } from '../wire.ts';
import type { Delivery } from './delivery.ts';

export type BusEvent = {
  readonly source: string;
  readonly 'detail-type': string;
  readonly detail: unknown;
  readonly resources?: readonly string[];
  /** ISO 8601 text; now, if absent. */
  readonly time?: string;
};

export type Bus = {
  /** From an AWS service of this account; nobody's permission is asked. */
  publish(busName: string, event: BusEvent): void;
  /** Called for every event of every bus. */
  onEvent(listener: (busName: string, event: BusEvent) => void): void;
};

export type Rule = {
  readonly arn: string;
  readonly busName: string;
  readonly matches: Matcher;
  readonly targets: readonly { readonly arn: string; readonly deadLetterArn: string | undefined }[];
};

export type BusSettings = {
  readonly account: string;
  readonly region: string;
  /** Names; `default` is always there. */
  readonly buses: ReadonlySet<string>;
  readonly rules: readonly Rule[];
  readonly authorizer: Authorizer;
  readonly delivery: Delivery;
};

export function createBus(settings: BusSettings): { readonly bus: Bus; readonly service: Service } {
  const listeners: ((busName: string, event: BusEvent) => void)[] = [];
  const bus: Bus = {
    onEvent: (listener) => void listeners.push(listener),
    publish(busName, event) {
      for (const listener of listeners) listener(busName, event);
      const whole = envelope(settings, event);
      for (const rule of settings.rules)
        if (rule.busName === busName && rule.matches(whole)) deliver(settings, rule, JSON.stringify(whole));
    },
  };
  const service = jsonService('events', '1.1', {
    PutEvents: action(putEvents, (input, caller) => {
      const Entries = input.Entries.map((entry) => put(settings, bus, entry, caller));
      return { FailedEntryCount: 0, Entries };
    }),
  });
  return { bus, service };
}

/** A rule of the template; throws an Error for a pattern that is not implemented here. */
export const makeRule = (
  logicalId: string,
  rule: Omit<Rule, 'matches'> & { readonly pattern: unknown },
): Rule => ({ ...rule, matches: compilePattern(rule.pattern, logicalId) });

const putEvents = z.strictObject({
  Entries: z
    .array(
      z.strictObject({
        Source: z.string().min(1),
        DetailType: z.string().min(1),
        Detail: z.string(),
        EventBusName: z.string().default('default'),
        Resources: z.array(z.string()).optional(),
        Time: z.number().optional(),
      }),
    )
    .min(1)
    .max(10),
});
type Entry = z.infer<typeof putEvents>['Entries'][number];

function put(settings: BusSettings, bus: Bus, entry: Entry, caller: Caller): { EventId: string } {
  const { authorizer, account, region, buses } = settings;
  const busName = entry.EventBusName.split('/').at(-1) ?? '';
  authorizer.authorize(
    caller,
    'events:PutEvents',
    `arn:aws:events:${region}:${account}:event-bus/${busName}`,
    {
      'events:source': entry.Source,
      'events:detail-type': entry.DetailType,
    },
  );
  if (busName !== 'default' && !buses.has(busName))
    throw new ServiceError('ResourceNotFoundException', `there is no event bus ${busName}`);
  if (entry.Source.startsWith('aws.'))
    throw new ServiceError('NotAuthorizedForSourceException', 'aws. is for AWS');
  bus.publish(busName, {
    source: entry.Source,
    'detail-type': entry.DetailType,
    detail: JSON.parse(entry.Detail) as unknown,
    ...(entry.Resources === undefined ? {} : { resources: entry.Resources }),
    ...(entry.Time === undefined ? {} : { time: new Date(entry.Time * 1000).toISOString() }),
  });
  return { EventId: randomUUID() };
}

const envelope = ({ account, region }: BusSettings, event: BusEvent): object => ({
  version: '0',
  id: randomUUID(),
  account,
  region,
  resources: [],
  time: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
  ...event,
});

function deliver({ delivery }: BusSettings, rule: Rule, payload: string): void {
  const caller = { is: 'service', service: 'events.amazonaws.com', sourceArn: rule.arn } as const;
  for (const target of rule.targets) {
    try {
      delivery.deliver(caller, target.arn, payload);
    } catch (error) {
      console.error(`rule ${rule.arn}: ${error instanceof Error ? error.message : String(error)}`);
      if (target.deadLetterArn !== undefined) delivery.deliver(caller, target.deadLetterArn, payload);
    }
  }
}
