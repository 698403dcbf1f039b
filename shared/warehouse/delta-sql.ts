/**
 * The delta: what this run sends, finds invalid, removes, drops or carries, one row a key, in a temporary table
 * that the stage is unloaded from. Its keys and fingerprints are kept as `delta_<sync>` where a later run needs them.
 *
 *   o  a added · c changed · r removed · i invalid: lines of the stage (s = 1)
 *      k carried: a failed key that is not tried again and stays in the failure set
 *      d dropped: a key that has left the model, nothing to send; the snapshot forgets it, so that its return is sent. Removals
 *        ignored: it failed, or an abandoned run may have sent it. Otherwise: its record is another row's now
 *   w  rows of the model that this row stands for
 */
import { CLAIMED, claimedSql, hasClaims, nameSql } from './claims-sql.ts';
import { FAILED } from './failures-sql.ts';
import type { Plan } from './plan.ts';
import { rowsSql, SQL_CODES } from './rows-sql.ts';
import { pickedRows, SEEN, TWINS } from './seen-sql.ts';
import { DIRTY, MATCH_NAMES, whole } from './snapshot-sql.ts';
import { lines } from './sql-text.ts';

export const WORK = '"tailrace_work"';

/** Columns of a stage line, as UNLOAD and pages give them. */
export const stageNames = (plan: Plan): string[] => [
  'k',
  'o',
  'f',
  'n',
  'x',
  'e',
  ...plan.staged.map((_, index) => `c${index}`),
];

/** Statements, in order: names that have passed on, the table, rows of the model, duplicated keys, keys without a row, what is kept. */
export function deltaSql(plan: Plan): string[] {
  return [
    ...(hasClaims(plan) ? [claimedSql(plan)] : []),
    createSql(plan),
    presentSql(plan),
    duplicatesSql(plan),
    ...(forgets(plan) ? [absentSql(plan)] : []),
    ...(plan.persisted ? [keptSql(plan)] : []),
    ...(plan.by === 'cursor' ? [missingSql()] : []),
  ];
}

/** Insert mode never sends a key that is held, so nothing can have become of it; forgotten, it would be inserted twice. */
const forgets = (plan: Plan): boolean =>
  plan.persisted && (plan.removals || plan.sync.destination.mode !== 'insert');

function createSql(plan: Plan): string {
  const columns = [
    'k varchar(2048)',
    'o varchar(1)',
    'f varchar(64)',
    'n varchar(11)',
    'x varchar(1)',
    'e varchar(400)',
    'w bigint',
    's integer',
    'z bigint',
    ...plan.staged.map((_, index) => `c${index} varchar(65535)`),
  ];
  return `create temp table ${WORK} (\n  ${lines(columns)}\n)`;
}

const WORK_NAMES = ['k', 'o', 'f', 'n', 'x', 'e', 'w', 's', 'z'];

/** Rows whose key occurs once. */
function presentSql(plan: Plan): string {
  const values = plan.staged.map((_, index) => `case when q is null then c${index} end`);
  const names = plan.staged.map((_, index) => `c${index}`);
  const code =
    plan.twin === undefined ? 'r.e' : `coalesce(r.e, case when u.t is not null then 'duplicate_match' end)`;
  const where = plan.by === 'cursor' ? `\nwhere ${pickedRows(plan)}` : '';
  return [
    `insert into ${WORK} (${[...WORK_NAMES, ...names].join(', ')})`,
    `select k, ${judged(plan)}, f, n, x, q, 1, case when carried = 1 then 0 else 1 end, z${values.map((value) => `,\n${value}`).join('')}`,
    `from (`,
    `select r.*, ${facts(plan)}`,
    `from (`,
    `select r.*, ${code} as q${hasClaims(plan) ? `, case when v.t is not null then 1 else 0 end as taken` : ''}`,
    `from (\nselect * from (\n${rowsSql(plan)}\n) as keyed${where}\n) as r`,
    `left join ${SEEN} as d on d.k = r.k and d.w > 1`,
    ...(plan.twin === undefined ? [] : [`left join ${TWINS} as u on u.t = r.c${plan.twin}`]),
    ...(hasClaims(plan) ? [`left join ${CLAIMED} as v on v.t = ${takenName(plan)}`] : []),
    `where d.k is null`,
    `) as r`,
    ...joins(plan),
    `) as judged`,
    `where ${wanted(plan)}`,
  ].join('\n');
}

