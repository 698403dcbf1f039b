/** Everything that chaos is played on: the vendor, the proxy before it, the services, clients for looking at them. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient, PutCommand } from '@aws-sdk/lib-dynamodb';
import type { StateTable } from '../demo/observe.ts';
import { OPERATOR_KEY } from '../iam/authorizer.ts';
import type { History } from './history.ts';
import { type Model, makeModel, REFUSED_EVERY } from './model.ts';
import { type ProxyFault, startProxy, type TcpProxy } from './proxy.ts';
import type { Random } from './seeded.ts';
import { type Services, servicesOf } from './services-process.ts';
import { type Sink, startSink } from './sink-process.ts';
import { ANSWER_MS_MAX, definitions, freePort, LINGER_MS_MAX, synthesizeStage, TOKEN } from './stage.ts';

export type Field = {
  readonly random: Random;
  readonly history: History;
  readonly model: Model;
  readonly sink: Sink;
  readonly proxy: TcpProxy;
  readonly services: Services;
  readonly dynamodb: DynamoDBClient;
  readonly s3: S3Client;
  readonly sqs: SQSClient;
  readonly state: StateTable;
  /** Writes all definitions, to run this often. */
  define(every: string, purpose?: string): Promise<void>;
  stop(): Promise<void>;
};

export type FieldSettings = {
  readonly dataDir: string;
  /** Rows of each table at first. */
  readonly rows: number;
  readonly faults: Partial<Record<ProxyFault, number>>;
  /** The vendor loses every so many rows in silence. */
  readonly loseEvery: number | undefined;
};

export async function openField(random: Random, history: History, settings: FieldSettings): Promise<Field> {
  const dataDir = path.resolve(settings.dataDir);
  mkdirSync(dataDir, { recursive: true });
  const { loseEvery, rows, faults } = settings;
  const model = makeModel(random.fork(), rows);
  const sink = await startSink({
    token: TOKEN,
    refuseEvery: REFUSED_EVERY,
    ...(loseEvery === undefined ? {} : { loseEvery }),
  });
  const proxy = await startProxy({
    random: random.fork(),
    vendorPort: sink.port,
    answerMsMax: ANSWER_MS_MAX,
    lingerMsMax: LINGER_MS_MAX,
    shares: faults,
  });
  const assembly = path.join(dataDir, 'cdk.out');
  const stackName = synthesizeStage(proxy.port, assembly);
  const port = await freePort(random.fork());
  const services = servicesOf({ assembly, stackName, dataDir, port });
  // Also when this process is interrupted: paused services would never notice.
  process.once('exit', services.end);
  history.note('synthesized stage local with short times; starting the services');
  await services.start();
  return connected(port, { random, history, model, sink, proxy, services });
}

type Parts = Pick<Field, 'random' | 'history' | 'model' | 'sink' | 'proxy' | 'services'>;

function connected(port: number, parts: Parts): Field {
  const { services, sink, proxy } = parts;
  const client = {
    endpoint: `http://127.0.0.1:${port}`,
    region: 'us-east-1',
    credentials: { accessKeyId: OPERATOR_KEY, secretAccessKey: 'local' },
  };
  const dynamodb = new DynamoDBClient(client);
  const s3 = new S3Client({ ...client, forcePathStyle: true });
  const sqs = new SQSClient(client);
  const documents = DynamoDBDocumentClient.from(dynamodb);
  const { DefinitionsTable: TableName, StateTable: table = '' } = services.outputs;
  return {
    ...parts,
    dynamodb,
    s3,
    sqs,
    state: { client: documents, table },
    async define(every, purpose) {
      for (const written of definitions(every, purpose))
        await documents.send(new PutCommand({ TableName, Item: { ...written, item: 'definition' } }));
    },
    async stop() {
      services.end();
      process.off('exit', services.end);
      for (const one of [dynamodb, s3, sqs]) one.destroy();
      await Promise.all([sink.stop(), proxy.stop()]);
    },
  };
}
