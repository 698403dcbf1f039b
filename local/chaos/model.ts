/**
 * The model's truth, kept outside of everything that is killed: three tables of rows, seeded edits to them, and what
 * the vendor must hold in the end, said without any of the engine's code. An edit is one transaction that may be
 * repeated: when the services die in it, it is sent again until it is acknowledged.
 *
 * Every row carries a version, and a version is given only once, so the vendor can tell an older value from a newer one.
 */
import type { Random } from './seeded.ts';

export const TABLES = ['people', 'scores', 'entries'] as const;
export type TableName = (typeof TABLES)[number];

export type Row = {
  readonly id: number;
  /** Null: the check of the sync makes the row invalid. */
  readonly name: string | null;
  /** Hundredths. */
  readonly amount: number;
  readonly version: number;
};
/** What the vendor holds of a row. */
export type Held = {
  readonly id: number;
  readonly name: string;
  readonly amount: number;
  readonly version: number;
};

export type Model = {
  /** Statements for one transaction that makes the three tables. */
  readonly createSql: string;
  readonly tables: Readonly<Record<TableName, ReadonlyMap<number, Row>>>;
  /** Changes some rows; the statements that do the same to the warehouse. */
  edit(): string;
  /** The records that a table's object must hold, by id. */
  expected(table: TableName): ReadonlyMap<number, Held>;
};

/** Every so many ids one is of a kind that fails, all its life. */
const INVALID_EVERY = 41;
export const REFUSED_EVERY = 29;

const isInvalid = (id: number): boolean => id % INVALID_EVERY === 0;
/** The vendor refuses these. */
export const isRefused = (id: number): boolean => id % REFUSED_EVERY === 0;

const EDIT_ROWS_MAX = 40;

export function makeModel(random: Random, rows: number): Model {
  let version = 0;
  const nextId: Record<TableName, number> = { people: 0, scores: 0, entries: 0 };
  const tables = { people: new Map(), scores: new Map(), entries: new Map() } as Record<
    TableName,
    Map<number, Row>
  >;
  const write = (table: TableName, id: number): Row => {
    version += 1;
    const name = isInvalid(id)
      ? null
      : `${table} ${id} as of ${version}${' and more'.repeat(random.between(0, 20))}`;
    const row = { id, name, amount: random.between(-100_000, 100_000), version };
    tables[table].set(id, row);
    return row;
  };
  const add = (table: TableName): Row => {
    nextId[table] += 1;
    return write(table, nextId[table]);
  };
  /** Ids of people that were deleted once: some come back. */
  const gone: number[] = [];

  const written: string[] = TABLES.flatMap((table) => {
    const first = Array.from({ length: table === 'entries' ? Math.ceil(rows / 4) : rows }, () => add(table));
    return [`DROP TABLE IF EXISTS shop.${table}`, tableSql(table), insertSql(table, first)];
  });
  return {
    createSql: transaction([
      'CREATE SCHEMA IF NOT EXISTS shop',
      'CREATE SCHEMA IF NOT EXISTS tailrace',
      ...written,
    ]),
    tables,
    edit() {
      const table = random.pick(TABLES);
      const count = random.between(1, EDIT_ROWS_MAX);
      const changed: Row[] = [];
      const removed: number[] = [];
      for (let at = 0; at < count; at += 1) {
        const id = random.pick([...tables[table].keys()]);
        const draw = random.next();
        // The ledger is append-only, and a cursor sees no removals.
        if (table === 'entries' || draw < 0.3) changed.push(add(table));
        else if (table === 'scores' || draw < 0.75) changed.push(write(table, id));
        else if (draw < 0.85 && gone.length > 0) changed.push(write(table, random.pick(gone)));
        else if (tables[table].delete(id)) {
          removed.push(id);
          gone.push(id);
        }
      }
      return transaction(editSql(table, tables[table], changed, removed));
    },
    expected: (table) => expectedOf(tables[table]),
  };
}

function expectedOf(table: ReadonlyMap<number, Row>): ReadonlyMap<number, Held> {
  const expected = new Map<number, Held>();
  for (const { id, name, amount, version } of table.values()) {
    if (name !== null && !isInvalid(id) && !isRefused(id))
      expected.set(id, { id, name, amount: amount / 100, version });
  }
  return expected;
}

/** The last state of each row touched: a row may have been changed and then removed in one edit. */
function editSql(
  table: TableName,
  now: ReadonlyMap<number, Row>,
  changed: readonly Row[],
  removed: readonly number[],
): readonly string[] {
  const ids = [...new Set([...changed.map(({ id }) => id), ...removed])];
  const left = ids.flatMap((id) => now.get(id) ?? []);
  const remove = `DELETE FROM shop.${table} WHERE id IN (${ids.join(', ')})`;
  return left.length === 0 ? [remove] : [remove, insertSql(table, left)];
}

const tableSql = (table: TableName): string =>
  `CREATE TABLE shop.${table} (id BIGINT, name VARCHAR, amount DECIMAL(18, 2), version BIGINT, updated_at TIMESTAMP)`;

const insertSql = (table: TableName, rows: readonly Row[]): string =>
  `INSERT INTO shop.${table} VALUES ${rows.map(rowSql).join(', ')}`;

const rowSql = ({ id, name, amount, version }: Row): string =>
  `(${id}, ${name === null ? 'NULL' : `'${name}'`}, ${(amount / 100).toFixed(2)}, ${version}, CAST(now() AS TIMESTAMP))`;

const transaction = (statements: readonly string[]): string => ['BEGIN', ...statements, 'COMMIT'].join(';\n');
