/** Rules within one field's `as`: conversions that fit each other, zones and formats that exist, defaults that fit. */
import { formatFlaw } from './date-times.ts';
import { type DefinitionCode, definitionFault, pathText, shown } from './definition-codes.ts';
import type { DefinitionFault } from './fault.ts';
import { constantValue } from './mapping.ts';
import { Refusal } from './row-codes.ts';
import { isTimezone } from './schedule.ts';
import type { Conversion, Field } from './sync.ts';
import type { Draft } from './sync-draft.ts';

export function conversionFaults({ fields }: Draft): readonly DefinitionFault[] {
  return fields.flatMap((field, index) => {
    if (field?.as === undefined) return [];
    const at: At = (name, code, message, remedy) =>
      definitionFault(
        pathText(['fields', index, 'as', ...(name === '' ? [] : [name])]),
        code,
        message,
        remedy,
      );
    const faults = RULES.flatMap((rule) => rule(field.as ?? {}, at));
    return faults.length > 0 ? faults : constantFaults(field, index, at);
  });
}

type At = (name: string, code: DefinitionCode, message: string, remedy: string) => DefinitionFault;
type Rule = (as: Conversion, at: At) => readonly DefinitionFault[];

/** What a field becomes: one of these at most. */
const KINDS = [
  'string',
  'integer',
  'decimal',
  'boolean',
  'date',
  'datetime',
  'json',
  'lookup',
  'hash',
] as const;
const CASES = ['lowercase', 'uppercase'] as const;
/** Kinds that keep a text, whose case and length mean something. */
const CASED = ['string', 'lookup', 'hash'];

const RULES: readonly Rule[] = [
  kindRule,
  caseRule,
  lengthRule,
  belongingRule,
  zoneRule,
  formatRule,
  lookupRule,
  defaultRule,
];

const kindsOf = (as: Conversion): readonly (typeof KINDS)[number][] =>
  KINDS.filter((kind) => as[kind] !== undefined);

function kindRule(as: Conversion, at: At): readonly DefinitionFault[] {
  const [first, second] = kindsOf(as);
  if (second === undefined) return [];
  const message = `${first} and ${second} are both asked for, and a field becomes one thing`;
  return [at(second, 'conversions_contradict', message, `keep ${first} or ${second}`)];
}

function caseRule(as: Conversion, at: At): readonly DefinitionFault[] {
  if (as.lowercase && as.uppercase) {
    const message = 'lowercase and uppercase are both asked for';
    return [at('uppercase', 'conversions_contradict', message, 'keep one of the two')];
  }
  const [kind] = kindsOf(as);
  if (kind === undefined || CASED.includes(kind)) return [];
  return CASES.filter((name) => as[name]).map((name) => {
    const message = `${name} is asked for, and ${kind} makes no text whose case could change`;
    return at(name, 'conversions_contradict', message, `leave ${name} out`);
  });
}

function lengthRule(as: Conversion, at: At): readonly DefinitionFault[] {
  const kind = kindsOf(as).find((each) => each !== 'string');
  if (as.maxLength !== undefined && kind !== undefined) {
    const message = `maxLength is asked for, and what ${kind} gives is not cut`;
    return [at('maxLength', 'conversions_contradict', message, 'leave maxLength out')];
  }
  if (as.whenTooLong === undefined || as.maxLength !== undefined) return [];
  const message = `whenTooLong says ${as.whenTooLong}, and there is no maxLength`;
  return [
    at('whenTooLong', 'when_too_long_without_max_length', message, 'add maxLength, or leave whenTooLong out'),
  ];
}

function belongingRule(as: Conversion, at: At): readonly DefinitionFault[] {
  const faults: DefinitionFault[] = [];
  if (as.rounding !== undefined && as.decimal === undefined) {
    const message = `rounding says ${as.rounding}, and nothing is rounded without decimal`;
    faults.push(at('rounding', 'rounding_without_decimal', message, 'add decimal, or leave rounding out'));
  }
  if (as.timezone !== undefined && as.datetime === undefined && as.date === undefined) {
    const message = `timezone says ${shown(as.timezone)}, and there is no datetime or date to write in it`;
    faults.push(
      at('timezone', 'timezone_without_datetime', message, 'add datetime: ISO, or leave timezone out'),
    );
  }
  return faults;
}

