/**
 * Per sync one item that people write (`definition`) and one of ours beside it (`status`, what became of the last
 * edit) in the definitions table, key attributes `syncId` and `item`. What runs now lies in the state table
 * (`ACCEPTED`), since whoever may write a definition may write every item of that table.
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
import { acceptedKey } from '../core/names.ts';
import { syncSchema } from '../core/sync.ts';
import type { DefinitionStatus, Definitions, Item } from '../ports.ts';
import { itemFromWire, itemToWire, type WireItem, writtenFromWire } from './attribute-values.ts';
import { awsCall } from './aws-fault.ts';

export type DefinitionTables = { readonly definitions: string; readonly state: string };

/** The definitions port on two DynamoDB tables; every method throws only Faults (`awsFault`). */
export function dynamoDefinitions(client: DynamoDBClient, tables: DefinitionTables): Definitions {
  const placeOf = (syncId: string, item: Kind): Place =>
    item === 'accepted'
      ? { TableName: tables.state, Key: itemToWire(acceptedKey(syncId)) }
      : { TableName: tables.definitions, Key: itemToWire({ syncId, item }) };
  const readWire = async (syncId: string, item: Kind): Promise<WireItem | undefined> => {
    const command = new GetItemCommand({ ...placeOf(syncId, item), ConsistentRead: true });
    const { Item: found } = await awsCall('GetItem of a definition', () => client.send(command));
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
      replace(client, placeOf(syncId, 'accepted'), accepted, 'only over a lower version'),
    forget: async (syncId) => {
      const command = new DeleteItemCommand(placeOf(syncId, 'accepted'));
      await awsCall('DeleteItem of a definition', () => client.send(command));
    },
    setStatus: async (syncId, status) => {
      await replace(client, placeOf(syncId, 'status'), status, 'always');
    },
    status: async (syncId) => {
      const item = await read(syncId, 'status');
      return item === undefined ? undefined : (statusSchema.parse(bodyOf(item)) as DefinitionStatus);
    },
  };
}

type Kind = 'definition' | 'accepted' | 'status';
type Place = { readonly TableName: string; readonly Key: WireItem };

/** Writes an item of ours; with a version only over a lower one. False when it was refused. */
async function replace(
  client: DynamoDBClient,
  place: Place,
  body: object,
  guard: 'always' | 'only over a lower version',
): Promise<boolean> {
  const text = JSON.stringify(body);
  const { state, version } = body as { state?: string; version: number };
  const command = new UpdateItemCommand({
    ...place,
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
  return awsCall('UpdateItem of a definition', async () => {
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
