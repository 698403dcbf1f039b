/** What a test does to a small world and asks of it: runs, holds, crashes, items rewritten by hand, dead letters. */
import { setTimeout as sleep } from 'node:timers/promises';
import { GetQueueAttributesCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import type { LocalStack } from '../../local/stack.ts';
import { type ItemKey, runKey } from '../../shared/core/names.ts';
import type { Phase, RunResult } from '../../shared/core/run.ts';
import { type SmallWorld, until } from './small-world.ts';

/** Far above what it takes: the machine may be busy. */
const STEP_MS = 60_000;

/** Starts a run by hand as soon as one may start; gives its epoch once it has reached the phase. */
export async function started(world: SmallWorld, syncId: string, phase: Phase): Promise<number> {
  const before = (await world.sync(syncId))?.epoch ?? 0;
  const said = async (): Promise<true | undefined> => {
    const answer = await world.ask({ verb: 'run', syncId });
    if (answer.ok === true) return true;
    if (answer.code === 'run_active') return ((await world.sync(syncId))?.epoch ?? 0) > before || undefined;
    if (answer.code !== 'not_yet') throw new Error(JSON.stringify(answer));
    await sleep(ASK_AGAIN_MS);
    return undefined;
  };
  await until(`a run of ${syncId} may start`, said, STEP_MS);
  return startedAfter(world, syncId, before, phase);
}
const ASK_AGAIN_MS = 300;

/** Waits for a later run to reach the phase, or to have passed it. */
export async function startedAfter(
  world: SmallWorld,
  syncId: string,
  before: number,
  phase: Phase,
): Promise<number> {
  const reached = async (): Promise<number | undefined> => {
    const sync = await world.sync(syncId);
    return sync !== undefined && sync.epoch > before && sync.phase === phase ? sync.epoch : undefined;
  };
  return until(`${syncId} is ${phase}`, reached, STEP_MS);
}

/** What a run came to. */
export async function ended(world: SmallWorld, syncId: string, epoch: number): Promise<RunResult> {
  const find = async () => (await world.runs(syncId)).find((run) => run.epoch === epoch)?.result;
  return until(`run ${epoch} of ${syncId} ends`, find, STEP_MS);
}

export function told(result: RunResult | undefined) {
  const { accepted, rejected, invalid, dead } = result?.counts ?? {};
  return { ended: result?.ended, accepted, rejected, invalid, dead };
}

export async function heldPlan(world: SmallWorld, syncId: string): Promise<string> {
  const answer = await world.ask({ verb: 'status', syncId });
  const [status] = answer.syncs as readonly { hold: { planHash: string } | null }[];
  return status?.hold?.planHash ?? '';
}

export async function runItem(
  { state }: SmallWorld,
  syncId: string,
  epoch: number,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const Key = { ...runKey(syncId, epoch) };
  const { Item } = await state.client.send(
    new GetCommand({ TableName: state.table, Key, ConsistentRead: true }),
  );
  return Item;
}

/** Puts an item of the state as a crash, or time, would have left it; `:zero` is 0. */
export async function rewrite({ state }: SmallWorld, key: ItemKey, expression: string): Promise<void> {
  await state.client.send(
    new UpdateCommand({
      TableName: state.table,
      Key: { ...key },
      UpdateExpression: expression,
      ...(expression.includes(':zero') ? { ExpressionAttributeValues: { ':zero': 0 } } : {}),
    }),
  );
}

/** Every environment of the functions dies again and again until the work is done. */
export async function failing<T>(stack: LocalStack, functions: string, work: () => Promise<T>): Promise<T> {
  const timer = setInterval(() => stack.kill(functions), KILL_EVERY_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
const KILL_EVERY_MS = 15;

/** As SQS moves a message that was received too often. */
export async function toDeadLetters(
  { stack, sqs }: SmallWorld,
  account: string,
  message: object,
): Promise<void> {
  const QueueUrl = await queueUrl({ stack, sqs }, `To${account}DeadLetters`);
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(message) }));
}

/** Events that were given up. */
export async function undelivered({ stack, sqs }: Pick<SmallWorld, 'stack' | 'sqs'>): Promise<number> {
  const QueueUrl = await queueUrl({ stack, sqs }, 'Undelivered');
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['ApproximateNumberOfMessages'] }),
  );
  return Number(Attributes?.ApproximateNumberOfMessages ?? 0);
}

async function queueUrl({ sqs }: Pick<SmallWorld, 'stack' | 'sqs'>, part: string): Promise<string> {
  const { ListQueuesCommand } = await import('@aws-sdk/client-sqs');
  const { QueueUrls = [] } = await sqs.send(new ListQueuesCommand({}));
  const found = QueueUrls.find((url) => url.includes(part));
  if (found === undefined) throw new Error(`there is no queue ${part}`);
  return found;
}
