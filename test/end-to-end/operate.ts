/** What a test does to a small world and asks of it: runs, holds, crashes, items rewritten by hand, dead letters. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { DeleteObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { ListQueuesCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { type ItemKey, runKey, runPrefix } from '../../shared/core/names.ts';
import type { Phase, RunResult } from '../../shared/core/run.ts';
import { type SmallWorld, until } from './small-world.ts';

/**
 * Waits until a run may start, and gives the epoch of the last one. Asking too early would not be harmless: a refused
 * trigger is remembered, and the sweep starts a run for it later.
 */
export function rested(world: SmallWorld, syncId: string): Promise<number> {
  return until(world, `${syncId} may run`, async () => {
    const { phase, notBefore = 0, epoch } = (await world.sync(syncId)) ?? {};
    return phase === 'idle' && notBefore < Date.now() ? epoch : undefined;
  });
}

/** Starts a run by hand as soon as one may start; gives its epoch. */
export async function begun(world: SmallWorld, syncId: string): Promise<number> {
  const before = await rested(world, syncId);
  const answer = await world.ask({ verb: 'run', syncId });
  if (answer.ok !== true) throw new Error(JSON.stringify(answer));
  return startedAfter(world, syncId, before);
}

/** The same; gives the epoch once it is in that phase, where it must stay for a while. */
export async function started(world: SmallWorld, syncId: string, phase: Phase): Promise<number> {
  const epoch = await begun(world, syncId);
  return startedAfter(world, syncId, epoch - 1, phase);
}

/** Waits for a later run, and for its phase. */
export async function startedAfter(
  world: SmallWorld,
  syncId: string,
  before: number,
  phase?: Phase,
): Promise<number> {
  const reached = async (): Promise<number | undefined> => {
    const sync = await world.sync(syncId);
    return sync !== undefined && sync.epoch > before && sync.phase === (phase ?? sync.phase)
      ? sync.epoch
      : undefined;
  };
  return until(world, `${syncId} is ${phase ?? 'started'}`, reached);
}

/** What a run came to. */
export async function ended(world: SmallWorld, syncId: string, epoch: number): Promise<RunResult> {
  const find = async () => (await world.runs(syncId)).find((run) => run.epoch === epoch)?.result;
  return until(world, `run ${epoch} of ${syncId} ends`, find);
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

/** Puts an item of the state as a crash, or time, would have left it. */
export async function rewrite(
  { state }: SmallWorld,
  key: ItemKey,
  change: { readonly set?: Readonly<Record<string, unknown>>; readonly remove?: readonly string[] },
): Promise<void> {
  const { set = {}, remove = [] } = change;
  const names = [...Object.keys(set), ...remove];
  const sets = Object.keys(set).map((name) => `#${name} = :${name}`);
  await state.client.send(
    new UpdateCommand({
      TableName: state.table,
      Key: { ...key },
      UpdateExpression: [
        ...(sets.length > 0 ? [`SET ${sets.join(', ')}`] : []),
        ...(remove.length > 0 ? [`REMOVE ${remove.map((name) => `#${name}`).join(', ')}`] : []),
      ].join(' '),
      ExpressionAttributeNames: Object.fromEntries(names.map((name) => [`#${name}`, name])),
      ...(sets.length === 0
        ? {}
        : {
            ExpressionAttributeValues: Object.fromEntries(
              Object.entries(set).map(([name, value]) => [`:${name}`, value]),
            ),
          }),
    }),
  );
}

/** Keys of a run's objects whose name in its folder matches. */
export async function runObjects(
  { stack, s3 }: SmallWorld,
  syncId: string,
  epoch: number,
  names: RegExp,
): Promise<readonly string[]> {
  const Bucket = stack.outputs.StagingBucket;
  const Prefix = runPrefix(syncId, epoch);
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix }));
  return Contents.flatMap(({ Key = '' }) => (names.test(Key.slice(Prefix.length)) ? [Key] : []));
}

export async function deleteObjects({ stack, s3 }: SmallWorld, keys: readonly string[]): Promise<void> {
  const Bucket = stack.outputs.StagingBucket;
  for (const Key of keys) await s3.send(new DeleteObjectCommand({ Bucket, Key }));
}

/** Every invocation of the function dies as it begins, until the work is done. */
export async function failing<T>(world: SmallWorld, name: string, work: () => Promise<T>): Promise<T> {
  world.crashing.add(name);
  try {
    return await work();
  } finally {
    world.crashing.delete(name);
  }
}

/** As SQS moves a message that was received too often. */
export async function toDeadLetters({ sqs }: SmallWorld, account: string, message: object): Promise<void> {
  const QueueUrl = await queueUrl(sqs, `To${account}DeadLetters`);
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(message) }));
}

/** Waits until an event of each of the functions has been given up, and lies in the queue for that. */
export async function givenUp(world: SmallWorld, functions: readonly string[]): Promise<void> {
  const folder = path.join(world.dataDir, 'queues');
  const [file = ''] = readdirSync(folder).filter((name) => name.includes('Undelivered'));
  const isThere = (): true | undefined => {
    const text = readFileSync(path.join(folder, file), 'utf8');
    return (
      functions.every((name) => new RegExp(`:function:[\\w-]*-${name}[0-9A-F]{8}`).test(text)) || undefined
    );
  };
  await until(world, `${functions.join(', ')} give up`, isThere);
}

async function queueUrl(sqs: SmallWorld['sqs'], part: string): Promise<string> {
  const { QueueUrls = [] } = await sqs.send(new ListQueuesCommand({}));
  const found = QueueUrls.find((url) => url.includes(part));
  if (found === undefined) throw new Error(`there is no queue ${part}`);
  return found;
}