function zoneRule({ timezone }: Conversion, at: At): readonly DefinitionFault[] {
  if (timezone === undefined || isTimezone(timezone)) return [];
  const message = `${shown(timezone)} is not a time zone of the IANA database`;
  return [
    at('timezone', 'timezone_unknown', message, 'write a name such as UTC, Europe/Paris or America/New_York'),
  ];
}

const DATE_REMEDY = 'write ISO, or Luxon tokens such as yyyy-MM-dd (small y and d, capital M)';
const DATETIME_REMEDY = `${DATE_REMEDY.replace('yyyy-MM-dd', 'yyyy-MM-dd HH:mm')}, epoch_seconds or epoch_millis`;

function formatRule({ date, datetime }: Conversion, at: At): readonly DefinitionFault[] {
  const faults: DefinitionFault[] = [];
  const dateFlaw = date === undefined || date === 'ISO' ? undefined : formatFlaw(date);
  if (dateFlaw !== undefined) {
    faults.push(at('date', 'date_format_unknown', `the format ${shown(date)} ${dateFlaw}`, DATE_REMEDY));
  }
  const isNamed = datetime === undefined || ['ISO', 'epoch_seconds', 'epoch_millis'].includes(datetime);
  const flaw = isNamed ? undefined : formatFlaw(datetime);
  if (flaw !== undefined) {
    faults.push(
      at('datetime', 'datetime_format_unknown', `the format ${shown(datetime)} ${flaw}`, DATETIME_REMEDY),
    );
  }
  return faults;
}

function lookupRule(as: Conversion, at: At): readonly DefinitionFault[] {
  if (as.lookup === undefined) return [];
  const keys = Object.keys(as.lookup);
  if (keys.length === 0)
    return [
      at('lookup', 'lookup_empty', 'the lookup table has no entries', 'add entries, or leave lookup out'),
    ];
  const lost = keys.find((key) => preparedKey(as, key) !== key);
  if (lost === undefined) return [];
  const seen = preparedKey(as, lost);
  const message = `no text equals the key ${shown(lost)} after the field’s own trim and case`;
  return [at('lookup', 'lookup_key_unreachable', message, `write ${shown(seen)} as the key`)];
}

function preparedKey(as: Conversion, key: string): string {
  const trimmed = as.trim ? key.trim() : key;
  if (as.lowercase) return trimmed.toLowerCase();
  return as.uppercase ? trimmed.toUpperCase() : trimmed;
}

function defaultRule(as: Conversion, at: At): readonly DefinitionFault[] {
  const { default: fallback } = as;
  if (fallback === undefined) return [];
  const wrong = defaultFlaw(as, fallback);
  if (wrong === undefined) return [];
  const message = `the default is ${shown(fallback)}, and ${wrong}`;
  return [
    at(
      'default',
      'default_contradicts',
      message,
      'write a default of the same kind as the field’s other values',
    ),
  ];
}

function defaultFlaw(as: Conversion, fallback: string | number | boolean): string | undefined {
  if (as.boolean) return typeof fallback === 'boolean' ? undefined : 'the field is true or false';
  if (as.integer || as.decimal !== undefined) {
    if (typeof fallback === 'boolean') return 'the field is a number';
    const field = { to: 'default', value: String(fallback), as: numberPart(as) };
    return constantValue(field, (code) => new Refusal(code, 'default')) instanceof Refusal
      ? `the field is ${as.integer ? 'a whole number' : 'a decimal number'}`
      : undefined;
  }
  const isText = as.string || as.maxLength !== undefined || as.hash !== undefined || as.date !== undefined;
  if (isText && typeof fallback !== 'string') return 'the field is text';
  if (as.maxLength === undefined || typeof fallback !== 'string') return undefined;
  return Array.from(fallback).length > as.maxLength ? `maxLength is ${as.maxLength}` : undefined;
}

const numberPart = (as: Conversion): Conversion =>
  as.decimal === undefined ? { integer: true } : { decimal: as.decimal };

function constantFaults(field: Field, index: number, at: At): readonly DefinitionFault[] {
  if (!('value' in field)) return [];
  if (field.as?.default !== undefined) {
    const message = `the field is the constant ${shown(field.value)}, which is never null`;
    return [at('default', 'constant_with_default', message, 'leave the default out')];
  }
  const value = constantValue(field, (code) => new Refusal(code, field.to));
  if (!(value instanceof Refusal)) return [];
  const message = `the constant ${shown(field.value)} does not fit its own conversion: ${value.reason}`;
  const remedy = 'write a constant that fits, or leave as out';
  return [definitionFault(`fields[${index}].value`, 'constant_not_convertible', message, remedy)];
}