const takenName = (plan: Plan): string =>
  nameSql(
    plan,
    plan.match.map((index) => `r.c${index}`),
  );

/** One line for a key that several rows have; its fingerprint is unknown. */
function duplicatesSql(plan: Plan): string {
  return [
    `insert into ${WORK} (${WORK_NAMES.join(', ')})`,
    `select k, ${judged(plan)}, f, n, x, q, w, case when carried = 1 then 0 else 1 end, 200`,
    `from (`,
    `select r.*, ${facts(plan)}`,
    `from (`,
    `select k, w, cast(null as varchar(64)) as f, 'duplicate_key' as q from ${SEEN} where k is not null and w > 1`,
    `) as r`,
    ...joins(plan),
    `) as judged`,
  ].join('\n');
}

const judged = (plan: Plan): string =>
  `case when carried = 1 then 'k' when q is not null then 'i'${plan.persisted ? " when held = 1 then 'c'" : ''} else 'a' end`;

/** attempts so far, ever applied, carried, and whether the row must go whatever its fingerprint says. */
function facts(plan: Plan): string {
  const held = plan.persisted ? ['s.k is not null', 'y.k is not null'] : [];
  const applied = [...held, "x.applied = '1'"].join(' or ');
  const due = ['x.row_key is not null', ...(plan.persisted ? ['y.k is not null'] : [])].join(' or ');
  return lines([
    `coalesce(x.attempts, '0') as n`,
    `case when ${applied} then '1' else '0' end as x`,
    `case when ${carried(plan)} then 1 else 0 end as carried`,
    `case when ${due} then 1 else 0 end as due`,
    ...(plan.persisted ? [`case when s.k is not null then 1 else 0 end as held`, `s.f as was`] : []),
  ]);
}

function joins(plan: Plan): string[] {
  const failed = `left join ${FAILED} as x on x.row_key = r.k`;
  if (!plan.persisted) return [failed];
  return [
    failed,
    `left join ${plan.tables.snapshot} as s on s.k = r.k`,
    `left join ${DIRTY} as y on y.k = r.k`,
  ];
}

/**
 * A failed key that is not tried again: invalid by the same code and fingerprint, or quarantined with an
 * unchanged fingerprint (the mapping version is part of it). A key that an abandoned run may have sent is always tried.
 */
function carried(plan: Plan): string {
  if (!plan.persisted && plan.request.dirty.length > 0) return '1 = 0';
  const ours = `(x.code in (${SQL_CODES.map((code) => `'${code}'`).join(', ')}) or x.code like 'check:%')`;
  const invalid = `r.q is not null and x.kind = 'invalid' and x.code = r.q and coalesce(x.fingerprint, '') = coalesce(r.f, '')`;
  const quarantined = `r.q is null and x.quarantined = '1' and x.fingerprint = r.f and not (x.kind = 'invalid' and ${ours})`;
  const clean = plan.persisted ? ' and y.k is null' : '';
  return `((${invalid}) or (${quarantined}))${clean}`;
}

/** In diff mode only what differs, and what has a record that another key may have written; elsewhere everything that was read. */
function wanted(plan: Plan): string {
  if (plan.by !== 'diff') return '1 = 1';
  return `q is not null or due = 1 or held = 0 or was is null or was <> f${hasClaims(plan) ? ' or taken = 1' : ''}`;
}

