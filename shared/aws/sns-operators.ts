/** The topic of an environment's alarms, for messages that name what alarms only count. */
import { PublishCommand, type SNSClient } from '@aws-sdk/client-sns';
import type { OperatorTopic } from '../ports.ts';
import { awsCall } from './aws-fault.ts';

/** The operator topic's port; throws Faults only (`awsFault`). */
export function snsOperators(client: SNSClient, topicArn: string): OperatorTopic {
  return {
    publish: async ({ subject, text }) => {
      const command = new PublishCommand({ TopicArn: topicArn, Subject: subject, Message: text });
      await awsCall('Publish on the topic of alarms', () => client.send(command));
    },
  };
}
