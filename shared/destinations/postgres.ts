/**
 * The `postgres` destination: rows of one operation into one table. Page: docs/destinations/postgres.md.
 *
 * All four operations can be repeated: an upsert sets the same values, an update too, a delete of a record that is
 * gone is done, and an insert that meets a record with exactly its own values takes it for its own.
 */
import { Fault, REQUEST_REFUSED } from '../core/fault.ts';
import { CATALOG_AGE_MS_MAX, CONNECTIONS_MAX, REQUEST_ROWS_MAX } from '../core/limits.ts';
import type { Outcome } from '../core/outcomes.ts';
import type { Row } from '../core/row.ts';
import type { Context, Destination, TargetField, WriteRequest } from './destination.ts';
import { matchColumn, readTable, type Table, writtenColumn } from './postgres-catalog.ts';
import { type Connections, connections } from './postgres-connections.ts';
import type { Refusal } from './postgres-fault.ts';
import {
  type PostgresSettings,
  type PostgresTarget,
  postgresSettingsSchema,
  postgresTargetSchema,
} from './postgres-settings.ts';
import { comparison, type Shape, statement } from './postgres-statement.ts';
import { isStorable, valueText } from './postgres-values.ts';

export const postgres: Destination<PostgresSettings, PostgresTarget> = {
  kind: 'calls',
  name: 'postgres',
  settings: postgresSettingsSchema,
  target: postgresTargetSchema,
  operations: () => ({
    insert: 'idempotent',
    update: 'idempotent',
    upsert: 'idempotent',
    delete: 'idempotent',
  }),
  limits: ({ requestBytesMax }) => ({
    requestRowsMax: REQUEST_ROWS_MAX,
    requestBytesMax,
    requestsInFlightMax: CONNECTIONS_MAX,
  }),
  // A server does not notice that its client has gone while a statement waits for a lock.
  lingering: ({ statementTimeoutMs }) => ({ ms: statementTimeoutMs, by: 'statementTimeoutMs' }),
  check,
  describe,
  write,
};

async function check(ctx: Context<PostgresSettings>, target: PostgresTarget): Promise<void> {
  const table = await connections(ctx).use(ctx.signal, (client) => readTable(client, ctx.settings, target));
  if (table.writable) return;
  throw new Fault('config', 'permission_missing', `the user may not write ${table.name}`, {
    remedy: 'Grant SELECT, INSERT, UPDATE and DELETE on the table to the user of the secret.',
  });
}

async function describe(
  ctx: Context<PostgresSettings>,
  target: PostgresTarget,
): Promise<readonly TargetField[]> {
  const table = await connections(ctx).use(ctx.signal, (client) => readTable(client, ctx.settings, target));
  const columns = [...table.columns.values()].filter(({ generated }) => !generated);
  return columns.map(({ name, type, required }) => ({ name, type, required }));
}

async function write(
  ctx: Context<PostgresSettings>,
  target: PostgresTarget,
  request: WriteRequest,
): Promise<readonly Outcome[]> {
  const pool = connections(ctx);
  const tables = ctx.keep('postgres-tables', () => new Map<string, KnownTable>());
  const known = tables.get(target.object);
  if (known !== undefined && ctx.clock.now() - known.readAt < CATALOG_AGE_MS_MAX) {
    try {
      return await writeRows(ctx, pool, known.table, request);
    } catch (error) {
      if (!isOfTheTable(error)) throw error;
      // Perhaps the table is not what it was: a column that was added since must not stop a run.
    }
  }
  const table = await pool.use(ctx.signal, (client) => readTable(client, ctx.settings, target));
  tables.set(target.object, { table, readAt: ctx.clock.now() });
  return writeRows(ctx, pool, table, request);
}

type KnownTable = { readonly table: Table; readonly readAt: number };

const isOfTheTable = (error: unknown): boolean =>
  error instanceof Fault && error.kind === 'config' && TABLE_CODES.has(error.code);
const TABLE_CODES: ReadonlySet<string> = new Set([
  'column_generated',
  'column_not_found',
  'match_not_unique',
  'statement_refused',
]);

// ---------------------------------------------------------------- rows

/** A row with its texts, in the order of its group's columns; the match value first. */
type Entry = { readonly key: string; readonly texts: readonly (string | null)[]; readonly match: string };
type Group = { readonly shape: Shape; readonly entries: Entry[] };

