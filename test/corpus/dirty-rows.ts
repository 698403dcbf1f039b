/**
 * Dirty values, by the rule of what becomes of them: refused with a code, or sent exactly as told. Data only; the
 * test beside it sends each between two good rows through the loader.
 */
import type { RowCode } from '../../shared/core/row-codes.ts';

export type Case = readonly [text: string | null, sent: string];

export type Dirt = {
  /** The rule, as a sentence. */
  readonly rule: string;
  /** The column's type in the warehouse. */
  readonly type: string;
  readonly as?: Readonly<Record<string, unknown>>;
  readonly template?: string;
  /** A value of the same column that nothing is wrong with, and what is sent for it. */
  readonly good: Case;
  /** Each of these is refused with this code ... */
  readonly code?: RowCode;
  readonly refused?: readonly (string | null)[];
  /** ... and each of these is sent, as this JSON. */
  readonly sent?: readonly Case[];
};

/** Parts of a rule beside its sentence and its cases. */
type Field = Omit<Dirt, 'rule' | 'code' | 'refused' | 'sent'>;

const refused = (rule: string, code: RowCode, field: Field, texts: readonly (string | null)[]): Dirt => ({
  rule,
  code,
  refused: texts,
  ...field,
});
const sent = (rule: string, field: Field, cases: readonly Case[]): Dirt => ({ rule, sent: cases, ...field });

const TEXT: Field = { type: 'varchar', good: ['ann', '"ann"'] };
const text = (as: Record<string, unknown>): Field => ({ ...TEXT, as });
const INT8: Field = { type: 'int8', good: ['1', '1'] };
const NUMERIC: Field = { type: 'numeric', good: ['1.50', '1.50'] };
const FLOAT: Field = { type: 'float8', good: ['0.5', '0.5'] };
const BOOL: Field = { type: 'bool', good: ['true', 'true'] };
const TIMESTAMP: Field = { type: 'timestamp', good: ['2024-02-29 13:45:00', '"2024-02-29T13:45:00"'] };
const ZONED: Field = { type: 'timestamptz', good: ['2024-02-29 13:45:00+00', '"2024-02-29T13:45:00Z"'] };
const DATE: Field = { type: 'varchar', as: { date: 'ISO' }, good: ['2024-02-29', '"2024-02-29"'] };
const INSTANT: Field = {
  ...{ type: 'varchar', as: { datetime: 'ISO', timezone: 'Europe/Paris' } },
  good: ['2024-07-01 12:00:00', '"2024-07-01T14:00:00+02:00"'],
};
const SUPER: Field = { type: 'super', good: ['{"a":1}', '{"a":1}'] };
const INTEGER: Field = { type: 'varchar', as: { integer: true }, good: ['7', '7'] };
const DECIMAL: Field = { type: 'varchar', as: { decimal: 2 }, good: ['7', '7.00'] };
const TIER: Field = {
  ...{ type: 'varchar', as: { lookup: { gold: 1, silver: 2 } } },
  good: ['gold', '1'],
};
const HELLO: Field = { type: 'varchar', template: 'Hello {{ v }}', good: ['ann', '"Hello ann"'] };
const LOOP: Field = {
  ...{ type: 'int8', template: '{% for i in (1..v) %}0123456789{% endfor %}' },
  good: ['1', '"0123456789"'],
};
const nested = (levels: number, open = '[', close = ']'): string =>
  open.repeat(levels) + close.repeat(levels);

