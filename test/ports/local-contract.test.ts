/**
 * The real adapters on the local stack's own services, under the contracts that the in-memory ports pass too: so the
 * simulator's ports, the laptop's services and what the engine believes of AWS agree.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { DeleteItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { GetScheduleCommand, ResourceNotFoundException } from '@aws-sdk/client-scheduler';
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  type SendMessageBatchCommandInput,
} from '@aws-sdk/client-sqs';
import { itemToWire } from '../../shared/aws/attribute-values.ts';
import { busEvents } from '../../shared/aws/bus-events.ts';
import { dynamoDefinitions } from '../../shared/aws/dynamo-definitions.ts';
import { dynamoState } from '../../shared/aws/dynamo-state.ts';
import { s3Objects } from '../../shared/aws/s3-objects.ts';
import { schedulerSchedules } from '../../shared/aws/scheduler-schedules.ts';
import { sqsQueue } from '../../shared/aws/sqs-queue.ts';
import type { BatchMessage } from '../../shared/core/message.ts';
import type { EngineEvent } from '../../shared/ports.ts';
import { definitionsContract } from './contract-definitions.ts';
import { eventsContract } from './contract-events.ts';
import { objectsContract } from './contract-objects.ts';
import { type OpenedQueue, queueContract, RECEIVES_MAX, type Taken } from './contract-queue.ts';
import { schedulesContract } from './contract-schedules.ts';
import { stateContract } from './contract-state.ts';
import { BUCKET, BUS, GROUP, type LocalServices, openLocalServices, SCHEDULER } from './local-services.ts';

stateContract('local DynamoDB', async () => {
  const local = await openLocalServices({ tables: [['state', 'partition', 'sort']] });
  return { ...local, state: dynamoState(local.dynamodb, 'state') };
});

objectsContract('local S3', async () => {
  const local = await openLocalServices({});
  return { ...local, objects: s3Objects(local.s3, BUCKET) };
});

definitionsContract('local DynamoDB', async () => {
  const local = await openLocalServices({
    tables: [
      ['definitions', 'syncId', 'item'],
      ['state', 'partition', 'sort'],
    ],
  });
  const { dynamodb, loseNextAnswer, close } = local;
  const key = (syncId: string) => ({ syncId, item: 'definition' });
  return {
    ...{ loseNextAnswer, close },
    definitions: dynamoDefinitions(dynamodb, { definitions: 'definitions', state: 'state' }),
    write: async (syncId, item) => {
      const Item = itemToWire({ ...item, ...key(syncId) });
      await dynamodb.send(new PutItemCommand({ TableName: 'definitions', Item }));
    },
    erase: async (syncId) => {
      await dynamodb.send(new DeleteItemCommand({ TableName: 'definitions', Key: itemToWire(key(syncId)) }));
    },
  };
});

schedulesContract('local Scheduler', async () => {
  const { scheduler, loseNextAnswer, close } = await openLocalServices({});
  const target = {
    group: GROUP,
    startRun: 'arn:aws:lambda:us-east-1:000000000000:function:start-run',
    role: SCHEDULER.arn,
    undelivered: 'arn:aws:sqs:us-east-1:000000000000:undelivered',
  };
  return {
    ...{ loseNextAnswer, close },
    schedules: schedulerSchedules(scheduler, target),
    found: async (Name) => {
      try {
        const found = await scheduler.send(new GetScheduleCommand({ GroupName: GROUP, Name }));
        return `${found.ScheduleExpression} ${found.ScheduleExpressionTimezone} ${found.State}`;
      } catch (error) {
        if (error instanceof ResourceNotFoundException) return undefined;
        throw error;
      }
    },
  };
});

eventsContract('local EventBridge', async () => {
  const { events, loseNextAnswer, close, published } = await openLocalServices({});
  return {
    ...{ loseNextAnswer, close },
    events: busEvents(events, BUS),
    published: async () =>
      published.map((event) => ({ type: event['detail-type'], detail: event.detail }) as EngineEvent),
  };
});

const LANES = ['tailrace-dev-crm-express', 'tailrace-dev-crm-bulk', 'tailrace-dev-crm-dead'];

queueContract('local SQS', async () => {
  const local = await openLocalServices({ queues: LANES, receivesMax: RECEIVES_MAX });
  const { sqs, queueUrlPrefix: urlPrefix, loseNextAnswer, close } = local;
  const urlOf = (lane: string): string => `${urlPrefix}/tailrace-dev-crm-${lane}`;
  const receive = async (lane: string, max: number, seconds: number): Promise<readonly Message[]> => {
    const command = new ReceiveMessageCommand({
      QueueUrl: urlOf(lane),
      MaxNumberOfMessages: max,
      VisibilityTimeout: seconds,
      MessageSystemAttributeNames: ['ApproximateReceiveCount'],
    });
    return (await sqs.send(command)).Messages ?? [];
  };
  const drained = async (lane: string): Promise<readonly BatchMessage[]> => {
    const all: BatchMessage[] = [];
    for (;;) {
      const received = await receive(lane, 10, 30);
      if (received.length === 0) return all;
      for (const one of received) {
        all.push(JSON.parse(one.Body ?? ''));
        await taken(local, urlOf(lane), one).remove();
      }
    }
  };
  return {
    queue: sqsQueue(sqs, { environment: 'dev', urlPrefix }),
    account: 'crm',
    ...{ loseNextAnswer, close },
    refuse: refusals(local),
    received: drained,
    consumer: {
      take: async (lane, max, visibilityMs) =>
        (await receive(lane, max, visibilityMs / 1000)).map((one) => taken(local, urlOf(lane), one)),
      takeDead: () => drained('dead'),
      pass: (ms) => sleep(ms),
    },
  };
});

function taken({ sqs }: LocalServices, QueueUrl: string, message: Message): Taken {
  const { Body = '', ReceiptHandle, Attributes } = message;
  return {
    message: JSON.parse(Body),
    receiveCount: Number(Attributes?.ApproximateReceiveCount),
    remove: async () => {
      await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    },
    hide: async (ms) => {
      const VisibilityTimeout = Math.ceil(ms / 1000);
      const command = new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout });
      // Of a message that was received again there is nothing to change; what calls this does not mind.
      await sqs.send(command).catch((error: Error) => {
        if (error.name !== 'MessageNotInflight') throw error;
      });
    },
  };
}

/** Takes entries out of a call before it is sent, and says of them what SQS says of entries that failed. */
function refusals({ sqs }: LocalServices): NonNullable<OpenedQueue['refuse']> {
  let isRefused: ((message: BatchMessage) => boolean) | undefined;
  sqs.middlewareStack.add(
    (next, context) => async (args) => {
      if (isRefused === undefined || context.commandName !== 'SendMessageBatchCommand') return next(args);
      const input = args.input as SendMessageBatchCommandInput;
      const match = isRefused;
      const failed = (input.Entries ?? []).filter((one) => match(JSON.parse(one.MessageBody ?? '')));
      const Entries = (input.Entries ?? []).filter((one) => !failed.includes(one));
      const answer = await next({ ...args, input: { ...input, Entries } as typeof args.input });
      const Failed = failed.map(({ Id }) => ({ Id, SenderFault: false, Code: 'InternalError' }));
      return { ...answer, output: { ...answer.output, Failed } };
    },
    { step: 'initialize', name: 'refusing' },
  );
  return (match) => {
    isRefused = match;
  };
}
