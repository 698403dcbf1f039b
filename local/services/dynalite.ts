/**
 * The one door to dynalite: its actions called as functions, without its HTTP server, plus what it lacks: the item
 * of a failed condition, and the images before and after each write of a table that has a stream.
 *
 * dynalite is pinned exactly; it has no types, so the few members that we use are written down here.
 */
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { ServiceError } from '../wire.ts';

export type AttributeValue = Readonly<Record<string, unknown>>;
export type DynamoItem = Readonly<Record<string, AttributeValue>>;

export type TableShape = {
  readonly name: string;
  readonly attributes: readonly { AttributeName: string; AttributeType: string }[];
  readonly keys: readonly { AttributeName: string; KeyType: string }[];
  readonly indexes: readonly unknown[];
};

/** Called just before a write takes effect. */
export type ChangeListener = (before: DynamoItem | undefined, after: DynamoItem | undefined) => void;

export type ItemStore = {
  createTable(shape: TableShape, onChange: ChangeListener | undefined): Promise<void>;
  /** One API action with the API's own input and output documents; throws ServiceError. */
  call(action: string, input: Record<string, unknown>): Promise<Record<string, unknown>>;
  close(): Promise<void>;
};

type Callback<Value> = (error: DynaliteError | null, value?: Value) => void;
type DynaliteError = Error & {
  statusCode?: number;
  body?: { __type: string; message?: string; Message?: string };
};
type ItemDb = {
  get(key: string, callback: Callback<DynamoItem>): void;
  put(key: string, value: DynamoItem, callback: Callback<void>): void;
  del(key: string, callback: Callback<void>): void;
};
type Store = {
  tableDb: {
    awsAccountId: string;
    awsRegion: string;
    get(key: string, callback: Callback<object>): void;
    put(key: string, value: object, callback: Callback<void>): void;
  };
  getItemDb(table: string): ItemDb;
  lifecycleManager: { gracefulClose(): Promise<void> };
};
type Document = Record<string, unknown>;
type Database = {
  create(options: { path?: string; createTableMs: number }): Store;
  checkConditional(data: Document, item: DynamoItem | undefined): DynaliteError | null | undefined;
};
type Validations = {
  checkTypes(data: Document, types: object): Document;
  checkValidations(data: Document, types: object, custom: unknown, store: Store): void;
};
type ActionRules = { types: object; custom: unknown };
type RunAction = (store: Store, data: Document, callback: Callback<Document>) => void;

const require = createRequire(import.meta.url);
const database = require('dynalite/db') as Database;
const validations = require('dynalite/validations') as Validations;

/** Asks for the failing item; dynalite itself drops the parameter. */
const WANTS_ITEM = Symbol('ReturnValuesOnConditionCheckFailure');
/** The item that a failed condition met. */
const MET_ITEM = Symbol('item of a failed condition');

const checkConditional = database.checkConditional;
// dynalite's actions call it through this object, under the item's lock, so the item is exactly what was checked.
database.checkConditional = (data, item) => {
  const refused = checkConditional(data, item);
  if (refused) Object.assign(refused, { [MET_ITEM]: { item, wanted: WANTS_ITEM in data } });
  return refused;
};

/** Opens (or creates) the database in `directory`; throws an Error when another process has it open. */
export async function openItemStore(directory: string, account: string, region: string): Promise<ItemStore> {
  mkdirSync(directory, { recursive: true });
  const store = database.create({ path: directory, createTableMs: 0 });
  await promised<object>((done) => store.tableDb.get('-', done)).catch((error: Error) => {
    const cause = error.cause instanceof Error ? ` (${error.cause.message})` : '';
    throw new Error(`cannot open ${directory}${cause}: does another local stack run on it?`, {
      cause: error,
    });
  });
  store.tableDb.awsAccountId = account;
  store.tableDb.awsRegion = region;
  const open = new Set<Promise<unknown>>();
  let closing = false;
  return {
    createTable: (shape, onChange) => createTable(store, shape, onChange),
    async call(action, input) {
      if (closing) throw new ServiceError('InternalServerError', 'the local stack is stopping', 500);
      const call = callAction(store, action, input);
      open.add(call);
      return call.finally(() => open.delete(call));
    },
    /** A call on a database that is closed under it would throw where nobody can catch it. */
    async close() {
      closing = true;
      await Promise.allSettled(open);
      await store.lifecycleManager.gracefulClose();
    },
  };
}

async function createTable(
  store: Store,
  shape: TableShape,
  onChange: ChangeListener | undefined,
): Promise<void> {
  const input = {
    TableName: shape.name,
    AttributeDefinitions: shape.attributes,
    KeySchema: shape.keys,
    BillingMode: 'PAY_PER_REQUEST',
    ...(shape.indexes.length === 0 ? {} : { GlobalSecondaryIndexes: shape.indexes }),
  };
  const table = await promised<object>((done) => store.tableDb.get(shape.name, done)).catch(() => undefined);
  if (table === undefined) await callAction(store, 'CreateTable', structuredClone(input));
  const described = await promised<object>((done) => store.tableDb.get(shape.name, done));
  await promised<void>((done) =>
    store.tableDb.put(shape.name, { ...described, TableStatus: 'ACTIVE' }, done),
  );
  if (onChange !== undefined) listen(store.getItemDb(shape.name), onChange);
}

/** Tells the listener of each write before it happens: a crash between the two repeats nothing and loses nothing. */
function listen(items: ItemDb, onChange: ChangeListener): void {
  const put = items.put.bind(items);
  const del = items.del.bind(items);
  items.put = (key, value, callback) =>
    items.get(key, (_missing, before) => {
      onChange(before, value);
      put(key, value, callback);
    });
  items.del = (key, callback) =>
    items.get(key, (_missing, before) => {
      if (before !== undefined) onChange(before, undefined);
      del(key, callback);
    });
}

const actionModules = new Map<string, { rules: ActionRules; run: RunAction }>();
function actionModule(action: string): { rules: ActionRules; run: RunAction } {
  const file = `${action.slice(0, 1).toLowerCase()}${action.slice(1)}`;
  let module = actionModules.get(file);
  if (module === undefined) {
    const rules = require(`dynalite/validations/${file}`) as ActionRules;
    module = { rules, run: require(`dynalite/actions/${file}`) as RunAction };
    actionModules.set(file, module);
  }
  return module;
}

async function callAction(store: Store, action: string, input: Document): Promise<Document> {
  const { rules, run } = actionModule(action);
  const wantsItem = input.ReturnValuesOnConditionCheckFailure === 'ALL_OLD';
  try {
    const data = validations.checkTypes(input, rules.types);
    validations.checkValidations(data, rules.types, rules.custom, store);
    if (wantsItem) Object.assign(data, { [WANTS_ITEM]: true });
    return await promised<Document>((done) => run(store, data, done));
  } catch (error) {
    throw asServiceError(error as DynaliteError);
  }
}

function asServiceError(
  error: DynaliteError & { [MET_ITEM]?: { item?: DynamoItem; wanted: boolean } },
): Error {
  if (error.body === undefined) return error;
  const met = error[MET_ITEM];
  const members = met?.wanted && met.item !== undefined ? { Item: met.item } : {};
  const message = error.body.message ?? error.body.Message ?? '';
  return Object.assign(new ServiceError(error.body.__type, message, error.statusCode ?? 400, members), {
    metItem: met?.item,
  });
}

function promised<Value>(run: (callback: Callback<Value>) => void): Promise<Value> {
  return new Promise((resolve, reject) => {
    run((error, value) => (error ? reject(error) : resolve(value as Value)));
  });
}
