/**
 * Nothing is given up without a trace, and no trace lies unseen: whatever stops trying keeps the event in a queue, and
 * every such queue has an alarm that somebody hears.
 */
import { listOf, type Part, partsOf, refersTo, type Template } from '../template.ts';
import type { Broken, Checked, Rule } from './rule.ts';

/** Schedules, rules, streams, asynchronous calls and lanes name a queue of last resort. */
export const lastResort: Rule = { name: 'LastResort', broken: givenUpWithoutTrace };

function* givenUpWithoutTrace({ template }: Checked): Iterable<Broken> {
  const queues = partsOf(template, 'AWS::SQS::Queue');
  for (const { at, what, target } of givenUp(template)) {
    if (target === undefined) {
      yield {
        at,
        sentence: `${what} can be given up, and then nothing is left of it; name a dead-letter queue.`,
      };
    } else if (!queues.some((queue) => refersTo(target, queue))) {
      yield {
        at,
        sentence: `${what} is given up to something that is no queue of this stack, so no alarm of this stack tells of it; name one of its queues.`,
      };
    }
  }
}

/** A queue of last resort has an alarm on the messages in it, and the alarm an action. */
export const deadLetterAlarm: Rule = { name: 'DeadLetterAlarm', broken: unwatchedQueues };

function* unwatchedQueues({ template }: Checked): Iterable<Broken> {
  const targets = givenUp(template).map(({ target }) => target);
  for (const queue of partsOf(template, 'AWS::SQS::Queue')) {
    const isLast = queue.properties.RedrivePolicy === undefined;
    if (!isLast && !targets.some((target) => refersTo(target, queue))) continue;
    const watching = partsOf(template, 'AWS::CloudWatch::Alarm').filter((alarm) => watches(alarm, queue));
    if (watching.some((alarm) => isHeard(template, alarm))) continue;
    const lack = watching.length === 0 ? 'has no alarm on its messages' : 'has an alarm that tells nobody';
    yield {
      at: queue.id,
      sentence: `What others gave up lies in this queue, but it ${lack}; alarm on ApproximateNumberOfMessagesVisible above 0, with an action or in a composite alarm that has one.`,
    };
  }
}

/** An alarm without an action of its own is named by a composite alarm that has one. */
export const alarmAction: Rule = { name: 'AlarmAction', broken: silentAlarms };

function* silentAlarms({ template }: Checked): Iterable<Broken> {
  for (const alarm of partsOf(template, 'AWS::CloudWatch::Alarm')) {
    if (isHeard(template, alarm)) continue;
    yield {
      at: alarm.id,
      sentence: 'This alarm tells nobody; give it an action, or name it in a composite alarm that has one.',
    };
  }
}

type GivenUp = { readonly at: string; readonly what: string; readonly target: unknown };

/** Everything that stops trying at some point, with where it then leaves the event. */
function givenUp(template: Template): readonly GivenUp[] {
  const queues = partsOf(template, 'AWS::SQS::Queue');
  const rules = partsOf(template, 'AWS::Events::Rule');
  const schedules = partsOf(template, 'AWS::Scheduler::Schedule');
  return [
    ...queues
      .filter(({ properties }) => properties.RedrivePolicy !== undefined)
      .map(({ id, properties }) => ({
        ...{ at: id, what: 'A message of this queue' },
        target: properties.RedrivePolicy.deadLetterTargetArn,
      })),
    ...schedules.map(({ id, properties }) => ({
      ...{ at: id, what: 'A tick of this schedule' },
      target: properties.Target?.DeadLetterConfig?.Arn,
    })),
    ...rules.flatMap(({ id, properties }) =>
      listOf(properties.Targets).map((target) => ({
        ...{ at: id, what: 'An event of this rule' },
        target: (target as { DeadLetterConfig?: { Arn?: unknown } }).DeadLetterConfig?.Arn,
      })),
    ),
    ...partsOf(template, 'AWS::Lambda::EventSourceMapping')
      .filter(({ properties }) => !queues.some((queue) => refersTo(properties.EventSourceArn, queue)))
      .map(({ id, properties }) => ({
        ...{ at: id, what: 'A record of this stream' },
        target: properties.DestinationConfig?.OnFailure?.Destination,
      })),
    ...asynchronousCalls(template, [...rules, ...schedules]),
  ];
}

/** Rules and schedules call functions asynchronously: Lambda retries, and then gives up by itself. */
function asynchronousCalls(template: Template, callers: readonly Part[]): GivenUp[] {
  const configs = partsOf(template, 'AWS::Lambda::EventInvokeConfig');
  const what = 'An asynchronous call of this function';
  return partsOf(template, 'AWS::Lambda::Function').flatMap((fn) => {
    const own = configs.filter(({ properties }) => refersTo(properties.FunctionName, fn));
    const isCalled = callers.some(({ properties }) => calls(properties, fn));
    if (own.length === 0) {
      const target = fn.properties.DeadLetterConfig?.TargetArn;
      return isCalled || target !== undefined ? [{ at: fn.id, what, target }] : [];
    }
    return own.map(({ id, properties }) => ({
      ...{ at: id, what },
      target: properties.DestinationConfig?.OnFailure?.Destination,
    }));
  });
}

const calls = ({ Targets, Target }: Part['properties'], fn: Part): boolean =>
  [...listOf(Targets), ...listOf(Target)].some((one) => refersTo((one as { Arn?: unknown }).Arn, fn));

function watches({ properties }: Part, queue: Part): boolean {
  const metrics = [properties, ...listOf(properties.Metrics).map((one) => metricOf(one))];
  return metrics.some(
    ({ MetricName, Dimensions }) =>
      MetricName === 'ApproximateNumberOfMessagesVisible' && refersTo(Dimensions, queue),
  );
}

function metricOf(one: unknown): { MetricName?: unknown; Dimensions?: unknown } {
  return (one as { MetricStat?: { Metric?: object } }).MetricStat?.Metric ?? {};
}

/** By an action of its own, or through a composite alarm. */
function isHeard(template: Template, alarm: Part): boolean {
  if (acts(alarm)) return true;
  return partsOf(template, 'AWS::CloudWatch::CompositeAlarm').some(
    (composite) => acts(composite) && refersTo(composite.properties.AlarmRule, alarm),
  );
}

const acts = ({ properties }: Part): boolean =>
  properties.ActionsEnabled !== false && listOf(properties.AlarmActions).length > 0;
