/**
 * Pointers to the lanes of destination accounts. The message group is the sync, so that one large run does not starve
 * the others in a lane (fair queues).
 */
import { SendMessageBatchCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { SQS_BATCH_ENTRIES_MAX } from '../core/limits.ts';
import type { BatchMessage } from '../core/message.ts';
import { laneQueueName } from '../core/names.ts';
import type { Queue } from '../ports.ts';
import { awsCall } from './aws-fault.ts';

/** Calls under way at once: a large run is sent in seconds, and SQS is far from its limits. */
const CALLS_IN_FLIGHT_MAX = 4;

/** The queue port; `urlPrefix` is what the URLs of all lanes of the environment have in common. */
export function sqsQueue(client: SQSClient, where: { environment: string; urlPrefix: string }): Queue {
  return {
    send: async (account, lane, messages) => {
      const url = `${where.urlPrefix}/${laneQueueName(where.environment, account, lane)}`;
      const refused: BatchMessage[] = [];
      for (const calls of chunks(chunks(messages, SQS_BATCH_ENTRIES_MAX), CALLS_IN_FLIGHT_MAX)) {
        const answers = await Promise.all(calls.map((entries) => sendBatch(client, url, entries)));
        refused.push(...answers.flat());
      }
      return refused;
    },
  };
}

/** At most ten messages in one call; gives back those that were not taken. */
async function sendBatch(
  client: SQSClient,
  url: string,
  messages: readonly BatchMessage[],
): Promise<readonly BatchMessage[]> {
  const command = new SendMessageBatchCommand({
    QueueUrl: url,
    Entries: messages.map((message, at) => ({
      Id: String(at),
      MessageBody: JSON.stringify(message),
      MessageGroupId: message.syncId,
    })),
  });
  const { Failed = [] } = await awsCall('SendMessageBatch to a lane', () => client.send(command));
  const failed = new Set(Failed.map(({ Id }) => Id));
  return messages.filter((_, at) => failed.has(String(at)));
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  const parts: T[][] = [];
  for (let from = 0; from < items.length; from += size) parts.push(items.slice(from, from + size));
  return parts;
}
