/** The adapters under the same contract suites as the in-memory ports. */
import { DeleteMessageCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { dynamoState } from '../../shared/aws/dynamo-state.ts';
import { s3Objects } from '../../shared/aws/s3-objects.ts';
import { sqsQueue } from '../../shared/aws/sqs-queue.ts';
import type { BatchMessage } from '../../shared/core/message.ts';
import { objectsContract } from '../ports/contract-objects.ts';
import { queueContract } from '../ports/contract-queue.ts';
import { stateContract } from '../ports/contract-state.ts';
import { openDynamo, openS3, openSqs } from './local-services.ts';

stateContract('DynamoDB', async () => {
  const { client, close } = await openDynamo([['state', 'partition', 'sort']]);
  return { state: dynamoState(client, 'state'), close };
});

// fauxqs lists in the order of a locale, and takes a tag for a body.
objectsContract('S3', async () => {
  const { client, close } = await openS3('staging');
  return { objects: s3Objects(client, 'staging'), close };
}, ['order of bytes', 'tags']);

queueContract('SQS', async () => {
  const { client, urlPrefix, close } = await openSqs(['tailrace-dev-crm-express', 'tailrace-dev-crm-bulk']);
  const received = async (lane: string): Promise<readonly BatchMessage[]> => {
    const QueueUrl = `${urlPrefix}/tailrace-dev-crm-${lane}`;
    const all: BatchMessage[] = [];
    for (;;) {
      const { Messages = [] } = await client.send(
        new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }),
      );
      if (Messages.length === 0) return all;
      for (const { Body = '', ReceiptHandle } of Messages) {
        all.push(JSON.parse(Body));
        await client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
      }
    }
  };
  return { queue: sqsQueue(client, { environment: 'dev', urlPrefix }), account: 'crm', received, close };
});
