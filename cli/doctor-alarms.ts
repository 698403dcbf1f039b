/** Whether somebody hears the alarms: the alarm topic has a subscription that was confirmed. */
import { ListSubscriptionsByTopicCommand } from '@aws-sdk/client-sns';
import { asked, type Check, missing, ok } from './doctor-check.ts';
import type { Outputs, Subject } from './doctor-subject.ts';

export function checkAlarms({ clients, settings }: Subject, outputs: Outputs): Promise<readonly Check[]> {
  const topic = outputs.AlarmTopic ?? '';
  const rule = { name: 'alarms', rule: 'a confirmed subscription' };
  if (settings.local) return Promise.resolve([ok(rule, 'not needed on a laptop')]);
  return asked(rule, 'sns:ListSubscriptionsByTopic', async () => {
    const { Subscriptions = [] } = await clients.sns.send(
      new ListSubscriptionsByTopicCommand({ TopicArn: topic }),
    );
    const confirmed = Subscriptions.filter(({ SubscriptionArn = '' }) => SubscriptionArn.startsWith('arn:'));
    if (confirmed.length > 0) return ok(rule, `${confirmed.length} confirmed`);
    const email = settings.alarms.email ?? '<you@example.com>';
    const value = Subscriptions.length > 0 ? 'sent, but not confirmed' : 'nobody listens';
    return missing(
      rule,
      value,
      ...(Subscriptions.length > 0
        ? ['Open the mail from AWS Notifications and confirm; to have it sent again:']
        : []),
      `aws sns subscribe --topic-arn ${topic} --protocol email --notification-endpoint ${email}`,
    );
  });
}
