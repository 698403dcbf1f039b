/**
 * The local pieces that the adapters are tried against: dynalite as DynamoDB, fauxqs as SQS and S3, each on a port of
 * its own on the loopback interface.
 */
import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { buildApp } from 'fauxqs';

const region = 'us-east-1';
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };

export type Opened<Client> = { readonly client: Client; close(): Promise<void> };

/** A DynamoDB with tables of two key attributes each. */
export async function openDynamo(
  tables: readonly (readonly [table: string, hash: string, range: string])[],
): Promise<Opened<DynamoDBClient>> {
  const dynalite = createRequire(import.meta.url)('dynalite') as (options: object) => Server;
  const server = dynalite({ createTableMs: 0 });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = new DynamoDBClient({ region, credentials, endpoint: `http://127.0.0.1:${port}` });
  for (const [TableName, hash, range] of tables) {
    await client.send(
      new CreateTableCommand({
        TableName,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [hash, range].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
        KeySchema: [
          { AttributeName: hash, KeyType: 'HASH' },
          { AttributeName: range, KeyType: 'RANGE' },
        ],
      }),
    );
  }
  const close = async (): Promise<void> => {
    client.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return { client, close };
}

async function openFauxqs(): Promise<{ readonly endpoint: string; close(): Promise<void> }> {
  const app = buildApp({ logger: false, host: '127.0.0.1' });
  const endpoint = await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    endpoint,
    close: async () => {
      await app.close();
    },
  };
}

/** An S3 with one bucket. */
export async function openS3(bucket: string): Promise<Opened<S3Client>> {
  const { endpoint, close } = await openFauxqs();
  const client = new S3Client({ region, credentials, endpoint });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  return {
    client,
    close: async () => {
      client.destroy();
      await close();
    },
  };
}

/** An SQS with the named queues; `urlPrefix` is what their URLs have in common. */
export async function openSqs(names: readonly string[]): Promise<Opened<SQSClient> & { urlPrefix: string }> {
  const { endpoint, close } = await openFauxqs();
  const client = new SQSClient({ region, credentials, endpoint });
  const urls: string[] = [];
  for (const QueueName of names) {
    const { QueueUrl = '' } = await client.send(new CreateQueueCommand({ QueueName }));
    urls.push(QueueUrl);
  }
  const [first = ''] = urls;
  return {
    client,
    urlPrefix: first.slice(0, first.lastIndexOf('/')),
    close: async () => {
      client.destroy();
      await close();
    },
  };
}
