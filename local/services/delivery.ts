/**
 * How AWS services hand something to a target by its ARN: a function (asynchronously), a queue or a topic. The same
 * for rules, schedules, failure destinations and dead-letter queues; each caller is checked first.
 */
import type { Authorizer } from '../iam/authorizer.ts';
import type { Caller } from '../iam/caller.ts';
import type { LocalQueue } from '../queue.ts';
import { ServiceError } from '../wire.ts';
import type { Invocable } from './lambda-api.ts';
import type { Topics } from './sns.ts';

export type Delivery = {
  /** Throws ServiceError when the caller may not, or the target is not there. */
  deliver(caller: Caller, targetArn: string, payload: string): void;
};

export type DeliverySettings = {
  readonly authorizer: Authorizer;
  readonly functions: () => readonly Invocable[];
  readonly queues: ReadonlyMap<string, LocalQueue>;
  readonly topics: Topics;
};

export function createDelivery({ authorizer, functions, queues, topics }: DeliverySettings): Delivery {
  return {
    deliver(caller, targetArn, payload) {
      const [, , service, , , ...resource] = targetArn.split(':');
      if (service === 'lambda') {
        authorizer.authorize(caller, 'lambda:InvokeFunction', targetArn);
        const found = functions().find(({ target }) => target.settings.arn === targetArn);
        if (found === undefined)
          throw new ServiceError('ResourceNotFoundException', `there is no ${targetArn}`, 404);
        found.later.accept(payload);
        return;
      }
      if (service === 'sns') {
        topics.publish(caller, targetArn, payload, '');
        return;
      }
      const queue = service === 'sqs' ? queues.get(resource.join(':')) : undefined;
      authorizer.authorize(caller, 'sqs:SendMessage', targetArn);
      if (queue === undefined)
        throw new ServiceError('ResourceNotFoundException', `there is no ${targetArn}`, 404);
      authorizer.authorizeKey(caller, targetArn, 'kms:GenerateDataKey', 'sqs');
      authorizer.authorizeKey(caller, targetArn, 'kms:Decrypt', 'sqs');
      queue.send(payload);
    },
  };
}
