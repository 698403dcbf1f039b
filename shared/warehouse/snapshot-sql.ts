/**
 * The snapshot: what the destination holds by our hand, as of the last flip. Each extraction brings it forward by
 * the delta of the flipped epoch, minus that epoch's failure set, unless an earlier extraction did.
 *
 * The marker is written before anything else, so that a statement whose run was fenced and the statement of the next run
 * collide on it instead of both applying the delta.
 */
import { fingerprintOf } from '../core/accept.ts';
import { FAILED } from './failures-sql.ts';
import { MATCH_COLUMNS_MAX, type Plan } from './plan.ts';

export const DIRTY = '"tailrace_dirty"';

export const MATCH_NAMES: readonly string[] = Array.from(
  { length: MATCH_COLUMNS_MAX },
  (_, index) => `m${index}`,
);
const MATCH_COLUMNS = MATCH_NAMES.map((name) => `${name} varchar(65535)`).join(', ');

/** The three tables of a sync, made by the first extraction that needs them. */
export function tablesSql(plan: Plan): string[] {
  const { delta, snapshot, marker } = plan.tables;
  return [
    `create table if not exists ${marker} (epoch bigint, run bigint)`,
    `create table if not exists ${snapshot} (k varchar(2048), f varchar(64), ${MATCH_COLUMNS})`,
    `create table if not exists ${delta} (epoch bigint, k varchar(2048), o varchar(1), f varchar(64), ${MATCH_COLUMNS})`,
  ];
}

/**
 * An assertion, then the first writes of the transaction. A statement that starts late, when a later run has been here, fails:
 * it would take delta and snapshot from that run. Beside the row of the snapshot the marker has one of the
 * environment, with a negative number: one that was removed and deployed again counts from one and may start afresh.
 */
export function markerSql(plan: Plan, home: string): string[] {
  const { epoch, snapshotEpoch } = plan.request;
  const { marker } = plan.tables;
  const [to, by, place] = [whole(snapshotEpoch), whole(epoch), placeOf(home)];
  const late = `case when count(*) = 0 then '1' else 'run_superseded' end`;
  const assertion = `select cast(${late} as integer) as latest from ${marker} where epoch = ${place} and run > ${by}`;
  if (snapshotEpoch === 0) {
    const fresh = `insert into ${marker} (epoch, run) values (0, ${by}), (${place}, ${by})`;
    return [assertion, `delete from ${marker}`, fresh];
  }
  return [
    assertion,
    `update ${marker} set epoch = case when epoch < 0 then epoch else ${to} end, run = ${by} where epoch < ${to}`,
    // Tables that were lost start again: everything is sent once more and the next delta applies.
    [
      `insert into ${marker} (epoch, run)`,
      `select ${to}, ${by} where not exists (select 1 from ${marker} where epoch >= 0)`,
      `union all select ${place}, ${by} where not exists (select 1 from ${marker} where epoch = ${place})`,
    ].join('\n'),
  ];
}

/** Six bytes of a hash, negative: no epoch is. */
function placeOf(home: string): string {
  return `-${Number.parseInt(fingerprintOf(home).slice(0, 12), 16) + 1}`;
}

/** After the failure set is loaded: the snapshot as of `snapshotEpoch`; then only dirty deltas are kept. */
export function forwardSql(plan: Plan): string[] {
  const { dirty, epoch, snapshotEpoch } = plan.request;
  const { delta, snapshot } = plan.tables;
  const kept = [...dirty, epoch].map(whole).join(', ');
  const clean = `delete from ${delta} where epoch not in (${kept})`;
  // Whatever its epoch: what a removed environment left counts further, and would be taken for a delta of ours one day.
  if (snapshotEpoch === 0) return [`delete from ${snapshot}`, clean];
  return [
    replacedSql(plan),
    deliveredSql(plan),
    perhapsHeldSql(plan),
    `${clean} and epoch < ${whole(epoch)}`,
  ];
}

/** True only for the one run that moved the marker. */
function moved(plan: Plan): string {
  const { epoch, snapshotEpoch } = plan.request;
  return `exists (select 1 from ${plan.tables.marker} where epoch = ${whole(snapshotEpoch)} and run = ${whole(epoch)})`;
}

/** Delta rows of the flipped epoch that are not in its failure set; a join, since not every correlation is supported. */
function settled(plan: Plan, names: readonly string[], more = ''): string {
  return [
    `select ${names.map((name) => `d.${name}`).join(', ')} from ${plan.tables.delta} as d`,
    `left join ${FAILED} as x on x.row_key = d.k`,
    `where d.epoch = ${whole(plan.request.snapshotEpoch)} and x.row_key is null${more}`,
    `and ${moved(plan)}`,
  ].join('\n');
}

const replacedSql = (plan: Plan): string =>
  `delete from ${plan.tables.snapshot} where k in (\n${settled(plan, ['k'])}\n)`;

function deliveredSql(plan: Plan): string {
  const names = ['k', 'f', ...MATCH_NAMES];
  const rows = settled(plan, names, " and d.o in ('a', 'c')");
  return `insert into ${plan.tables.snapshot} (${names.join(', ')})\n${rows}`;
}

/** A key that failed now and was perhaps held before: kept without a fingerprint, so that a removal can name it. */
function perhapsHeldSql(plan: Plan): string {
  const { delta, snapshot } = plan.tables;
  return [
    `insert into ${snapshot} (k, f, ${MATCH_NAMES.join(', ')})`,
    `select d.k, cast(null as varchar(64)), ${MATCH_NAMES.map((name) => `d.${name}`).join(', ')}`,
    `from ${delta} as d join ${FAILED} as x on x.row_key = d.k left join ${snapshot} as s on s.k = d.k`,
    `where d.epoch = ${whole(plan.request.snapshotEpoch)} and d.o in ('a', 'c', 'r', 'i') and x.applied = '1'`,
    `and s.k is null and ${moved(plan)}`,
  ].join('\n');
}

/** Keys that abandoned runs may have sent: the latest value of the match columns for each. */
export function dirtySql(plan: Plan): string {
  const names = ['k', ...MATCH_NAMES].join(', ');
  return [
    `create temp table ${DIRTY} as`,
    `select ${names} from (`,
    `select ${names}, row_number() over (partition by k order by epoch desc) as place`,
    `from ${plan.tables.delta} where ${attemptedSql(plan)}`,
    `) as numbered where place = 1`,
  ].join('\n');
}

/** Rows of the delta that abandoned runs may have sent. */
export function attemptedSql(plan: Plan): string {
  const epochs = plan.request.dirty.map(whole);
  return epochs.length === 0 ? '1 = 0' : `epoch in (${epochs.join(', ')}) and o in ('a', 'c', 'r')`;
}

/** An epoch as digits. */
export function whole(epoch: number): string {
  if (!Number.isSafeInteger(epoch) || epoch < 0) throw new RangeError('an epoch is a whole number');
  return String(epoch);
}
