/**
 * Queues that feed functions. Neither CDK nor CloudFormation notices when these numbers do not fit each other; the
 * queue then burns receive counts on invocations that were refused, and healthy messages become dead letters.
 */
import { VISIBILITY_PER_TIMEOUT } from '../../shared/core/limits.ts';
import { type Part, partsOf, refersTo } from '../template.ts';
import type { Broken, Checked, Rule } from './rule.ts';

/** Lambda's own defaults, for templates that leave them out. */
const FUNCTION_TIMEOUT_SECONDS = 3;
const VISIBILITY_SECONDS = 30;

/**
 * Reserved concurrency covers what the sources may use together: a poller does not know of the reservation, so what it
 * takes beyond it is refused and comes back with a higher receive count.
 */
export const reservedConcurrency: Rule = { name: 'ReservedConcurrency', broken: tooLittleReserved };

function* tooLittleReserved({ template }: Checked): Iterable<Broken> {
  for (const fn of partsOf(template, 'AWS::Lambda::Function')) {
    const sources = queueSources(template).filter(({ source }) =>
      refersTo(source.properties.FunctionName, fn),
    );
    for (const { source } of sources.filter((one) => one.concurrency === undefined)) {
      yield {
        at: source.id,
        sentence:
          'This source has no MaximumConcurrency, so a full queue takes all the concurrency that the AWS account has; set scalingConfig.maximumConcurrency.',
      };
    }
    const reserved = fn.properties.ReservedConcurrentExecutions;
    const together = sources.reduce((sum, { concurrency = 0 }) => sum + concurrency, 0);
    if (reserved !== undefined && reserved < together) {
      yield {
        at: fn.id,
        sentence: `The function reserves ${reserved} concurrent executions, but its queues may use ${together} together; what is refused burns receive counts until healthy messages are dead. Reserve at least ${together}, or lower the concurrency of the sources.`,
      };
    }
  }
}

/** A message stays hidden while its function may still be at work, with room for retries of the invocation. */
export const visibilityTimeout: Rule = { name: 'VisibilityTimeout', broken: tooShortlyHidden };

function* tooShortlyHidden({ template }: Checked): Iterable<Broken> {
  const functions = partsOf(template, 'AWS::Lambda::Function');
  for (const { source, queue } of queueSources(template)) {
    const fn = functions.find((one) => refersTo(source.properties.FunctionName, one));
    if (fn === undefined) continue;
    const timeout = fn.properties.Timeout ?? FUNCTION_TIMEOUT_SECONDS;
    const window = source.properties.MaximumBatchingWindowInSeconds ?? 0;
    const hidden = queue.properties.VisibilityTimeout ?? VISIBILITY_SECONDS;
    const least = VISIBILITY_PER_TIMEOUT * timeout + window;
    if (hidden >= least) continue;
    yield {
      at: queue.id,
      sentence: `The queue hides a message for ${hidden} s, but must for at least ${least} s: ${VISIBILITY_PER_TIMEOUT} x the function's timeout of ${timeout} s plus the batch window of ${window} s. Otherwise a message is delivered again while the first delivery is at work. Raise visibilityTimeout.`,
    };
  }
}

type QueueSource = { readonly source: Part; readonly queue: Part; readonly concurrency: number | undefined };

function queueSources(template: Checked['template']): readonly QueueSource[] {
  const queues = partsOf(template, 'AWS::SQS::Queue');
  return partsOf(template, 'AWS::Lambda::EventSourceMapping').flatMap((source) => {
    const queue = queues.find((one) => refersTo(source.properties.EventSourceArn, one));
    const concurrency = source.properties.ScalingConfig?.MaximumConcurrency;
    return queue === undefined ? [] : [{ source, queue, concurrency }];
  });
}
