/**
 * SNS: Publish. Messages are recorded in a file and kept in memory for a test to read; nobody is told, and a list of
 * subscriptions is empty.
 */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Authorizer } from '../iam/authorizer.ts';
import type { Caller } from '../iam/caller.ts';
import { openJournal } from '../journal.ts';
import { action, queryService, type Service, ServiceError } from '../wire.ts';

export type Notification = {
  readonly topicArn: string;
  readonly subject: string;
  readonly message: string;
  /** Name -> value; what filter policies look at. */
  readonly attributes?: Readonly<Record<string, string>>;
  readonly at: number;
};

export type Topics = {
  publish(
    caller: Caller,
    topicArn: string,
    message: string,
    subject: string,
    attributes?: Readonly<Record<string, string>>,
  ): string;
  readonly notifications: readonly Notification[];
  close(): void;
};

/** The newest are kept in memory. */
const NOTIFICATIONS_MAX = 1000;

export function openTopics(arns: ReadonlySet<string>, file: string, authorizer: Authorizer): Topics {
  const journal = openJournal(file);
  const notifications = (journal.entries as Notification[]).slice(-NOTIFICATIONS_MAX);
  return {
    notifications,
    publish(caller, topicArn, message, subject, attributes = {}) {
      authorizer.authorize(caller, 'sns:Publish', topicArn);
      if (!arns.has(topicArn)) throw new ServiceError('NotFound', `there is no topic ${topicArn}`, 404);
      authorizer.authorizeKey(caller, topicArn, 'kms:GenerateDataKey', 'sns');
      authorizer.authorizeKey(caller, topicArn, 'kms:Decrypt', 'sns');
      const notification = { topicArn, subject, message, attributes, at: Date.now() };
      journal.append(notification);
      notifications.push(notification);
      if (notifications.length > NOTIFICATIONS_MAX) notifications.shift();
      return randomUUID();
    },
    close: () => journal.close(),
  };
}

const publish = z.looseObject({
  TopicArn: z.string(),
  Message: z.string().min(1),
  Subject: z.string().default(''),
});

const list = z.strictObject({ TopicArn: z.string(), NextToken: z.string().optional() });

/** SNS: at most ten; of the query protocol `MessageAttributes.entry.N.Name`, `.Value.DataType`, `.Value.StringValue`. */
const ATTRIBUTES_MAX = 10;

function attributesOf(input: Readonly<Record<string, unknown>>): Record<string, string> {
  const attributes: Record<string, string> = {};
  for (let at = 1; input[`MessageAttributes.entry.${at}.Name`] !== undefined; at += 1) {
    const entry = `MessageAttributes.entry.${at}`;
    const [type, value] = [input[`${entry}.Value.DataType`], input[`${entry}.Value.StringValue`]];
    if (at > ATTRIBUTES_MAX || type !== 'String' || typeof value !== 'string' || value === '')
      throw new ServiceError('InvalidParameterValue', `the message attribute ${entry} is not one`);
    attributes[String(input[`${entry}.Name`])] = value;
  }
  return attributes;
}

export function snsService(topics: Topics, authorizer: Authorizer): Service {
  return queryService('sns', 'http://sns.amazonaws.com/doc/2010-03-31/', {
    ListSubscriptionsByTopic: action(list, (input, caller) => {
      authorizer.authorize(caller, 'sns:ListSubscriptionsByTopic', input.TopicArn);
      return { xml: '<Subscriptions/>' };
    }),
    Publish: action(publish, (input, caller) => ({
      xml: `<MessageId>${topics.publish(caller, input.TopicArn, input.Message, input.Subject, attributesOf(input))}</MessageId>`,
    })),
  });
}
