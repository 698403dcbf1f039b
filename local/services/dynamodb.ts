/**
 * DynamoDB: dynalite behind the permission check. Counts write units per table and per kind of item (the text
 * before the first `#` of the partition key), because the protocol has a write budget to keep.
 */
import type { Authorizer } from '../iam/authorizer.ts';
import type { Caller } from '../iam/caller.ts';
import { jsonService, notImplemented, type Service, ServiceError } from '../wire.ts';
import type { DynamoItem, ItemStore, TableShape } from './dynalite.ts';

export type WriteCount = { readonly requests: number; readonly units: number };
export type DynamoUsage = {
  /** `<logical id of the table>` -> kind of item -> writes; a write refused by its condition counts as well. */
  readonly writes: Record<string, Record<string, WriteCount>>;
  /** Read units by table. */
  readonly reads: Record<string, number>;
};

export type DynamoTable = TableShape & { readonly arn: string; readonly logicalId: string };

/** Told of each write that took effect: the table's logical id, and the request as it came. */
export type OnWrite = (logicalId: string, request: Readonly<Record<string, unknown>>) => void;

export type DynamoSettings = {
  readonly store: ItemStore;
  /** By table name. */
  readonly tables: ReadonlyMap<string, DynamoTable>;
  readonly authorizer: Authorizer;
  readonly usage: DynamoUsage;
  readonly onWrite?: OnWrite | undefined;
};

type Input = Record<string, unknown>;
const EXPRESSIONS = ['ExpressionAttributeNames', 'ExpressionAttributeValues', 'ReturnConsumedCapacity'];
const WRITE = [
  'TableName',
  'ConditionExpression',
  'ReturnValues',
  'ReturnValuesOnConditionCheckFailure',
  ...EXPRESSIONS,
];
const PAGE = [
  'TableName',
  'FilterExpression',
  'ProjectionExpression',
  'ConsistentRead',
  'Limit',
  'ExclusiveStartKey',
  'IndexName',
  'Select',
  ...EXPRESSIONS,
];

/** Parameters per action; any other is refused by name. */
const PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  GetItem: ['TableName', 'Key', 'ConsistentRead', 'ProjectionExpression', ...EXPRESSIONS],
  PutItem: ['Item', ...WRITE],
  UpdateItem: ['Key', 'UpdateExpression', ...WRITE],
  DeleteItem: ['Key', ...WRITE],
  Query: ['KeyConditionExpression', 'ScanIndexForward', ...PAGE],
  Scan: PAGE,
  DescribeTable: ['TableName'],
};
const WRITES: ReadonlySet<string> = new Set(['PutItem', 'UpdateItem', 'DeleteItem']);

export function dynamodbService(settings: DynamoSettings): Service {
  const tableActions = Object.keys(PARAMETERS).map((name) => [
    name,
    (input: unknown, caller: Caller) => onTable(settings, name, input as Input, caller),
  ]);
  return jsonService('dynamodb', '1.0', {
    ...Object.fromEntries(tableActions),
    ListTables: async (_input: unknown, caller: Caller) => {
      settings.authorizer.authorize(caller, 'dynamodb:ListTables', '*');
      return { TableNames: [...settings.tables.keys()].toSorted() };
    },
  });
}

async function onTable(
  settings: DynamoSettings,
  action: string,
  input: Input,
  caller: Caller,
): Promise<object> {
  for (const name of Object.keys(input))
    if (!PARAMETERS[action]?.includes(name)) throw notImplemented(`parameter ${name} of dynamodb:${action}`);
  const table = tableOf(settings, input.TableName);
  authorize(settings.authorizer, action, input, table, caller);
  if (action === 'DescribeTable') return settings.store.call(action, input);
  const wantsCapacity = input.ReturnConsumedCapacity !== undefined && input.ReturnConsumedCapacity !== 'NONE';
  const kind = kindOf(input, table);
  try {
    const request = {
      ...input,
      TableName: table.name,
      ReturnConsumedCapacity: input.ReturnConsumedCapacity ?? 'TOTAL',
    };
    const { ConsumedCapacity, ...output } = await settings.store.call(action, request);
    const units = (ConsumedCapacity as { CapacityUnits: number } | undefined)?.CapacityUnits ?? 0;
    count(settings.usage, table, action, kind, units);
    if (WRITES.has(action)) settings.onWrite?.(table.logicalId, input);
    return wantsCapacity ? { ...output, ConsumedCapacity } : output;
  } catch (error) {
    if (WRITES.has(action)) count(settings.usage, table, action, kind, 1);
    throw error;
  }
}

/** A table by name or ARN. */
function tableOf(settings: DynamoSettings, given: unknown): DynamoTable {
  const name = String(given).split('table/').at(-1) ?? '';
  const table = settings.tables.get(name);
  if (table !== undefined) return table;
  throw new ServiceError(
    'com.amazonaws.dynamodb.v20120810#ResourceNotFoundException',
    `there is no table ${name}`,
  );
}

function authorize(
  authorizer: Authorizer,
  action: string,
  input: Input,
  table: DynamoTable,
  caller: Caller,
): void {
  const index = input.IndexName;
  const resource = index === undefined ? table.arn : `${table.arn}/index/${String(index)}`;
  const leading = leadingKeys(input, table);
  authorizer.authorize(
    caller,
    `dynamodb:${action}`,
    resource,
    leading.length === 0 ? {} : { 'dynamodb:LeadingKeys': leading },
  );
  if (action !== 'DescribeTable') authorizer.authorizeKey(caller, table.arn, 'kms:Decrypt', 'dynamodb');
}

/** Values of the partition key that the request names. */
function leadingKeys(input: Input, table: DynamoTable): string[] {
  const name = table.keys[0]?.AttributeName ?? '';
  const item = (input.Key ?? input.Item) as DynamoItem | undefined;
  if (item !== undefined) return [scalar(item[name])];
  const expression = input.KeyConditionExpression;
  if (typeof expression !== 'string') return [];
  const names = (input.ExpressionAttributeNames ?? {}) as Record<string, string>;
  const values = (input.ExpressionAttributeValues ?? {}) as DynamoItem;
  return [...expression.matchAll(/(#?[\w.-]+)\s*=\s*(:\w+)/g)]
    .filter(([, attribute = '']) => (names[attribute] ?? attribute) === name)
    .map(([, , value = '']) => scalar(values[value]));
}

const scalar = (value: Readonly<Record<string, unknown>> | undefined): string =>
  String(Object.values(value ?? {})[0] ?? '');

const kindOf = (input: Input, table: DynamoTable): string =>
  leadingKeys(input, table)[0]?.split('#')[0] ?? '';

function count(usage: DynamoUsage, table: DynamoTable, action: string, kind: string, units: number): void {
  if (!WRITES.has(action)) {
    usage.reads[table.logicalId] = (usage.reads[table.logicalId] ?? 0) + units;
    return;
  }
  usage.writes[table.logicalId] ??= {};
  const kinds = usage.writes[table.logicalId] ?? {};
  const before = kinds[kind] ?? { requests: 0, units: 0 };
  kinds[kind] = { requests: before.requests + 1, units: before.units + units };
}
