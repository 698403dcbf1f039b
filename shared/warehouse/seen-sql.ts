/**
 * Which keys the model has now, how often, and which values of the match column more than one key claims.
 * In cursor mode only for the keys that the run picks, so that a long history is counted and not grouped.
 */

import { FAILED } from './failures-sql.ts';
import type { Plan } from './plan.ts';
import { holdChecks, keysSql } from './rows-sql.ts';

/** k (null: rows without a key), w rows, t, b0.. rows that break a hold-check. */
export const SEEN = '"tailrace_seen"';
/** t: values that more than one key has. */
export const TWINS = '"tailrace_twins"';
const PICKED = '"tailrace_picked"';
/** Rows of the whole model and of each hold-check. */
export const TOTALS = '"tailrace_totals"';

/** Statements, in order. */
export function seenSql(plan: Plan): string[] {
  const twins = plan.twin === undefined ? [] : [twinsSql(plan)];
  if (plan.by === 'cursor') return [...pickedSql(plan), seenPickedSql(plan), ...twins, totalsSql(plan)];
  return [seenAllSql(plan), ...twins, totalsOfSeenSql(plan)];
}

/** The window in terms of `h`: half-open, its end fixed by the start of the transaction. */
function windowSql(plan: Plan): string {
  const from = plan.request.watermark === null ? [] : ['h >= cast(:watermark as timestamp)'];
  return [...from, `h < ${hiSql(plan)}`].join(' and ');
}

/** Transaction start minus lag, a timestamp without zone at UTC (the session's zone is set first). */
export function hiSql(plan: Plan): string {
  const { changes } = plan.sync.model;
  return `dateadd(second, -${changes.by === 'cursor' ? changes.lagSeconds : 0}, sysdate)`;
}

/** Rows that a cursor run takes: the window, rows without a cursor, and the current rows of failed keys. */
export const pickedRows = (plan: Plan): string =>
  `((${windowSql(plan)}) or h is null or k in (select row_key from ${FAILED}))`;

const sums = (plan: Plan): string =>
  holdChecks(plan)
    .map((_, index) => `, sum(b${index}) as b${index}`)
    .join('');

function pickedSql(plan: Plan): string[] {
  return [
    `create temp table ${PICKED} (k varchar(2048), t varchar(65535))`,
    `insert into ${PICKED} (k, t)\nselect distinct k, t from (\n${keysSql(plan)}\n) as keyed\nwhere ${pickedRows(plan)}`,
  ];
}

function seenPickedSql(plan: Plan): string {
  return [
    `create temp table ${SEEN} as`,
    `select k, count(*) as w, min(t) as t from (\n${keysSql(plan)}\n) as keyed`,
    `where k in (select k from ${PICKED} where k is not null) group by k`,
  ].join('\n');
}

function seenAllSql(plan: Plan): string {
  return [
    `create temp table ${SEEN} as`,
    `select k, count(*) as w, min(t) as t${sums(plan)} from (\n${keysSql(plan)}\n) as keyed`,
    `group by k`,
  ].join('\n');
}

function twinsSql(plan: Plan): string {
  if (plan.by !== 'cursor') {
    return `create temp table ${TWINS} as\nselect t from ${SEEN} where k is not null and t is not null group by t having count(*) > 1`;
  }
  return [
    `create temp table ${TWINS} as`,
    `select t from (\n${keysSql(plan)}\n) as keyed`,
    `where k is not null and t in (select t from ${PICKED} where t is not null)`,
    `group by t having count(distinct k) > 1`,
  ].join('\n');
}

function totalsSql(plan: Plan): string {
  return `create temp table ${TOTALS} as\nselect count(*) as w${sums(plan)} from (\n${keysSql(plan)}\n) as keyed`;
}

function totalsOfSeenSql(plan: Plan): string {
  return `create temp table ${TOTALS} as\nselect sum(w) as w${sums(plan)} from ${SEEN}`;
}
