/**
 * Cron fields as sets of numbers, in the two dialects that meet here: the five fields that definitions use
 * (weekdays 0-7 from Sunday, `*` for any) and the six of EventBridge (weekdays 1-7 from Sunday, `?`, a year,
 * `0/15` for "from 0 in steps of 15"). Sets written out as lists mean the same in both, so nothing else of
 * either dialect has to be translated.
 */

export type CronUnit = {
  readonly name: 'minute' | 'hour' | 'day of month' | 'month' | 'day of week' | 'year';
  readonly from: number;
  readonly to: number;
  readonly names?: readonly string[];
};

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

export const MINUTE: CronUnit = { name: 'minute', from: 0, to: 59 };
export const HOUR: CronUnit = { name: 'hour', from: 0, to: 23 };
export const DAY: CronUnit = { name: 'day of month', from: 1, to: 31 };
export const MONTH: CronUnit = { name: 'month', from: 1, to: 12, names: MONTHS };
/** Unix: 0 and 7 are both Sunday. */
export const UNIX_WEEKDAY: CronUnit = { name: 'day of week', from: 0, to: 7, names: WEEKDAYS };
/** EventBridge: 1 is Sunday. */
export const AWS_WEEKDAY: CronUnit = { name: 'day of week', from: 1, to: 7, names: WEEKDAYS };
export const YEAR: CronUnit = { name: 'year', from: 1970, to: 2199 };

/** Ascending numbers, or a sentence that says what is wrong with the field. */
export type CronValues =
  | { readonly ok: true; readonly values: readonly number[]; readonly any: boolean }
  | { readonly ok: false; readonly why: string };

/** Reads one field: `*`, `?` where the caller allows it, numbers, names, ranges, steps, lists of those. */
export function cronValues(text: string, unit: CronUnit): CronValues {
  const values = new Set<number>();
  for (const part of text.split(',')) {
    const range = rangeOf(part, unit);
    if (typeof range === 'string') return { ok: false, why: range };
    for (let value = range.from; value <= range.to; value += range.step) values.add(value);
  }
  const sorted = [...values].sort((a, b) => a - b);
  return { ok: true, values: sorted, any: sorted.length === unit.to - unit.from + 1 };
}

/** The shortest list for a set: `*` for all, `a-b` for runs of three and more. */
export function cronText(values: readonly number[], any: boolean): string {
  if (any) return '*';
  const parts: string[] = [];
  for (let start = 0; start < values.length; ) {
    let end = start;
    while (values[end + 1] === (values[end] ?? 0) + 1) end += 1;
    if (end - start >= 2) parts.push(`${values[start]}-${values[end]}`);
    else parts.push(...values.slice(start, end + 1).map(String));
    start = end + 1;
  }
  return parts.join(',');
}

type Range = { readonly from: number; readonly to: number; readonly step: number };

function rangeOf(part: string, unit: CronUnit): Range | string {
  const [span = '', stepText, ...more] = part.split('/');
  if (more.length > 0 || span === '') return `"${part}" is not a number, a range or a step`;
  const step = stepText === undefined ? 1 : digitsOf(stepText);
  if (step === undefined || step < 1) return `"${part}" has a step that is not a positive number`;
  if (span === '*') return { from: unit.from, to: unit.to, step };
  const [fromText = '', toText, ...rest] = span.split('-');
  const from = numberOf(fromText, unit);
  // A single start with a step runs to the end: `5/15` is 5, 20, 35, 50.
  const end = stepText === undefined ? from : unit.to;
  const to = toText === undefined ? end : numberOf(toText, unit);
  if (from === undefined || to === undefined || rest.length > 0) {
    return `"${part}" is not a ${unit.name} from ${unit.from} to ${unit.to}`;
  }
  return from <= to ? { from, to, step } : `"${part}" runs backwards`;
}

function numberOf(text: string, unit: CronUnit): number | undefined {
  const named = unit.names?.indexOf(text.toLowerCase()) ?? -1;
  if (named >= 0) return named + (unit.name === 'month' || unit.from === 1 ? 1 : 0);
  const number = digitsOf(text);
  return number !== undefined && number >= unit.from && number <= unit.to ? number : undefined;
}

function digitsOf(text: string): number | undefined {
  return /^\d{1,4}$/.test(text) ? Number(text) : undefined;
}
