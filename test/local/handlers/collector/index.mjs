/** Writes each event that it gets into the table `seen`; messages that say so fail, alone or all together. */
import { randomUUID } from 'node:crypto';
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';

const client = new DynamoDBClient({});

export async function handler(event) {
  const records = event.Records ?? [event];
  const batchItemFailures = [];
  for (const record of records) {
    await note(record);
    if (record.body?.includes('crash')) throw new Error('told to crash');
    if (record.body?.includes('refuse')) batchItemFailures.push({ itemIdentifier: record.messageId });
  }
  return event.Records === undefined ? null : { batchItemFailures };
}

function note(record) {
  const source = record.eventSource ?? record.source ?? 'schedule';
  const Item = { source: { S: source }, id: { S: randomUUID() }, event: { S: JSON.stringify(record) } };
  return client.send(new PutItemCommand({ TableName: process.env.SEEN_TABLE, Item }));
}
