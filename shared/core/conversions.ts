/**
 * Conversions of a field, compiled once per definition into one function from the stage's text to the value sent.
 *
 * Order: trim, then case, then one of lookup, hash, integer, decimal, boolean, date, datetime, json or text with
 * maxLength. Without any, the column's kind decides (a number stays a number, SUPER becomes JSON). Nothing here
 * throws for a value, and nothing is allocated for a refusal.
 */
import { hash } from 'node:crypto';
import type { ColumnKind } from './column-kinds.ts';
import { dateWriter, instantOf, instantWriter, isoOfColumn } from './date-times.ts';
import { parseExactJson } from './exact-json.ts';
import {
  digitsOf,
  isPlainDecimal,
  isWhole,
  jsonOfDigits,
  numberValue,
  rounded,
  smallInteger,
} from './exact-numbers.ts';
import type { Value } from './row.ts';
import { type Refusal, type Refuse, ROW_CODES, type RowCode } from './row-codes.ts';
import type { Conversion } from './sync.ts';
import { cutAt, textFlaw } from './text-values.ts';

/** From a text that is not null to the value, to null (a JSON null), or to a refusal. */
export type Convert = (text: string) => Value | Refusal;

/**
 * Takes what a field asks for and what its text is; gives its function. `refuse` makes the field's refusals.
 * The conversion has passed `sync-rules.ts`: contradictions are not looked for again.
 */
export function compileConversion(as: Conversion | undefined, kind: ColumnKind, refuse: Refuse): Convert {
  if (as === undefined) return byKind(kind, refuse);
  const prepare = preparation(as);
  const convert = asked(as, refuse) ?? (wantsText(as) ? text(as, refuse) : byKind(kind, refuse));
  return prepare === undefined ? convert : (value) => convert(prepare(value));
}

const wantsText = (as: Conversion): boolean =>
  as.string === true || as.maxLength !== undefined || preparation(as) !== undefined;

function asked(as: Conversion, refuse: Refuse): Convert | undefined {
  if (as.lookup !== undefined) return lookup(as.lookup, as.default, refuse);
  if (as.hash !== undefined) return sha256(refuse);
  if (as.integer) return integer(refuse);
  if (as.decimal !== undefined) return decimal(as.decimal, as.rounding ?? 'half_up', refuse);
  if (as.boolean) return boolean(refuse);
  if (as.date !== undefined) return date(as.date, as.timezone ?? 'UTC', refuse);
  if (as.datetime !== undefined) return datetime(as.datetime, as.timezone ?? 'UTC', refuse);
  return as.json ? json(refuse) : undefined;
}

/** What happens to the text before anything else; undefined when nothing does. */
function preparation(as: Conversion): ((text: string) => string) | undefined {
  if (as.lowercase) return as.trim ? (value) => value.trim().toLowerCase() : (value) => value.toLowerCase();
  if (as.uppercase) return as.trim ? (value) => value.trim().toUpperCase() : (value) => value.toUpperCase();
  return as.trim ? (value) => value.trim() : undefined;
}

function byKind(kind: ColumnKind, refuse: Refuse): Convert {
  switch (kind) {
    case 'exact':
      return exact(refuse);
    case 'float':
      return float(refuse);
    case 'boolean':
      return boolean(refuse);
    case 'timestamp':
      return timestamp(false, refuse);
    case 'timestamptz':
      return timestamp(true, refuse);
    case 'json':
      return json(refuse);
    case 'text':
      return plainText(refuse);
  }
}

/** The refusals of a set of codes, made now so that no row makes one. */
function refusals<Code extends RowCode>(refuse: Refuse, ...codes: readonly Code[]): Record<Code, Refusal> {
  return Object.fromEntries(codes.map((code) => [code, refuse(code)])) as Record<Code, Refusal>;
}

function plainText(refuse: Refuse): Convert {
  const flaws = refusals(refuse, 'text_has_nul', 'text_not_unicode');
  return (value) => {
    const flaw = textFlaw(value);
    return flaw === undefined ? value : flaws[flaw];
  };
}

function text(as: Conversion, refuse: Refuse): Convert {
  const plain = plainText(refuse);
  const { maxLength } = as;
  if (maxLength === undefined) return plain;
  const tooLong = refuse('text_too_long', `: maxLength is ${maxLength}`);
  const truncates = as.whenTooLong === 'truncate';
  return (value) => {
    const cut = cutAt(value, maxLength);
    if (cut === undefined) return plain(value);
    return truncates ? plain(cut) : tooLong;
  };
}

