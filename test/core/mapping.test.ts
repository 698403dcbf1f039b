/** From a line of the stage to a row: what each mode, column type and conversion makes of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acceptDefinition } from '../../shared/core/accept.ts';
import { compileMapping, type MappedLine } from '../../shared/core/mapping.ts';
import type { Column, StageLine } from '../../shared/core/stage.ts';
import { parseSync } from '../../shared/core/sync-rules.ts';
import { edited, KNOWN } from './good-definition.ts';

type Fields = readonly Record<string, unknown>[];

function mappingOf(changes: Record<string, unknown>, columns?: readonly Column[]) {
  const parsed = parseSync(edited(changes), KNOWN);
  assert.ok(parsed.ok, JSON.stringify(parsed.ok ? '' : parsed.faults));
  return compileMapping(acceptDefinition(parsed.sync, undefined), columns);
}

const line = (values: Record<string, string | null>, rest: Partial<StageLine> = {}): StageLine => ({
  k: 'K1',
  o: 'a',
  f: 'f',
  n: '0',
  x: '0',
  e: null,
  ...rest,
  ...values,
});

/** The JSON of the row's fields, `id` (which names the record) left out; or the code of an invalid row. */
function sent(
  as: unknown,
  text: string | null,
  type = 'varchar',
  more: Record<string, unknown> = {},
): string {
  const fields: Fields = [
    { to: 'id', from: 'id' },
    as === undefined ? { to: 'v', from: 'v' } : { to: 'v', from: 'v', as },
  ];
  const columns = [
    { name: 'id', type: 'varchar' },
    { name: 'v', type },
  ];
  const mapping = mappingOf({ fields, 'destination.matchOn': 'id', ...more }, columns);
  return shownValue(mapping.map(line({ c0: 'a', c1: text })));
}

function shownValue(mapped: MappedLine): string {
  if (mapped.is === 'invalid') return mapped.code;
  if (mapped.is === 'skipped') return 'skipped';
  const { id: _, ...rest } = mapped.row.fields;
  return JSON.stringify(rest);
}

const cases = (
  name: string,
  as: unknown,
  type: string,
  table: readonly (readonly [string | null, string])[],
) =>
  test(name, () => {
    for (const [text, expected] of table) {
      const json = /^[a-z]+_[a-z_]+$/.test(expected) ? expected : `{"v":${expected}}`;
      assert.equal(sent(as, text, type), json, `${type} ${text}`);
    }
  });