async function writeRows(
  ctx: Context<PostgresSettings>,
  pool: Connections,
  table: Table,
  request: WriteRequest,
): Promise<readonly Outcome[]> {
  const { groups, rejected } = grouped(table, request);
  const entries = groups.flatMap((group) => group.entries);
  if (entries.length === 0) return rejected;
  refuseTwins(entries);
  try {
    const outcomes = await pool.use(ctx.signal, async (client) => {
      const done: Outcome[] = [];
      // Rows that leave different fields alone need different statements; nearly always there is one group.
      for (const { shape, entries: rows } of groups) {
        const sorted = rows.toSorted((a, b) => (a.match < b.match ? -1 : 1));
        const answer = await client.query<Answer>(
          statement(request.operation, shape),
          parameters(shape, sorted),
        );
        done.push(
          ...(await outcomesOf(request.operation, sorted, answer, () =>
            client.query<Answer>(comparison(shape), parameters(shape, sorted)),
          )),
        );
      }
      return done;
    });
    return [...rejected, ...outcomes];
  } catch (error) {
    const [only] = entries;
    if (!(error instanceof Fault) || error.kind !== 'row' || entries.length > 1 || !only) throw error;
    const { state, reason } = error.cause as Refusal;
    return [...rejected, { key: only.key, is: 'rejected', code: `sqlstate_${state}`, reason }];
  }
}

/** Rows by the set of fields that they carry; rows that no statement could carry are rejected here. */
function grouped(
  table: Table,
  { rows, matchOn, operation }: WriteRequest,
): { readonly groups: readonly Group[]; readonly rejected: Outcome[] } {
  const groups = new Map<string, Group>();
  const rejected: Outcome[] = [];
  for (const row of rows) {
    const names = operation === 'delete' ? [] : Object.keys(row.fields).filter((name) => name !== matchOn);
    const signature = JSON.stringify(names);
    let group = groups.get(signature);
    if (group === undefined) {
      group = { shape: shapeOf(table, matchOn, names, operation), entries: [] };
      groups.set(signature, group);
    }
    const entry = entryOf(row, group.shape);
    if ('is' in entry) rejected.push(entry);
    else group.entries.push(entry);
  }
  return { groups: [...groups.values()].filter(({ entries }) => entries.length > 0), rejected };
}

function shapeOf(
  table: Table,
  matchOn: string,
  names: readonly string[],
  operation: WriteRequest['operation'],
): Shape {
  const match = matchColumn(table, matchOn);
  if (operation === 'insert' || operation === 'upsert') writtenColumn(table, matchOn);
  return { table, columns: [match, ...names.map((name) => writtenColumn(table, name))] };
}

function entryOf({ key, fields }: Row, { columns }: Shape): Entry | Outcome {
  const texts = columns.map((column) => valueText(fields[column.name], column));
  const [match] = texts;
  if (match === null || match === undefined) {
    return { key, is: 'rejected', code: 'match_missing', reason: 'the field that names the record is null' };
  }
  const bad = texts.findIndex((text) => !isStorable(text));
  if (bad < 0) return { key, texts, match };
  const reason = `${columns[bad]?.name} holds a NUL or half of a surrogate pair, which PostgreSQL cannot store`;
  return { key, is: 'rejected', code: 'character_refused', reason };
}

/** Two rows of one record in one statement: the server could keep either. The halves of the request do not meet. */
function refuseTwins(entries: readonly Entry[]): void {
  if (new Set(entries.map(({ match }) => match)).size === entries.length) return;
  throw new Fault('row', REQUEST_REFUSED, 'two rows of the request name the same record');
}

const parameters = ({ columns }: Shape, entries: readonly Entry[]): (string | null)[][] =>
  columns.map((_column, index) => entries.map(({ texts }) => texts[index] ?? null));

// ---------------------------------------------------------------- answers

type Answer = { readonly n: number; readonly same?: boolean };
type Answered = { readonly rowCount: number | null; readonly rows: readonly Answer[] };

async function outcomesOf(
  operation: WriteRequest['operation'],
  entries: readonly Entry[],
  answer: Answered,
  compare: () => Promise<Answered>,
): Promise<readonly Outcome[]> {
  if (operation === 'delete') return entries.map(accepted);
  if (operation === 'update') {
    const found = new Set(answer.rows.map(({ n }) => n));
    return entries.map((entry, index) => (found.has(index + 1) ? accepted(entry) : noSuchRecord(entry)));
  }
  if (answer.rowCount === entries.length) return entries.map(accepted);
  // A trigger or a rule dropped rows, and the count does not say which.
  if (operation === 'upsert') return entries.map(unanswered);
  const existing = new Map((await compare()).rows.map(({ n, same }) => [n, same === true]));
  return entries.map((entry, index) => {
    const same = existing.get(index + 1);
    if (same === undefined) return unanswered(entry);
    return same ? accepted(entry) : alreadyExists(entry);
  });
}

const accepted = ({ key }: Entry): Outcome => ({ key, is: 'accepted' });
const unanswered = ({ key }: Entry): Outcome => ({
  key,
  is: 'deferred',
  reason: 'the server wrote fewer rows than it was given',
});
const noSuchRecord = ({ key }: Entry): Outcome => ({
  key,
  is: 'rejected',
  code: 'no_such_record',
  reason: 'the table has no row with this match value',
});
const alreadyExists = ({ key }: Entry): Outcome => ({
  key,
  is: 'rejected',
  code: 'already_exists',
  reason: 'the table has a row with this match value and other values',
});
