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
