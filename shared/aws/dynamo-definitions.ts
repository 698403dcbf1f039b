/**
 * The definitions table: per sync one item that people write (`definition`) and two of ours beside it, `accepted`
 * (what runs now) and `status` (what became of the last edit). Key attributes: `syncId`, `item`.
 *
 * What we write is one JSON text in `body`, so that it comes back exactly as it was; `version` and `state` lie beside
 * it for conditions and for people.
 */
import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import * as z from 'zod';
import { definitionIn } from '../core/changed-by.ts';
import { syncSchema } from '../core/sync.ts';
import type { DefinitionStatus, Definitions, Item } from '../ports.ts';
import { itemFromWire, itemToWire, type WireItem, writtenFromWire } from './attribute-values.ts';
import { awsCall } from './aws-fault.ts';

const WHAT = 'the definitions table';

/** The definitions port on one DynamoDB table; every method throws only Faults (`awsFault`). */
export function dynamoDefinitions(client: DynamoDBClient, table: string): Definitions {
  const readWire = async (syncId: string, item: Kind): Promise<WireItem | undefined> => {
    const command = new GetItemCommand({
      TableName: table,
      Key: itemToWire({ syncId, item }),
      ConsistentRead: true,
    });
    const { Item: found } = await awsCall(`GetItem on ${WHAT}`, () => client.send(command));
    return found;
  };
  const read = async (syncId: string, item: Kind): Promise<Item | undefined> => {
    const found = await readWire(syncId, item);
    return found === undefined ? undefined : itemFromWire(found);
  };
  return {
    accepted: async (syncId) => {
      const item = await read(syncId, 'accepted');
      return item === undefined ? undefined : acceptedSchema.parse(bodyOf(item));
    },
    written: async (syncId) => {
      const item = await readWire(syncId, 'definition');
      return item === undefined ? undefined : definitionIn(writtenFromWire(item));
    },
    accept: (syncId, accepted) =>
      replace(client, table, syncId, 'accepted', accepted, 'only over a lower version'),
    forget: async (syncId) => {
      const command = new DeleteItemCommand({
        TableName: table,
        Key: itemToWire({ syncId, item: 'accepted' }),
      });
      await awsCall(`DeleteItem on ${WHAT}`, () => client.send(command));
    },
    setStatus: async (syncId, status) => {
      await replace(client, table, syncId, 'status', status, 'always');
    },
    status: async (syncId) => {
      const item = await read(syncId, 'status');
      return item === undefined ? undefined : (statusSchema.parse(bodyOf(item)) as DefinitionStatus);
    },
  };
}

type Kind = 'definition' | 'accepted' | 'status';

/** Writes an item of ours; with a version only over a lower one. False when it was refused. */
async function replace(
  client: DynamoDBClient,
  table: string,
  syncId: string,
  item: Kind,
  body: object,
  guard: 'always' | 'only over a lower version',
): Promise<boolean> {
  const text = JSON.stringify(body);
  const { state, version } = body as { state?: string; version: number };
  const command = new UpdateItemCommand({
    TableName: table,
    Key: itemToWire({ syncId, item }),
    UpdateExpression: `SET #body = :body, #version = :version${state === undefined ? '' : ', #state = :state'}`,
    ExpressionAttributeNames: {
      '#body': 'body',
      '#version': 'version',
      ...(state === undefined ? {} : { '#state': 'state' }),
    },
    ExpressionAttributeValues: itemToWire({
      ':body': text,
      ':version': version,
      ...(state === undefined ? {} : { ':state': state }),
    }),
    ...(guard === 'always'
      ? {}
      : { ConditionExpression: 'attribute_not_exists(#version) OR #version < :version' }),
  });
  return awsCall(`UpdateItem on ${WHAT}`, async () => {
    try {
      await client.send(command);
      return true;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false;
      throw error;
    }
  });
}

const bodyOf = (item: Item): unknown => JSON.parse(String(item.body));

const acceptedSchema = z.object({
  sync: syncSchema,
  version: z.int().positive(),
  mappingVersion: z.string(),
  generation: z.string(),
});

const statusSchema = z.object({
  state: z.enum(['accepted', 'refused', 'deleted']),
  version: z.int().nonnegative(),
  at: z.number(),
  answers: z.string(),
  faults: z.array(z.object({ path: z.string(), code: z.string(), message: z.string(), remedy: z.string() })),
});
