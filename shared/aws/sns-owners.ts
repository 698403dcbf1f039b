/** The topic that owners of syncs listen to; attributes are what their filter policies look at. */
import { PublishCommand, type SNSClient } from '@aws-sdk/client-sns';
import type { OwnerTopic } from '../ports.ts';
import { awsCall } from './aws-fault.ts';

/** The owner topic's port; throws Faults only (`awsFault`). */
export function snsOwners(client: SNSClient, topicArn: string): OwnerTopic {
  return {
    publish: async ({ subject, text, attributes }) => {
      const command = new PublishCommand({
        TopicArn: topicArn,
        Subject: subject,
        Message: text,
        MessageAttributes: Object.fromEntries(
          Object.entries(attributes).map(([name, value]) => [
            name,
            { DataType: 'String', StringValue: value },
          ]),
        ),
      });
      await awsCall('Publish on the owners’ topic', () => client.send(command));
    },
  };
}
