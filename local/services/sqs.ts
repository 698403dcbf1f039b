/** SQS: the actions that the engine and an operator's CLI use, on the queues of the template. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Authorizer } from '../iam/authorizer.ts';
import type { Caller } from '../iam/caller.ts';
import type { LocalQueue, Message } from '../queue.ts';
import { type Action, action, jsonService, type Service, ServiceError } from '../wire.ts';

export type SqsSettings = {
  /** By queue name. */
  readonly queues: ReadonlyMap<string, LocalQueue>;
  readonly authorizer: Authorizer;
  urlOf(queue: LocalQueue): string;
};

const name = z.strictObject({ QueueName: z.string(), QueueOwnerAWSAccountId: z.string().optional() });
const url = { QueueUrl: z.string() };
const entry = {
  MessageBody: z.string().min(1),
  MessageGroupId: z.string().max(128).optional(),
  DelaySeconds: z.int().min(0).max(900).optional(),
};
const send = z.strictObject({ ...url, ...entry });
const sendBatch = z.strictObject({
  ...url,
  Entries: z.array(z.strictObject({ Id: z.string(), ...entry })).max(10),
});
const receive = z.strictObject({
  ...url,
  MaxNumberOfMessages: z.int().min(1).max(10).default(1),
  VisibilityTimeout: z.int().min(0).max(43_200).optional(),
  WaitTimeSeconds: z.int().min(0).max(20).default(0),
  AttributeNames: z.array(z.string()).optional(),
  MessageSystemAttributeNames: z.array(z.string()).optional(),
  MessageAttributeNames: z.array(z.string()).optional(),
});
const receipt = { ReceiptHandle: z.string() };
const timeout = { VisibilityTimeout: z.int().min(0).max(43_200) };
const remove = z.strictObject({ ...url, ...receipt });
const removeBatch = z.strictObject({
  ...url,
  Entries: z.array(z.strictObject({ Id: z.string(), ...receipt })).max(10),
});
const change = z.strictObject({ ...url, ...receipt, ...timeout });
const attributes = z.strictObject({ ...url, AttributeNames: z.array(z.string()).default([]) });
const everything = z.strictObject({
  QueueNamePrefix: z.string().default(''),
  MaxResults: z.int().optional(),
});

