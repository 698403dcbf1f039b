/** Rules, schedules and secrets of the template, as the services take them. */
import { z } from 'zod';
import { makeRule, type Rule } from '../services/events.ts';
import type { ScheduleBook } from '../services/schedule-book.ts';
import { scheduleSpec } from '../services/scheduler.ts';
import type { LocalSecret } from '../services/secrets.ts';
import type { Template } from '../template/template.ts';
import { attribute } from './permissions.ts';

const ruleSchema = z.object({
  EventBusName: z.string().default('default'),
  EventPattern: z.record(z.string(), z.unknown()),
  State: z.enum(['ENABLED', 'DISABLED']).default('ENABLED'),
  Targets: z
    .array(
      z.strictObject({
        Id: z.string(),
        Arn: z.string(),
        DeadLetterConfig: z.object({ Arn: z.string().optional() }).optional(),
        // What reaches a function is tried again by the function's own asynchronous retries.
        RetryPolicy: z.unknown().optional(),
      }),
    )
    .default([]),
});

/** Throws an Error for a target with an input transformation, or an event pattern that is not implemented here. */
export function readRules(template: Template): Rule[] {
  return template.ofType('AWS::Events::Rule').flatMap((resource) => {
    const { EventBusName, EventPattern, State, Targets } = ruleSchema.parse(resource.properties);
    if (State === 'DISABLED') return [];
    const targets = Targets.map(({ Arn, DeadLetterConfig }) => ({
      arn: Arn,
      deadLetterArn: DeadLetterConfig?.Arn,
    }));
    const busName = EventBusName.split('/').at(-1) ?? 'default';
    return [
      makeRule(resource.logicalId, {
        arn: attribute(resource, 'Arn'),
        busName,
        pattern: EventPattern,
        targets,
      }),
    ];
  });
}

/** Puts the template's schedules into the book, and takes out those whose function is gone. */
export function putSchedules(template: Template, book: ScheduleBook): void {
  const functions = new Set(template.ofType('AWS::Lambda::Function').map((one) => attribute(one, 'Arn')));
  for (const { GroupName, Name, Target } of book.list())
    if (!functions.has(Target.Arn)) book.remove(GroupName, Name);
  for (const { identity, properties } of template.ofType('AWS::Scheduler::Schedule')) {
    const { Name: _name, ...rest } = properties;
    const { GroupName, FlexibleTimeWindow: _off, ClientToken: _token, ...spec } = scheduleSpec.parse(rest);
    book.put(GroupName, identity.ref, spec);
  }
}

/** The template's secrets with the values that were given for their names; a name that is not there is an error. */
export function readSecrets(template: Template, values: Readonly<Record<string, object>>): LocalSecret[] {
  const secrets = template
    .ofType('AWS::SecretsManager::Secret')
    .map(({ logicalId, identity, properties }) => {
      const name = typeof properties.Name === 'string' ? properties.Name : logicalId;
      return { name, arn: identity.ref, value: values[name] };
    });
  for (const name of Object.keys(values))
    if (!secrets.some((secret) => secret.name === name))
      throw new Error(
        `the template has no secret ${name}, only: ${secrets.map((secret) => secret.name).join(', ')}`,
      );
  return secrets;
}
