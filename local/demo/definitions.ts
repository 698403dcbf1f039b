/** The sync definitions of the demonstration: the files in `examples/`, as anybody would write them. */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { parse } from 'yaml';
import { dynamoDefinitions } from '../../shared/aws/dynamo-definitions.ts';
import type { DefinitionStatus } from '../../shared/ports.ts';
import type { World } from './world.ts';

/** In the order in which they are shown. */
export const SYNC_IDS: readonly string[] = [
  'customers-to-crm',
  'companies-to-crm',
  'subscribers-to-audience',
  'customers-to-app',
  'daily-revenue-to-app',
];

export type Written = Readonly<Record<string, unknown>> & {
  readonly destination: { readonly account: string };
};

export function exampleDefinition(name: string): Written {
  const file = path.join(import.meta.dirname, '..', '..', 'examples', `${name}.yaml`);
  return parse(readFileSync(file, 'utf8')) as Written;
}

/** Writes an item to the definitions table: all that it takes to make a sync, or to change one. */
export async function writeDefinition(world: World, syncId: string, written: object): Promise<void> {
  const Item = { ...written, syncId, item: 'definition' };
  await world.state.client.send(new PutCommand({ TableName: world.definitionsTable, Item }));
}

export async function hasDefinition(world: World, syncId: string): Promise<boolean> {
  const { Item } = await world.state.client.send(
    new GetCommand({ TableName: world.definitionsTable, Key: { syncId, item: 'definition' } }),
  );
  return Item !== undefined;
}

/** The status item beside a definition. */
export const definitionStatus = (world: World, syncId: string): Promise<DefinitionStatus | undefined> =>
  dynamoDefinitions(world.dynamodb, { definitions: world.definitionsTable, state: world.state.table }).status(
    syncId,
  );

/** A good definition whose model is no longer one SELECT. */
export function brokenEdit(good: Written): object {
  return { ...good, model: { ...(good.model as object), sql: 'select 1; delete from shop.orders' } };
}