cases('int8 columns become JSON numbers, exact beyond 2^53', undefined, 'int8', [
  ['0', '0'],
  ['-7', '-7'],
  ['9007199254740991', '9007199254740991'],
  ['9007199254740993', '9007199254740993'],
  ['-9223372036854775808', '-9223372036854775808'],
  [null, 'null'],
  ['x', 'not_a_number'],
]);
cases('numeric columns keep every digit and place', undefined, 'numeric(38,10)', [
  ['12.50', '12.50'],
  ['-0.10', '-0.10'],
  ['0.00', '0.00'],
  ['-0.0', '0.0'],
  ['99999999999999999999999999.9999999999', '99999999999999999999999999.9999999999'],
  ['.5', '0.5'],
  ['007.10', '7.10'],
  ['1e3', '1000'],
]);
cases('float columns become JSON numbers; what JSON has no form for is invalid', undefined, 'float8', [
  ['0.1', '0.1'],
  ['1e+20', '100000000000000000000'],
  ['-2.5', '-2.5'],
  ['NaN', 'not_finite'],
  ['Infinity', 'not_finite'],
  ['-inf', 'not_finite'],
  ['1.7976931348623157e308', '1.7976931348623157e+308'],
]);
cases('a float as text is whatever the warehouse wrote', { string: true }, 'float8', [
  ['NaN', '"NaN"'],
  ['Infinity', '"Infinity"'],
]);
cases('bool columns become booleans', undefined, 'bool', [
  ['true', 'true'],
  ['false', 'false'],
  ['f', 'false'],
  ['2', 'not_a_boolean'],
]);
cases(
  'a timestamp without zone stays without, its microseconds kept',
  undefined,
  'timestamp without time zone',
  [
    ['2024-02-29 13:45:00', '"2024-02-29T13:45:00"'],
    ['2024-02-29 13:45:00.123456', '"2024-02-29T13:45:00.123456"'],
    ['2024-02-29 13:45:00.120000', '"2024-02-29T13:45:00.12"'],
    ['2023-02-29 13:45:00', 'not_a_datetime'],
    ['2024-13-01 00:00:00', 'not_a_datetime'],
    ['2024-01-01 24:00:00', 'not_a_datetime'],
    ['infinity', 'not_a_datetime'],
    ['2024-02-29', 'not_a_datetime'],
  ],
);
cases('a timestamptz ends in Z, whatever its offset was', undefined, 'timestamptz', [
  ['2024-02-29 13:45:00+00', '"2024-02-29T13:45:00Z"'],
  ['2024-02-29 13:45:00.5Z', '"2024-02-29T13:45:00.5Z"'],
  ['2024-02-29 13:45:00+00:00', '"2024-02-29T13:45:00Z"'],
  ['2024-03-01 00:45:00+02', '"2024-02-29T22:45:00Z"'],
  ['2024-02-29 23:45:00.000001-05:30', '"2024-03-01T05:15:00.000001Z"'],
]);
cases('SUPER becomes JSON, every digit kept', undefined, 'super', [
  [
    '{"a":[1.50,12345678901234567890,true,null],"b":"é"}',
    '{"a":[1.50,12345678901234567890,true,null],"b":"é"}',
  ],
  ['"text"', '"text"'],
  ['null', 'null'],
  ['{"a":', 'not_json'],
  ['{"__proto__":{"x":1}}', 'json_name_forbidden'],
  ['{"a":"\\u0000"}', 'text_has_nul'],
  ['{"a":"\\ud800"}', 'text_not_unicode'],
  [`${'['.repeat(33)}${']'.repeat(33)}`, 'json_too_deep'],
  [`${'['.repeat(20_000)}`, 'json_too_deep'],
]);
cases('text goes as it is, unless no destination could store it', undefined, 'varchar', [
  ['  ñandú 😀 ', '"  ñandú 😀 "'],
  ['', '""'],
  ['a\0b', 'text_has_nul'],
  ['half \ud83d', 'text_not_unicode'],
]);
cases('integer never rounds', { integer: true }, 'varchar', [
  ['12', '12'],
  ['12.000', '12'],
  ['-0', '0'],
  ['+5', '5'],
  ['1.2e1', '12'],
  ['123456789012345678901234567890', '123456789012345678901234567890'],
  ['12.5', 'not_an_integer'],
  ['twelve', 'not_a_number'],
  ['', 'not_a_number'],
  [' 12', 'not_a_number'],
  ['1e999999', 'number_too_long'],
]);
cases('decimal rounds a tie away from zero', { decimal: 2 }, 'numeric', [
  ['1', '1.00'],
  ['1.005', '1.01'],
  ['-1.005', '-1.01'],
  ['1.004999', '1.00'],
  ['0.995', '1.00'],
  ['-0.004', '0.00'],
  ['99999999999999999999.995', '100000000000000000000.00'],
]);
cases(
  'decimal rounds a tie to the even neighbour when asked',
  { decimal: 1, rounding: 'half_even' },
  'numeric',
  [
    ['0.25', '0.2'],
    ['0.35', '0.4'],
    ['-0.25', '-0.2'],
    ['0.2500001', '0.3'],
  ],
);
cases('boolean reads the usual words', { boolean: true }, 'varchar', [
  ['YES', 'true'],
  ['off', 'false'],
  ['1', 'true'],
  ['maybe', 'not_a_boolean'],
]);
cases('trim and case come first', { trim: true, lowercase: true }, 'varchar', [
  [' A@Example.COM\u00a0', '"a@example.com"'],
]);
cases('uppercase', { uppercase: true }, 'varchar', [['straße', '"STRASSE"']]);
cases('maxLength counts code points and rejects', { maxLength: 3 }, 'varchar', [
  ['abc', '"abc"'],
  ['😀😀😀', '"😀😀😀"'],
  ['abcd', 'text_too_long'],
  ['😀😀😀😀', 'text_too_long'],
]);
cases('or truncates', { maxLength: 3, whenTooLong: 'truncate' }, 'varchar', [
  ['abcd', '"abc"'],
  ['ab😀d', '"ab😀"'],
  ['😀😀😀😀', '"😀😀😀"'],
]);
cases('datetime writes ISO in a zone', { datetime: 'ISO', timezone: 'Europe/Paris' }, 'timestamp', [
  ['2024-07-01 12:00:00', '"2024-07-01T14:00:00+02:00"'],
  ['2024-01-01 23:30:00.123456', '"2024-01-02T00:30:00.123456+01:00"'],
  ['2024-07-01', '"2024-07-01T00:00:00+02:00"'],
  ['1890-01-01 00:00:00', '"1890-01-01T00:00:00Z"'],
]);
cases('datetime without a zone is UTC', { datetime: 'ISO' }, 'timestamptz', [
  ['2024-07-01 12:00:00.000000+00', '"2024-07-01T12:00:00Z"'],
  ['2024-07-01', '"2024-07-01T00:00:00Z"'],
  ['0099-03-01 00:00:00', '"0099-03-01T00:00:00Z"'],
]);
cases(
  'datetime in a Luxon format',
  { datetime: "dd MMM yyyy 'at' HH:mm", timezone: 'Asia/Tokyo' },
  'timestamp',
  [['2024-12-31 15:30:00', '"01 Jan 2025 at 00:30"']],
);
cases('datetime as seconds', { datetime: 'epoch_seconds' }, 'timestamp', [
  ['1970-01-02 00:00:01.999', '86401'],
]);
cases('datetime as milliseconds', { datetime: 'epoch_millis' }, 'timestamp', [
  ['1970-01-01 00:00:01.5', '1500'],
  ['1969-12-31 23:59:59.250', '-750'],
]);
cases(
  'date writes the day in the zone; a bare date is that day anywhere',
  { date: 'ISO', timezone: 'America/New_York' },
  'timestamptz',
  [
    ['2024-07-01 02:00:00Z', '"2024-06-30"'],
    ['2024-07-01', '"2024-07-01"'],
    ['yesterday', 'not_a_date'],
  ],
);
cases('date in a format', { date: 'dd.MM.yy' }, 'date', [['2024-07-01', '"01.07.24"']]);
cases('hash is sha-256 of the prepared text', { trim: true, lowercase: true, hash: 'sha256' }, 'varchar', [
  [' ABC ', '"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"'],
  [null, 'null'],
]);
cases('lookup sends what the table says', { lookup: { gold: 1, silver: 'two', '': false } }, 'varchar', [
  ['gold', '1'],
  ['silver', '"two"'],
  ['', 'false'],
  ['toString', 'lookup_missed'],
  [null, 'null'],
]);
cases('lookup misses take the default', { lookup: { gold: 1 }, default: 0 }, 'varchar', [
  ['lead', '0'],
  [null, '0'],
]);
cases('a default stands for null, in the form of the field', { decimal: 2, default: 0 }, 'numeric', [
  [null, '0.00'],
  ['1', '1.00'],
]);
cases('json reads text columns too', { json: true }, 'varchar', [['[1,2.0]', '[1,2.0]']]);

