/** What must not be left when everything is at rest: an active run, a lock, a hold, a message, a paused sync, a process. */
import { GetQueueAttributesCommand, ListQueuesCommand } from '@aws-sdk/client-sqs';
import { ScanCommand } from '@aws-sdk/lib-dynamodb';
import type { Field } from './field.ts';

export async function leftovers(field: Field): Promise<readonly string[]> {
  return [...(await inState(field)), ...(await inQueues(field)), ...strayProcesses(field)];
}

/** Attributes of SYNC that only an active, held or paused run has. */
const OF_A_RUN = [
  'owner',
  'leaseUntil',
  'deadline',
  'startedAt',
  'loadingSince',
  'cut',
  'progress',
  'hold',
  'paused',
];

async function inState({ state }: Field): Promise<readonly string[]> {
  const wrong: string[] = [];
  let from: Record<string, unknown> | undefined;
  do {
    const page = await state.client.send(
      new ScanCommand({ TableName: state.table, ConsistentRead: true, ExclusiveStartKey: from }),
    );
    for (const item of page.Items ?? []) wrong.push(...wrongIn(item));
    from = page.LastEvaluatedKey;
  } while (from !== undefined);
  return wrong;
}

function wrongIn(item: Readonly<Record<string, unknown>>): readonly string[] {
  const partition = String(item.partition);
  if (partition === 'SYNC') {
    const left = OF_A_RUN.filter((name) => item[name] !== undefined);
    const phase = item.phase === 'idle' ? [] : [`${item.sort} is ${item.phase}`];
    return [...phase, ...left.map((name) => `${item.sort} still has ${name}`)];
  }
  if (partition.startsWith('BREAKER#') && item.state !== 'closed') return [`${partition} is ${item.state}`];
  if (partition.startsWith('BUDGET#') && item.breaker !== undefined)
    return [`${partition} has a breaker's mark`];
  return [];
}

/** All queues: lanes, dead letters, and what could not be delivered to a function. */
async function inQueues({ sqs }: Field): Promise<readonly string[]> {
  const { QueueUrls = [] } = await sqs.send(new ListQueuesCommand({}));
  const wrong: string[] = [];
  for (const QueueUrl of QueueUrls) {
    // An event that a function missed is told to people there; the sweep has done its work.
    if (QueueUrl.includes('Undelivered')) continue;
    const { Attributes = {} } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }),
    );
    const count =
      Number(Attributes.ApproximateNumberOfMessages) +
      Number(Attributes.ApproximateNumberOfMessagesNotVisible);
    if (count > 0) wrong.push(`${count} messages in ${QueueUrl.split('/').at(-1)}`);
  }
  return wrong;
}

/** Environments of services that were killed have run out by now. */
function strayProcesses({ services }: Field): readonly string[] {
  return services.orphans().map((pid) => `environment ${pid} outlived its services`);
}
