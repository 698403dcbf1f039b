/**
 * Names of records, that is values of the match columns, that a key which is gone or an abandoned run may have left behind and
 * that a row of the model has now. Where matchOn is not the key, a record passes from key to key: its removal by the old
 * key would take it from the new one, and what the old key wrote last must be written over by the new one.
 */
import type { Field } from '../core/sync.ts';
import { columnText } from './column-text.ts';
import type { Plan } from './plan.ts';
import { fromModel } from './rows-sql.ts';
import { SEEN } from './seen-sql.ts';
import { attemptedSql, MATCH_NAMES } from './snapshot-sql.ts';
import { lines, textLiteral } from './sql-text.ts';

/** t: names as `nameSql` writes them. */
export const CLAIMED = '"tailrace_claimed"';

/** False where another key is always another record, or nothing is ever removed. */
export function hasClaims(plan: Plan): boolean {
  if (!plan.persisted || !plan.removals || plan.match.length === 0) return false;
  const [column, ...more] = plan.match.map((index) => plan.staged[index]);
  const isKey = more.length === 0 && plan.key.length === 1 && plan.key[0]?.name === column?.name;
  return !isKey || folds(plan).length > 0;
}

/** Small: only names that are loose are looked for, so the model is read once more and not sorted. */
export function claimedSql(plan: Plan): string {
  const columns = plan.match.flatMap((index) => plan.staged[index] ?? []);
  const names = columns.map((_, place) => `c${place}`);
  const read = columns.map((column, place) => `${columnText(column)} as c${place}`);
  const kept = (of: string): string =>
    nameSql(
      plan,
      columns.map((_, place) => `${of}.${MATCH_NAMES[place]}`),
    );
  return [
    `create temp table ${CLAIMED} as`,
    `select distinct t from (\nselect ${nameSql(plan, names)} as t`,
    `from (\nselect\n  ${lines(read)}\n${fromModel(plan)}\n) as typed\n) as named`,
    `where t in (`,
    `select ${kept('s')} from ${plan.tables.snapshot} as s left join ${SEEN} as p on p.k = s.k where p.k is null`,
    `union select ${kept('y')} from ${plan.tables.delta} as y where ${attemptedSql(plan)}`,
    `)`,
  ].join('\n');
}

/**
 * The name of a record by its match columns. What is the same here is the same record: the field's own trim and case are
 * followed, and any other difference counts as another record. Null for a null, which names nothing; of several
 * columns, which a template joins, each may be null.
 */
export function nameSql(plan: Plan, columns: readonly string[]): string {
  const [only = 'null', ...more] = columns;
  if (more.length > 0) return columns.map((column) => `coalesce(sha2(${column}, 256), '-')`).join(' || ');
  return folds(plan).reduce((text, fold) => fold(text), only);
}

type Fold = (text: string) => string;

/** A template may cut and compare its column before case is folded, so its columns are taken as they are. */
function folds(plan: Plan): readonly Fold[] {
  const { fields, destination } = plan.sync;
  const field: Field | undefined = fields.find(({ to }) => to === destination.matchOn);
  if (field === undefined || !('from' in field)) return [];
  const { trim, lowercase, uppercase } = field.as ?? {};
  return [
    ...(trim === true ? [(text: string): string => `btrim(${text}, ${WHITE_SPACE})`] : []),
    ...(lowercase === true ? [(text: string): string => `lower(${text})`] : []),
    ...(uppercase === true ? [(text: string): string => `upper(${text})`] : []),
  ];
}

/** What the mapping's trim cuts: ECMAScript's white space and line ends. */
const WHITE_SPACE = textLiteral(
  '\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff',
);
