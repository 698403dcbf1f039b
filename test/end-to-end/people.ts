/** The warehouse of the small world: sixty people full of canaries, and the syncs that carry them. */
import type { Canaries } from './canaries.ts';
import type { SmallWorld } from './small-world.ts';

export const PEOPLE = 60;

/** Of sixty: 3 with a score below zero, 2 whose note is too long, 4 rejected, 2 that no request may contain. */
export async function fillWarehouse({ stack, outside }: SmallWorld): Promise<void> {
  const { key, email, familyName, note, phone } = outside.canaries.people;
  await stack.warehouse.sql('CREATE SCHEMA IF NOT EXISTS tailrace');
  await stack.warehouse.sql(`
    CREATE SCHEMA IF NOT EXISTS shop;
    CREATE OR REPLACE TABLE shop.people AS
      SELECT 'key-${key}-' || n AS id, '${email}-' || n AS email,
        CASE WHEN n IN (31, 32) THEN '${familyName}' ELSE '${familyName} ' || n END AS family_name,
        CASE WHEN n IN (21, 22) THEN repeat('${note} ', 20) ELSE '${note} ' || n END AS note,
        CAST(${phone} AS BIGINT) + n AS phone,
        CASE WHEN n < 3 THEN -1 WHEN n > 56 THEN 95 ELSE n END AS score,
        CASE WHEN n IN (11, 12, 13, 14) THEN 'reject' WHEN n IN (31, 32) THEN 'refuse' ELSE 'take' END AS verdict,
        TIMESTAMP '2026-01-01 00:00:00' + to_seconds(n) AS updated_at
      FROM range(${PEOPLE}) AS numbers(n);
    CREATE OR REPLACE TABLE shop.numbers AS SELECT n FROM range(300000) AS numbers(n)`);
}

/** A change of every row, as an application would make it. */
export const touch = ({ people }: Canaries, text: string): string =>
  `UPDATE shop.people SET note = '${people.note} ${text}', updated_at = CAST(now() AT TIME ZONE 'UTC' AS TIMESTAMP)
     WHERE length(note) < 100`;

const COLUMNS = 'select id, email, family_name, note, phone, score, verdict, updated_at from shop.people';
const field = (name: string, as?: object): object => ({
  to: name,
  from: name,
  ...(as === undefined ? {} : { as }),
});
const NOTE = field('note', { maxLength: 100, whenTooLong: 'reject' });
const FIELDS = [...['email', 'family_name', 'phone', 'verdict'].map((name) => field(name)), NOTE];
const SCORE = { name: 'score is not negative', sql: 'score >= 0', otherwise: 'exclude' };

const common = (syncId: string, account: string, object: string, mode: string) => ({
  syncId,
  owner: 'growth@example.com',
  schedule: { every: '7 days' },
  destination: { account, object, mode, matchOn: 'id' },
  checks: [SCORE],
});
const model = (changes: object, sql = COLUMNS): object => ({ sql, primaryKey: ['id'], changes });

/** By diff, with deletes. */
export const TO_CRM = {
  ...common('people-to-crm', 'crm', 'contacts', 'mirror'),
  model: model({ by: 'diff' }),
  fields: [field('id'), ...FIELDS],
};
/** By cursor. */
export const TO_MAIL = {
  ...common('people-to-mail', 'mail', 'members', 'upsert'),
  model: model({ by: 'cursor', column: 'updated_at', lagSeconds: 0 }),
  fields: [field('id'), ...FIELDS],
};
/** Everything, to a table with a constraint. */
export const TO_APP = {
  ...common('people-to-app', 'app', 'people', 'upsert'),
  model: model({ by: 'all' }),
  fields: [...['id', 'email', 'family_name', 'score'].map((name) => field(name)), NOTE],
};
/** The warehouse itself fails over a row, and says which. */
export const FAILING = {
  ...common('failing', 'crm', 'contacts', 'upsert'),
  model: model({ by: 'all' }, `${COLUMNS} where cast(note as integer) > 0`),
  fields: [field('id'), ...FIELDS],
};
/** No such table: the run ends before it has begun. */
export const MISSING = {
  ...common('missing', 'crm', 'contacts', 'upsert'),
  model: model({ by: 'all' }, 'select id from shop.nowhere'),
  fields: [field('id')],
  checks: [],
};
/** Takes the warehouse long enough to be deleted meanwhile. */
export const SLOW = {
  ...common('slow', 'crm', 'contacts', 'upsert'),
  model: model(
    { by: 'all' },
    'select cast(a.n as varchar) as id from shop.numbers a join shop.numbers b on a.n * b.n % 7919 = 3 where b.n < 0 or a.n + b.n > 599990',
  ),
  fields: [field('id')],
  checks: [],
};
