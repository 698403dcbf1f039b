/** Opens what the template declares, in the order in which one part needs another. */
import path from 'node:path';
import type { OnInvocation } from '../functions/function.ts';
import type { EnvironmentKind } from '../functions/host.ts';
import type { StreamSource } from '../functions/stream-source.ts';
import type { Authorizer } from '../iam/authorizer.ts';
import type { Caller } from '../iam/caller.ts';
import type { LocalQueue } from '../queue.ts';
import { type LocalRedshift, startRedshift } from '../redshift/endpoint.ts';
import { createDelivery, type Delivery } from '../services/delivery.ts';
import type { ItemStore } from '../services/dynalite.ts';
import type { DynamoTable, DynamoUsage, OnWrite } from '../services/dynamodb.ts';
import { type Bus, createBus } from '../services/events.ts';
import { type ObjectFiles, openObjectFiles } from '../services/object-files.ts';
import { warehouseStore } from '../services/redshift-data.ts';
import { openScheduleBook, type ScheduleBook } from '../services/schedule-book.ts';
import { fireWith } from '../services/scheduler.ts';
import { openTopics, type Topics } from '../services/sns.ts';
import type { Template } from '../template/template.ts';
import type { Service } from '../wire.ts';
import { createFunctions, type RunningFunction } from './functions.ts';
import { attribute } from './permissions.ts';
import { openQueues } from './queues.ts';
import { putSchedules, readRules } from './rules.ts';
import { openTables } from './tables.ts';
import { attachedRole } from './trust.ts';

export type Base = {
  readonly template: Template;
  readonly authorizer: Authorizer;
  readonly endpoint: string;
  readonly dataDir: string;
  readonly speed: number;
  readonly workgroupId: string;
  readonly secrets: Readonly<Record<string, object>>;
  readonly environments: EnvironmentKind;
  readonly onInvocation: OnInvocation | undefined;
  readonly onWrite: OnWrite | undefined;
  assetOf(objectKey: string): string;
  streamSources(): ReadonlyMap<string, readonly StreamSource[]>;
};

export type Parts = {
  readonly queues: ReadonlyMap<string, LocalQueue>;
  /** Those that some function empties. */
  readonly polledQueues: readonly LocalQueue[];
  readonly files: ObjectFiles;
  readonly store: ItemStore;
  readonly tables: ReadonlyMap<string, DynamoTable>;
  readonly dynamodbUsage: DynamoUsage;
  readonly topics: Topics;
  readonly delivery: Delivery;
  readonly bus: Bus;
  readonly busService: Service;
  readonly warehouse: LocalRedshift;
  readonly functions: readonly RunningFunction[];
  readonly book: ScheduleBook;
  /** Before the first retry of an asynchronous invocation. */
  readonly asyncRetryMs: number;
  close(): Promise<void>;
};

/** Between a failed asynchronous invocation and its first retry, as on AWS. */
const ASYNC_RETRY_MS = 60_000;
const ASYNC_RETRY_MS_MIN = 1000;

export async function openParts(base: Base): Promise<Parts> {
  const { template, authorizer, dataDir, speed } = base;
  const place = { account: template.account, region: template.region };
  const { store, tables } = await openTables(template, dataDir, () => base.streamSources());
  const queues = openQueues(template, dataDir);
  const files = openObjectFiles(path.join(dataDir, 's3'));
  const topics = openTopics(
    refs(template, 'AWS::SNS::Topic'),
    path.join(dataDir, 'notifications.ndjson'),
    authorizer,
  );
  const functions: RunningFunction[] = [];
  const delivery = createDelivery({ authorizer, functions: () => functions, queues, topics });
  const buses = refs(template, 'AWS::Events::EventBus');
  const { bus, service: busService } = createBus({
    ...place,
    buses,
    rules: readRules(template),
    authorizer,
    delivery,
  });
  const warehouse = await startRedshift({
    dataDir: path.join(dataDir, 'warehouse'),
    s3: warehouseStore(files, authorizer, redshiftCaller(template)),
    onEvent: (event) => bus.publish('default', event),
  });
  const asyncRetryMs = Math.max(ASYNC_RETRY_MS / speed, ASYNC_RETRY_MS_MIN);
  functions.push(...createFunctions({ ...base, delivery, asyncRetryMs }));
  const book = openScheduleBook(
    path.join(dataDir, 'schedules.json'),
    speed,
    fireWith(place, authorizer, delivery),
  );
  putSchedules(template, book);
  const parts = {
    queues,
    files,
    store,
    tables,
    topics,
    delivery,
    bus,
    busService,
    warehouse,
    functions,
    book,
    asyncRetryMs,
  };
  return {
    ...parts,
    polledQueues: polled(template, queues),
    dynamodbUsage: { writes: {}, reads: {} },
    close: () => closeParts(parts),
  };
}

async function closeParts(
  parts: Pick<Parts, 'queues' | 'store' | 'topics' | 'warehouse' | 'functions'>,
): Promise<void> {
  await parts.warehouse.close();
  for (const queue of parts.queues.values()) queue.close();
  for (const { queue } of parts.functions) queue.close();
  parts.topics.close();
  await parts.store.close();
}

/** What `Ref` gives for every resource of a type. */
export const refs = (template: Template, type: string): ReadonlySet<string> =>
  new Set(template.ofType(type).map(({ identity }) => identity.ref));

/** The role that Redshift takes on in UNLOAD and COPY; without one in the template, nobody looks. */
function redshiftCaller(template: Template): Caller {
  const role = attachedRole(template);
  return role === undefined
    ? { is: 'operator' }
    : { is: 'role', roleArn: attribute(role, 'Arn'), label: role.logicalId };
}

function polled(template: Template, queues: ReadonlyMap<string, LocalQueue>): LocalQueue[] {
  const arns = template
    .ofType('AWS::Lambda::EventSourceMapping')
    .map(({ properties }) => properties.EventSourceArn);
  return [...queues.values()].filter(({ settings }) => arns.includes(settings.arn));
}