/**
 * Keys of snapshot, failure set and abandoned runs with no row at all in the model. Removed only if our hand
 * put them there, and only if no row of the model has their record now; with `removed: ignore` a key that failed, or that an abandoned run may have sent, is dropped from
 * the snapshot: what the destination holds of it is not known. Without a fingerprint there it is sent anyway.
 */
function absentSql(plan: Plan): string {
  const columns = plan.match.map((index) => `c${index}`);
  const match = plan.match.map(
    (_, place) => `case when s.k is not null then s.m${place} else y.m${place} end`,
  );
  const quarantined = `x.quarantined = '1' and x.kind <> 'invalid' and x.fingerprint is null and y.k is null`;
  const removed = `s.k is not null or y.k is not null or x.applied = '1'`;
  const passed = hasClaims(plan) ? `when v.t is not null then` : undefined;
  const [o, s, from, where] = plan.removals
    ? [
        `case ${passed ? `${passed} 'd' ` : ''}when ${quarantined} then 'k' else 'r' end`,
        `case ${passed ? `${passed} 0 ` : ''}when ${quarantined} then 0 else 1 end`,
        everyKey(plan),
        removed,
      ]
    : [`'d'`, '0', failedOrDirty, 's.f is not null'];
  return [
    `insert into ${WORK} (${[...WORK_NAMES, ...columns].join(', ')})`,
    `select g.k, ${o}, cast(null as varchar(64)), coalesce(x.attempts, '0'), '1', cast(null as varchar(400)), 0, ${s}, 200${match.map((value) => `,\n  ${value}`).join('')}`,
    `from (${from}) as g`,
    `left join ${SEEN} as p on p.k = g.k`,
    `left join ${plan.tables.snapshot} as s on s.k = g.k`,
    `left join ${FAILED} as x on x.row_key = g.k`,
    `left join ${DIRTY} as y on y.k = g.k`,
    ...(passed ? [`left join ${CLAIMED} as v on v.t = ${nameSql(plan, match)}`] : []),
    `where p.k is null and (${where})`,
  ].join('\n');
}

const failedOrDirty = `select row_key as k from ${FAILED} union select k from ${DIRTY}`;

const everyKey = (plan: Plan): string => `select k from ${plan.tables.snapshot} union ${failedOrDirty}`;

/** Cursor mode: a failed key without a row today comes back or stays recorded; it is never forgotten. */
function missingSql(): string {
  return [
    `insert into ${WORK} (${WORK_NAMES.join(', ')})`,
    `select x.row_key, 'k', x.fingerprint, x.attempts, x.applied, cast(null as varchar(400)), 0, 0, 0`,
    `from ${FAILED} as x left join ${SEEN} as p on p.k = x.row_key`,
    `where p.k is null`,
  ].join('\n');
}

/**
 * What the next flip needs: fingerprints of what is sent now, and the match columns for a later removal; of a key that is
 * invalid now and that an abandoned run may have sent, by what name. One statement, since a batch takes forty.
 */
function keptSql(plan: Plan): string {
  const match = MATCH_NAMES.map((_, place) => {
    const index = plan.match[place];
    return index === undefined ? 'cast(null as varchar(1))' : `c${index}`;
  });
  const named = [
    `union all`,
    `select ${whole(plan.request.epoch)}, y.k, 'i', cast(null as varchar(64)), ${MATCH_NAMES.map((name) => `y.${name}`).join(', ')}`,
    `from ${DIRTY} as y join ${WORK} as w on w.k = y.k where w.o = 'i'`,
  ];
  return [
    `insert into ${plan.tables.delta} (epoch, k, o, f, ${MATCH_NAMES.join(', ')})`,
    `select ${whole(plan.request.epoch)}, k, o, f, ${match.join(', ')}`,
    `from ${WORK} where o in ('a', 'c', 'r', 'd')`,
    ...(plan.removals ? named : []),
  ].join('\n');
}
