/**
 * The state table: single-item conditional updates and strongly consistent reads, nothing else (no transactions, no
 * index, no TTL). Key attributes: `partition`, `sort`.
 */
import {
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import type { ItemKey } from '../core/names.ts';
import type { Item, StateStore } from '../ports.ts';
import { itemFromWire, itemToWire, type WireItem } from './attribute-values.ts';
import { awsCall } from './aws-fault.ts';
import { updateExpressions } from './dynamo-update.ts';

/** The state port on one DynamoDB table; every method throws only Faults (`awsFault`, `state_refused`). */
export function dynamoState(client: DynamoDBClient, table: string): StateStore {
  const read = async (key: ItemKey): Promise<Item | undefined> => {
    const command = new GetItemCommand({ TableName: table, Key: itemToWire(key), ConsistentRead: true });
    const { Item: found } = await awsCall('GetItem on the state table', () => client.send(command));
    return found === undefined ? undefined : withoutKey(found);
  };
  return {
    read,
    update: async (key, update) => {
      const command = new UpdateItemCommand({
        TableName: table,
        Key: itemToWire(key),
        ...updateExpressions(update),
        ReturnValues: 'ALL_NEW',
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      });
      const answer = await awsCall('UpdateItem on the state table', async () => {
        try {
          return await client.send(command);
        } catch (error) {
          if (error instanceof ConditionalCheckFailedException) return error;
          throw error;
        }
      });
      if (answer instanceof ConditionalCheckFailedException) {
        // Without an item it may be absent, or the service does not return it: reading tells which.
        const item = answer.Item === undefined ? await read(key) : withoutKey(answer.Item);
        return { applied: false, item };
      }
      return { applied: true, item: withoutKey(answer.Attributes ?? {}) };
    },
    list: (partition) => listPartition(client, table, partition),
  };
}

async function* listPartition(
  client: DynamoDBClient,
  table: string,
  partition: string,
): AsyncGenerator<Item & { readonly partition: string; readonly sort: string }> {
  let from: WireItem | undefined;
  do {
    const command: QueryCommand = new QueryCommand({
      TableName: table,
      ConsistentRead: true,
      KeyConditionExpression: '#partition = :partition',
      ExpressionAttributeNames: { '#partition': 'partition' },
      ExpressionAttributeValues: { ':partition': { S: partition } },
      ...(from === undefined ? {} : { ExclusiveStartKey: from }),
    });
    const page = await awsCall('Query on the state table', () => client.send(command));
    for (const item of page.Items ?? []) {
      yield itemFromWire(item) as Item & { readonly partition: string; readonly sort: string };
    }
    from = page.LastEvaluatedKey;
  } while (from !== undefined);
}

function withoutKey(found: WireItem): Item {
  const { partition: _partition, sort: _sort, ...item } = itemFromWire(found);
  return item;
}
