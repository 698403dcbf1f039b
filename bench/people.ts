/**
 * The table that the figures are measured on: six columns of ordinary kinds, made by arithmetic on the row's number.
 * The statements are DuckDB's SQL, for the engine behind the local warehouse and for the bare loop alike.
 */

/** The statements that fill `bench.people` with `rows` rows. */
export function peopleSql(rows: number): readonly string[] {
  return [
    'CREATE SCHEMA IF NOT EXISTS bench',
    `CREATE OR REPLACE TABLE bench.people AS
      SELECT CAST(n AS BIGINT) AS person_id,
        concat('person', n, '@example.net') AS email,
        concat('Person Number ', n) AS full_name,
        CAST((n * 7919) % 1000000 AS DECIMAL(12,2)) / 100 AS score,
        n % 3 = 0 AS active,
        make_timestamp(1735689600000000 + 1000000 * (n % 1000000)) AS seen_at
      FROM range(1, ${rows + 1}) AS numbers(n)`,
    'ALTER TABLE bench.people ALTER score TYPE DECIMAL(12,2)',
  ];
}

/** Every `step`-th row gets another score: 1,000 gives 0.1% of the table. */
export const changeEverySql = (step: number): string =>
  `UPDATE bench.people SET score = score + 1 WHERE person_id % ${step} = 0`;

/** The model of the sync that the figures run, in Redshift's SQL. */
export const PEOPLE_MODEL = 'select person_id, email, full_name, score, active, seen_at from bench.people';

export const SYNC_ID = 'people-to-sink';
export const ACCOUNT_NAME = 'sink';

/** The sync of the figures: six fields, mapped as the bare loop maps them. */
export function benchDefinition(changes: 'diff' | 'all'): object {
  return {
    syncId: SYNC_ID,
    owner: 'bench@example.com',
    schedule: { cron: '0 0 1 1 *', timezone: 'UTC' },
    model: { sql: PEOPLE_MODEL, primaryKey: ['person_id'], changes: { by: changes } },
    destination: { account: ACCOUNT_NAME, object: 'people', mode: 'upsert', matchOn: 'person_id' },
    fields: [
      { to: 'person_id', from: 'person_id', as: { integer: true } },
      { to: 'email', from: 'email', as: { trim: true, lowercase: true } },
      { to: 'full_name', from: 'full_name' },
      { to: 'score', from: 'score', as: { decimal: 2 } },
      { to: 'active', from: 'active', as: { boolean: true } },
      { to: 'seen_at', from: 'seen_at', as: { datetime: 'ISO', timezone: 'UTC' } },
    ],
  };
}