export function sqsService(settings: SqsSettings): Service {
  const { authorizer, queues } = settings;
  const named = (queueName: string): LocalQueue => {
    const queue = queues.get(queueName);
    if (queue !== undefined) return queue;
    throw new ServiceError('com.amazonaws.sqs#QueueDoesNotExist', `there is no queue ${queueName}`);
  };
  /** The queue of a URL, once the caller may do this to it. */
  const allowed = (caller: Caller, act: string, queueUrl: string): LocalQueue => {
    const queue = named(queueUrl.split('/').at(-1) ?? '');
    authorizer.authorize(caller, `sqs:${act}`, queue.settings.arn);
    return queue;
  };
  const sender = (caller: Caller, queueUrl: string): LocalQueue => {
    const queue = allowed(caller, 'SendMessage', queueUrl);
    authorizer.authorizeKey(caller, queue.settings.arn, 'kms:GenerateDataKey', 'sqs');
    authorizer.authorizeKey(caller, queue.settings.arn, 'kms:Decrypt', 'sqs');
    return queue;
  };

  const actions: Record<string, Action> = {
    SendMessage: action(send, (input, caller) => sent(sender(caller, input.QueueUrl), input)),
    SendMessageBatch: action(sendBatch, (input, caller) => {
      const queue = sender(caller, input.QueueUrl);
      return { Successful: input.Entries.map((one) => ({ Id: one.Id, ...sent(queue, one) })), Failed: [] };
    }),
    ReceiveMessage: action(receive, async (input, caller) => {
      const queue = allowed(caller, 'ReceiveMessage', input.QueueUrl);
      authorizer.authorizeKey(caller, queue.settings.arn, 'kms:Decrypt', 'sqs');
      await queue.wait(input.WaitTimeSeconds * 1000);
      const visibilityMs = input.VisibilityTimeout === undefined ? undefined : input.VisibilityTimeout * 1000;
      return { Messages: queue.receive(input.MaxNumberOfMessages, visibilityMs).map(received) };
    }),
    DeleteMessage: action(remove, (input, caller) => {
      allowed(caller, 'DeleteMessage', input.QueueUrl).remove(input.ReceiptHandle);
      return {};
    }),
    DeleteMessageBatch: action(removeBatch, (input, caller) => {
      const queue = allowed(caller, 'DeleteMessage', input.QueueUrl);
      for (const one of input.Entries) queue.remove(one.ReceiptHandle);
      return { Successful: input.Entries.map(({ Id }) => ({ Id })), Failed: [] };
    }),
    ChangeMessageVisibility: action(change, (input, caller) => {
      const queue = allowed(caller, 'ChangeMessageVisibility', input.QueueUrl);
      if (!queue.changeVisibility(input.ReceiptHandle, input.VisibilityTimeout * 1000))
        throw new ServiceError('com.amazonaws.sqs#MessageNotInflight', 'the message is not in flight');
      return {};
    }),
    GetQueueUrl: action(name, (input, caller) => {
      const queue = named(input.QueueName);
      authorizer.authorize(caller, 'sqs:GetQueueUrl', queue.settings.arn);
      return { QueueUrl: settings.urlOf(queue) };
    }),
    GetQueueAttributes: action(attributes, (input, caller) => ({
      Attributes: attributesOf(allowed(caller, 'GetQueueAttributes', input.QueueUrl)),
    })),
    ListQueues: action(everything, (input, caller) => {
      authorizer.authorize(caller, 'sqs:ListQueues', '*');
      const found = [...queues.values()].filter((q) => q.settings.name.startsWith(input.QueueNamePrefix));
      return { QueueUrls: found.map(settings.urlOf) };
    }),
    PurgeQueue: action(z.strictObject(url), (input, caller) => {
      allowed(caller, 'PurgeQueue', input.QueueUrl).purge();
      return {};
    }),
  };
  return jsonService('sqs', '1.0', actions);
}

type Entry = { MessageBody: string; MessageGroupId?: string | undefined; DelaySeconds?: number | undefined };

function sent(queue: LocalQueue, one: Entry): object {
  const delayMs = one.DelaySeconds === undefined ? undefined : one.DelaySeconds * 1000;
  const MessageId = queue.send(one.MessageBody, { groupId: one.MessageGroupId, delayMs });
  return { MessageId, MD5OfMessageBody: md5(one.MessageBody) };
}

function received(message: Message): object {
  return {
    MessageId: message.id,
    ReceiptHandle: message.receipt,
    Body: message.body,
    MD5OfBody: md5(message.body),
    Attributes: systemAttributes(message),
  };
}

/** The attributes of a received message, as SQS and an event source mapping give them. */
export function systemAttributes(message: Message): Record<string, string> {
  return {
    ApproximateReceiveCount: String(message.receives),
    SentTimestamp: String(message.sentAt),
    SenderId: 'local',
    ApproximateFirstReceiveTimestamp: String(message.firstReceivedAt),
    ...(message.groupId === undefined ? {} : { MessageGroupId: message.groupId }),
  };
}

function attributesOf(queue: LocalQueue): Record<string, string> {
  const { ready, hidden } = queue.counts();
  return {
    QueueArn: queue.settings.arn,
    ApproximateNumberOfMessages: String(ready),
    ApproximateNumberOfMessagesNotVisible: String(hidden),
    ApproximateNumberOfMessagesDelayed: '0',
    VisibilityTimeout: String(queue.settings.visibilityMs / 1000),
    MessageRetentionPeriod: String(queue.settings.retentionMs / 1000),
  };
}

/** The SDK checks the body's MD5 on both ways. */
export const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
