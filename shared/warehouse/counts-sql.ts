/**
 * The counts of an extraction, one row of text, and how it is read back.
 */
import { Fault } from '../core/fault.ts';
import type { ExtractionCounts } from '../core/stage.ts';
import { WORK } from './delta-sql.ts';
import type { Plan } from './plan.ts';
import { holdChecks } from './rows-sql.ts';
import { hiSql, TOTALS } from './seen-sql.ts';

/** One row; every column is text, because the Data API's numbers lose digits. */
export function countsSql(plan: Plan): string {
  const lines = (o: string): string => `coalesce(sum(case when o = '${o}' then 1 else 0 end), 0)`;
  const total = (column: string): string => `coalesce((select max(${column}) from ${TOTALS}), 0)`;
  const text = (value: string, name: string): string => `cast(${value} as varchar) as ${name}`;
  const columns = [
    text(total('w'), 'model_rows'),
    text('coalesce(sum(s), 0)', 'extracted'),
    text(`${total('w')} - coalesce(sum(w), 0)`, 'unchanged'),
    text(lines('a'), 'added'),
    text(lines('c'), 'changed'),
    text(lines('r'), 'removed'),
    text(lines('i'), 'invalid'),
    text('coalesce(sum(case when k is null then 1 else 0 end), 0)', 'null_keys'),
    text(lines('k'), 'carried'),
    plan.by === 'cursor'
      ? `to_char(${hiSql(plan)}, 'YYYY-MM-DD HH24:MI:SS.US') as hi`
      : 'cast(null as varchar(1)) as hi',
    ...holdChecks(plan).map((_, index) => text(total(`b${index}`), `check_${index}`)),
  ];
  return `select\n  ${columns.join(',\n  ')}\nfrom ${WORK}`;
}

/** Reads the row back. A `bug` Fault when a column is missing or is not a count, or when the lines do not add up. */
export function readCounts(
  row: Readonly<Record<string, string | null>>,
  checks: readonly string[],
): ExtractionCounts {
  const count = (name: string): number => {
    const text = row[name];
    if (typeof text !== 'string' || !/^\d{1,15}$/.test(text)) {
      throw new Fault('bug', 'bad_counts', `the extraction gave no count "${name}"`);
    }
    return Number(text);
  };
  const counts: ExtractionCounts = {
    modelRows: count('model_rows'),
    extracted: count('extracted'),
    unchanged: count('unchanged'),
    added: count('added'),
    changed: count('changed'),
    removed: count('removed'),
    invalid: count('invalid'),
    nullKeys: count('null_keys'),
    carried: count('carried'),
    hi: row.hi ?? null,
    checks: checks.map((name, index) => ({ name, rows: count(`check_${index}`) })),
  };
  if (counts.extracted !== counts.added + counts.changed + counts.removed + counts.invalid) {
    throw new Fault('bug', 'bad_counts', 'lines of the stage are not added + changed + removed + invalid');
  }
  return counts;
}