function lookup(table: NonNullable<Conversion['lookup']>, miss: Value | undefined, refuse: Refuse): Convert {
  const values = new Map<string, Value>(Object.entries(table));
  const missed = miss ?? refuse('lookup_missed');
  return (value) => values.get(value) ?? missed;
}

function sha256(refuse: Refuse): Convert {
  const flaws = refusals(refuse, 'text_has_nul', 'text_not_unicode');
  return (value) => {
    const flaw = textFlaw(value);
    return flaw === undefined ? hash('sha256', value, 'hex') : flaws[flaw];
  };
}

const NUMBER_CODES = ['not_finite', 'not_a_number', 'number_too_long', 'not_an_integer'] as const;

function exact(refuse: Refuse): Convert {
  const flaws = refusals(refuse, ...NUMBER_CODES);
  return (value) => {
    const small = smallInteger(value);
    if (small !== undefined) return small;
    if (isPlainDecimal(value)) return JSON.rawJSON(value);
    const digits = digitsOf(value);
    return typeof digits === 'string' ? flaws[digits] : numberValue(jsonOfDigits(digits));
  };
}

function integer(refuse: Refuse): Convert {
  const flaws = refusals(refuse, ...NUMBER_CODES);
  return (value) => {
    const small = smallInteger(value);
    if (small !== undefined) return small;
    const digits = digitsOf(value);
    if (typeof digits === 'string') return flaws[digits];
    return isWhole(digits) ? numberValue(jsonOfDigits({ ...digits, fraction: '' })) : flaws.not_an_integer;
  };
}

function decimal(scale: number, rounding: 'half_up' | 'half_even', refuse: Refuse): Convert {
  const flaws = refusals(refuse, ...NUMBER_CODES);
  return (value) => {
    const digits = digitsOf(value);
    return typeof digits === 'string' ? flaws[digits] : JSON.rawJSON(rounded(digits, scale, rounding));
  };
}

/** A float8 is a JS number already: reading its text gives the same bits back. */
function float(refuse: Refuse): Convert {
  const flaws = refusals(refuse, ...NUMBER_CODES);
  return (value) => {
    const digits = digitsOf(value);
    if (typeof digits === 'string') return flaws[digits];
    const number = Number(value);
    return Number.isFinite(number) ? number + 0 : flaws.not_finite;
  };
}

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...['true', 't', 'yes', 'y', 'on', '1'].map((word) => [word, true] as const),
  ...['false', 'f', 'no', 'n', 'off', '0'].map((word) => [word, false] as const),
]);

function boolean(refuse: Refuse): Convert {
  const flaw = refuse('not_a_boolean');
  return (value) => BOOLEANS.get(value) ?? BOOLEANS.get(value.toLowerCase()) ?? flaw;
}

function timestamp(zoned: boolean, refuse: Refuse): Convert {
  const flaw = refuse('not_a_datetime');
  return (value) => isoOfColumn(value, zoned) ?? flaw;
}

function datetime(format: string, timezone: string, refuse: Refuse): Convert {
  const flaw = refuse('not_a_datetime');
  const write = instantWriter(format, timezone);
  const isPlain = format === 'ISO' && timezone === 'UTC';
  return (value) => {
    const plain = isPlain ? isoOfColumn(value, true) : undefined;
    if (plain !== undefined) return plain;
    const instant = instantOf(value);
    return instant === undefined ? flaw : write(instant);
  };
}

/** No offset, or none but zero: the day that is written is the day in UTC. */
const OWN_DAY = /^\d{4}-\d\d-\d\d(?:$|[ T][\d:.]*(?:Z|[+-]00(?::?00)?)?$)/;

function date(format: string, timezone: string, refuse: Refuse): Convert {
  const flaw = refuse('not_a_date');
  const write = dateWriter(format, timezone);
  const isPlain = format === 'ISO' && timezone === 'UTC';
  return (value) => {
    const instant = instantOf(value);
    if (instant === undefined) return flaw;
    return isPlain && OWN_DAY.test(value) ? value.slice(0, 10) : write(instant);
  };
}

function json(refuse: Refuse): Convert {
  const flaws = refusals(refuse, ...(Object.keys(ROW_CODES) as RowCode[]));
  return (value) => {
    const parsed = parseExactJson(value);
    return parsed.ok ? parsed.value : flaws[parsed.code];
  };
}
