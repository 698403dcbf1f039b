/** The template's tables, and the feed of changes from those that have a stream. */
import path from 'node:path';
import { z } from 'zod';
import { type StreamSource, streamRecord } from '../functions/stream-source.ts';
import { type DynamoItem, type ItemStore, openItemStore } from '../services/dynalite.ts';
import type { DynamoTable } from '../services/dynamodb.ts';
import type { Resource, Template } from '../template/template.ts';
import { attribute } from './permissions.ts';

const tableSchema = z.object({
  AttributeDefinitions: z.array(z.strictObject({ AttributeName: z.string(), AttributeType: z.string() })),
  KeySchema: z.array(z.strictObject({ AttributeName: z.string(), KeyType: z.string() })).min(1),
  GlobalSecondaryIndexes: z.array(z.looseObject({ IndexName: z.string() })).default([]),
  StreamSpecification: z.object({ StreamViewType: z.string() }).optional(),
});

export type Tables = {
  readonly store: ItemStore;
  /** By name. */
  readonly tables: ReadonlyMap<string, DynamoTable>;
};

/** Creates what is missing. Throws an Error when another process has the data directory. */
export async function openTables(
  template: Template,
  dataDir: string,
  streamSources: () => ReadonlyMap<string, readonly StreamSource[]>,
): Promise<Tables> {
  const store = await openItemStore(path.join(dataDir, 'dynamodb'), template.account, template.region);
  const tables = new Map<string, DynamoTable>();
  for (const resource of template.ofType('AWS::DynamoDB::Table')) {
    const { KeySchema, AttributeDefinitions, GlobalSecondaryIndexes, StreamSpecification } =
      tableSchema.parse(resource.properties);
    const table: DynamoTable = {
      name: resource.identity.ref,
      arn: attribute(resource, 'Arn'),
      logicalId: resource.logicalId,
      attributes: AttributeDefinitions,
      keys: KeySchema,
      indexes: GlobalSecondaryIndexes,
    };
    const feed =
      StreamSpecification &&
      changeFeed(template, resource, table, StreamSpecification.StreamViewType, streamSources);
    await store.createTable(table, feed);
    tables.set(table.name, table);
  }
  return { store, tables };
}

function changeFeed(
  { region }: Template,
  resource: Resource,
  table: DynamoTable,
  view: string,
  streamSources: () => ReadonlyMap<string, readonly StreamSource[]>,
) {
  const arn = attribute(resource, 'StreamArn');
  const keys = table.keys.map(({ AttributeName }) => AttributeName);
  return (before: DynamoItem | undefined, after: DynamoItem | undefined): void => {
    const record = streamRecord({ arn, region, keys, view }, before, after);
    if (record !== undefined) for (const source of streamSources().get(arn) ?? []) source.append(record);
  };
}