test('nulls are sent, or leave the field out', () => {
  assert.equal(sent(undefined, null), '{"v":null}');
  assert.equal(sent(undefined, null, 'varchar', { nulls: 'skip' }), '{}');
  assert.equal(sent({ default: 'none' }, null, 'varchar', { nulls: 'skip' }), '{"v":"none"}');
  assert.equal(sent(undefined, 'null', 'super', { nulls: 'skip' }), '{}');
});

test('templates see typed columns and print exact digits', () => {
  const fields: Fields = [
    { to: 'id', from: 'id' },
    {
      to: 'v',
      template:
        '{{ name | upcase }}: {{ ltv }}{% if ltv > 9 %} high{% endif %}{{ gone }}{% if ok %} ok{% endif %}',
    },
  ];
  const columns = ['id:varchar', 'name:varchar', 'ltv:numeric', 'gone:varchar', 'ok:bool'].map((text) => {
    const [name = '', type = ''] = text.split(':');
    return { name, type };
  });
  const mapping = mappingOf({ fields, 'destination.matchOn': 'id' }, columns);
  const mapped = mapping.map(line({ c0: 'a', c1: 'ann', c2: '12.50', c3: null, c4: 'false' }));
  assert.equal(shownValue(mapped), '{"v":"ANN: 12.50 high"}');
});