export const DIRTY_VALUES: readonly Dirt[] = [
  // Text
  refused('a NUL is in no text', 'text_has_nul', TEXT, ['a\0b', '\0', 'end\0', '\0\0\0']),
  refused('a NUL is not trimmed away', 'text_has_nul', text({ trim: true, lowercase: true }), [
    '\0a',
    ' \0 ',
    'A\0',
  ]),
  refused('half of a surrogate pair: the high one', 'text_not_unicode', TEXT, [
    'x\ud83d',
    '\ud83d',
    '\ud83dx',
    '\ud83d\ud83d\ude00',
  ]),
  refused('half of a surrogate pair: the low one', 'text_not_unicode', TEXT, [
    '\ude00',
    'x\ude00y',
    '\ude00\ud83d',
  ]),
  sent('control characters are text', TEXT, [
    ['\u0001', '"\\u0001"'],
    ['tab\there', '"tab\\there"'],
    ['\u001b[31mred', '"\\u001b[31mred"'],
    ['\u007f', '"\u007f"'],
  ]),
  sent('line breaks are text, of every kind', TEXT, [
    ['a\nb', '"a\\nb"'],
    ['a\r\nb', '"a\\r\\nb"'],
    ['a\u2028b', '"a\u2028b"'],
  ]),
  sent('what cannot be seen is kept', TEXT, [
    ['\u200b', '"\u200b"'],
    ['\u202egnp.exe', '"\u202egnp.exe"'],
    ['\ufeffbom', '"\ufeffbom"'],
  ]),
  sent('nothing is normalised', TEXT, [
    ['e\u0301', '"e\u0301"'],
    ['\u00e9', '"\u00e9"'],
    ['\ufb01', '"\ufb01"'],
  ]),
  sent('empty and blank text are text, not null', TEXT, [
    ['', '""'],
    [' ', '" "'],
    ['\u00a0', '"\u00a0"'],
  ]),
  sent('null is null, and the word null is a word', TEXT, [
    [null, 'null'],
    ['null', '"null"'],
    ['NULL', '"NULL"'],
    ['undefined', '"undefined"'],
  ]),
  sent('formulas, markup and SQL are text: nobody evaluates them', TEXT, [
    ['=cmd|"/c calc"!A1', '"=cmd|\\"/c calc\\"!A1"'],
    ['<script>alert(1)</script>', '"<script>alert(1)</script>"'],
    ["'; drop table x; --", '"\'; drop table x; --"'],
    ['../../etc/passwd', '"../../etc/passwd"'],
  ]),
  sent('numbers in text columns keep their form', TEXT, [
    ['007', '"007"'],
    ['1.0', '"1.0"'],
    ['1e5', '"1e5"'],
  ]),
  refused('longer than maxLength, counted in code points', 'text_too_long', { ...text({ maxLength: 3 }) }, [
    'abcd',
    '😀😀😀😀',
    'éééé',
  ]),
  sent('as long as maxLength, however many bytes', text({ maxLength: 3 }), [
    ['😀😀😀', '"😀😀😀"'],
    ['漢字仮', '"漢字仮"'],
    ['', '""'],
  ]),
  sent('truncating halves no character', text({ maxLength: 3, whenTooLong: 'truncate' }), [
    ['ab😀d', '"ab😀"'],
    ['😀😀😀😀', '"😀😀😀"'],
    ['abcd', '"abc"'],
  ]),
  sent('trim takes every kind of space, inside it stays', text({ trim: true }), [
    ['\u00a0 a b \u2003', '"a b"'],
    ['\t\n', '""'],
    ['\ufeffa', '"a"'],
  ]),
  sent('case is Unicode’s, without a locale', text({ lowercase: true }), [
    ['ÀÉ', '"àé"'],
    ['İ', '"i̇"'],
    ['ΑΣ', '"ας"'],
  ]),
  sent(
    'a hash takes what was prepared, whatever it is',
    {
      ...text({ trim: true, hash: 'sha256' }),
      good: ['a', '"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"'],
    },
    [
      ['', '"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"'],
      ['  ', '"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"'],
      [null, 'null'],
    ],
  ),
  // Whole numbers
  sent('integers beyond 2^53 are exact', INT8, [
    ['9007199254740993', '9007199254740993'],
    ['-9223372036854775808', '-9223372036854775808'],
    ['9223372036854775807', '9223372036854775807'],
  ]),
  sent('integers beyond 64 bits are exact', INTEGER, [
    ['18446744073709551616', '18446744073709551616'],
    ['-123456789012345678901234567890', '-123456789012345678901234567890'],
    ['12.000', '12'],
  ]),
  refused('what is no number in a column of numbers', 'not_a_number', INT8, ['x', '', '12 apples']),
  refused('an integer never rounds', 'not_an_integer', INTEGER, ['12.5', '0.1', '-1.0000001', '1e-1']),
  refused('padded, grouped and foreign digits are no number', 'not_a_number', INTEGER, [
    ' 12',
    '12 ',
    '1,000',
    '1_000',
    '٣',
    '１２',
  ]),
  refused('other notations are no number', 'not_a_number', INTEGER, ['0x10', '1/2', '1e', '--1', 'NaN1']),
  refused('digits without end', 'number_too_long', INTEGER, ['1e999999', '9'.repeat(401), '1e-999']),
  // Decimals and floats
  sent('numeric keeps every digit and place', NUMERIC, [
    ['99999999999999999999999999.9999999999', '99999999999999999999999999.9999999999'],
    ['12.50', '12.50'],
    ['-0.10', '-0.10'],
  ]),
  sent('minus nothing is nothing', NUMERIC, [
    ['-0', '0'],
    ['-0.00', '0.00'],
    ['-0e5', '0'],
  ]),
  sent('a tie is rounded away from zero, exactly', DECIMAL, [
    ['1.005', '1.01'],
    ['-1.005', '-1.01'],
    ['0.994999999999999999999', '0.99'],
  ]),
  refused('a comma is no point', 'not_a_number', DECIMAL, ['1,5', '1.000,50', '1’000']),
  refused('money is no number', 'not_a_number', DECIMAL, ['$5', '5 EUR', '5%', '(5)']),
  refused('not finite', 'not_finite', FLOAT, ['NaN', 'Infinity', '-inf', 'nan']),
  refused('not finite, as a decimal', 'not_finite', DECIMAL, ['NaN', '-Infinity', 'inf']),
  sent('exponents are written out or kept, exact', FLOAT, [
    ['1e+20', '100000000000000000000'],
    ['-2.5', '-2.5'],
    ['0.1', '0.1'],
  ]),
  // Booleans
  refused('neither true nor false', 'not_a_boolean', BOOL, ['2', 'maybe', '', 'yess']),
  refused(
    'neither true nor false in a text',
    'not_a_boolean',
    { ...text({ boolean: true }), good: ['yes', 'true'] },
    ['-1', 'wahr', '☑', 'null'],
  ),
  sent('the usual words', { ...text({ boolean: true }), good: ['1', 'true'] }, [
    ['YES', 'true'],
    ['off', 'false'],
    ['F', 'false'],
  ]),
  // Dates and times
  refused('days that no calendar has', 'not_a_date', DATE, [
    '2023-02-29',
    '2024-04-31',
    '2024-13-01',
    '2024-00-10',
    '0000-01-01',
  ]),
  refused('dates in other orders', 'not_a_date', DATE, ['29/02/2024', '02-29-2024', '20240229', '2024-2-9']),
  refused('words are no date', 'not_a_date', DATE, ['yesterday', '', 'infinity', '1709164800']),
  refused('times that no clock has', 'not_a_datetime', INSTANT, [
    '2024-01-01 24:00:00',
    '2024-01-01 12:60:00',
    '2024-01-01 12:00:61',
  ]),
  refused('zones by name, and offsets that are none', 'not_a_datetime', INSTANT, [
    '2024-01-01 12:00:00 Europe/Paris',
    '2024-01-01 12:00:00 PST',
    '2024-01-01 12:00:00+2',
  ]),
  refused('a timestamp column holds a timestamp', 'not_a_datetime', TIMESTAMP, [
    'infinity',
    '-infinity',
    '2024-02-29',
    '12:00:00',
  ]),
  sent('microseconds are kept', TIMESTAMP, [
    ['2024-02-29 13:45:00.123456', '"2024-02-29T13:45:00.123456"'],
    ['2024-02-29 13:45:00.100000', '"2024-02-29T13:45:00.1"'],
    ['0001-01-01 00:00:00.000001', '"0001-01-01T00:00:00.000001"'],
  ]),
  sent('odd offsets are reckoned', ZONED, [
    ['2024-02-29 23:45:00-05:30', '"2024-03-01T05:15:00Z"'],
    ['2024-03-01 00:00:00+14', '"2024-02-29T10:00:00Z"'],
    ['9999-12-31 23:59:59.999999+00', '"9999-12-31T23:59:59.999999Z"'],
  ]),
  sent('hours that a zone skips or has twice', INSTANT, [
    ['2024-03-31 00:59:59', '"2024-03-31T01:59:59+01:00"'],
    ['2024-03-31 01:00:00', '"2024-03-31T03:00:00+02:00"'],
    ['2024-10-27 00:30:00', '"2024-10-27T02:30:00+02:00"'],
    ['2024-10-27 01:30:00', '"2024-10-27T02:30:00+01:00"'],
  ]),
  // SUPER and JSON
  refused('torn JSON', 'not_json', SUPER, ['{"a":', '[1,2', '"open', '']),
  refused('what only looks like JSON', 'not_json', SUPER, ["{'a':1}", '[1,]', '{a:1}', 'NaN', 'True']),
  refused('nested too deeply', 'json_too_deep', SUPER, [
    nested(33),
    nested(20_000),
    nested(40, '{"a":', '}').replace(':}', ':1}'),
  ]),
  refused('a member named __proto__', 'json_name_forbidden', SUPER, [
    '{"__proto__":{"x":1}}',
    '[{"a":{"__proto__":1}}]',
    '{"\\u005f_proto__":1}',
  ]),
  refused('a NUL within JSON', 'text_has_nul', SUPER, ['{"a":"\\u0000"}', '["x\\u0000y"]', '{"\\u0000":1}']),
  refused('half a surrogate pair within JSON', 'text_not_unicode', SUPER, [
    '{"a":"\\ud800"}',
    '["\\ude00"]',
    '{"\\udc00":1}',
  ]),
  sent('digits within JSON are exact', SUPER, [
    ['[1.50,12345678901234567890]', '[1.50,12345678901234567890]'],
    ['{"a":1e400}', '{"a":1e400}'],
    ['-0.10', '-0.10'],
  ]),
  sent('nested values of every kind', SUPER, [
    ['{"a":[{"b":null},[],{}],"c":"é"}', '{"a":[{"b":null},[],{}],"c":"é"}'],
    ['{"constructor":1,"toString":2}', '{"constructor":1,"toString":2}'],
    [nested(32), nested(32)],
    ['null', 'null'],
  ]),
  // Lookups
  refused('not in the lookup table', 'lookup_missed', TIER, ['bronze', '', 'Gold', 'gold ']),
  refused('names that every object has are not in a lookup table', 'lookup_missed', TIER, [
    'toString',
    'constructor',
    '__proto__',
    'hasOwnProperty',
  ]),
  // Templates
  sent('a value is never read as a template', HELLO, [
    ['{{ 7 | times: 7 }}', '"Hello {{ 7 | times: 7 }}"'],
    ['{% assign x = 1 %}', '"Hello {% assign x = 1 %}"'],
    ['{{ v }}', '"Hello {{ v }}"'],
    [null, '"Hello "'],
  ]),
  refused('a template’s text obeys the rules of text', 'text_has_nul', HELLO, ['\0', 'a\0', '\0b']),
  refused('a template that does not end in time', 'template_failed', LOOP, [
    '9999999',
    '100000000',
    '2147483647',
  ]),
  refused('a template’s text without end', 'template_output_too_long', LOOP, ['6600', '7000', '9000']),
];