test('a template that goes wild makes its own row invalid', () => {
  const fields: Fields = [
    { to: 'id', from: 'id' },
    { to: 'v', template: '{% for i in (1..9999999) %}{{ name }}{% endfor %}' },
  ];
  const mapping = mappingOf({ fields, 'destination.matchOn': 'id' });
  assert.equal(shownValue(mapping.map(line({ c0: 'a', c1: 'x' }))), 'template_failed');
});

test('the mode decides the operation', () => {
  const operation = (mode: string, change: StageLine['o']): string => {
    const mapped = mappingOf({ 'destination.mode': mode }).map(
      line({ c0: 'a@b.c', c1: 'Ann', c2: '1' }, { o: change }),
    );
    return mapped.is === 'row' ? mapped.operation : mapped.is;
  };
  assert.equal(operation('upsert', 'a'), 'upsert');
  assert.equal(operation('upsert', 'c'), 'upsert');
  assert.equal(operation('mirror', 'c'), 'upsert');
  assert.equal(operation('update', 'a'), 'update');
  assert.equal(operation('insert', 'a'), 'insert');
  assert.equal(operation('insert', 'c'), 'skipped');
  assert.equal(operation('upsert', 'r'), 'skipped');
});

test('a removed row is deleted by its name alone, or cleared', () => {
  const removed = line({ c0: ' Ann@Example.com', c1: null, c2: null }, { o: 'r' });
  assert.deepEqual(mappingOf({ 'destination.removed': 'delete' }).map(removed), {
    is: 'row',
    operation: 'delete',
    row: { key: 'K1', fields: { email: 'ann@example.com' } },
  });
  assert.deepEqual(mappingOf({ 'destination.removed': 'clear' }).map(removed), {
    is: 'row',
    operation: 'update',
    row: { key: 'K1', fields: { email: 'ann@example.com', greeting: null, ltv: null, source: null } },
  });
  assert.deepEqual(mappingOf({ 'destination.mode': 'mirror' }).map(line({ c0: null }, { o: 'r' })), {
    is: 'invalid',
    key: 'K1',
    code: 'match_empty',
    reason: 'field "email": the field that names the record (matchOn) is null or empty',
  });
});

test('a row that names no record is invalid, except for an insert', () => {
  const nameless = line({ c0: '  ', c1: 'Ann', c2: '1' });
  assert.equal(shownValue(mappingOf({}).map(nameless)), 'match_empty');
  assert.equal(shownValue(mappingOf({ nulls: 'skip' }).map({ ...nameless, c0: null })), 'match_empty');
  assert.equal(mappingOf({ 'destination.mode': 'insert' }).map(nameless).is, 'row');
});

test('what the warehouse found invalid is passed on with a reason', () => {
  const map = mappingOf({}).map;
  assert.deepEqual(map(line({}, { k: null, o: 'i', e: 'null_key' })), {
    is: 'invalid',
    key: null,
    code: 'null_key',
    reason: 'a column of the primary key is null',
  });
  assert.deepEqual(map(line({}, { o: 'i', e: 'check:ltv is not negative' })), {
    is: 'invalid',
    key: 'K1',
    code: 'check:ltv is not negative',
    reason: 'the row does not pass the check "ltv is not negative"',
  });
});

test('a reason names the field and the rule, never the value', () => {
  const mapped = mappingOf({}).map(line({ c0: 'a@b.c', c1: 'Ann', c2: 'canary-4711' }));
  assert.deepEqual(mapped, {
    is: 'invalid',
    key: 'K1',
    code: 'not_a_number',
    reason: 'field "ltv": the value is not a decimal number',
  });
});

test('a model that lost a column stops the run instead of emptying a field', () => {
  assert.throws(() => mappingOf({}, [{ name: 'email', type: 'varchar' }]), {
    name: 'Fault',
    kind: 'config',
    code: 'column_missing',
    path: 'fields[1]',
  });
});

test('columns are found as Redshift folds them', () => {
  const fields = [
    { to: 'id', from: 'ID' },
    { to: 'v', from: 'Amount' },
  ];
  const mapping = mappingOf({ fields, 'destination.matchOn': 'id' }, [
    { name: 'id', type: 'int8' },
    { name: 'amount', type: 'numeric' },
  ]);
  assert.equal(shownValue(mapping.map(line({ c0: '1', c1: '2.50' }))), '{"v":2.50}');
});
