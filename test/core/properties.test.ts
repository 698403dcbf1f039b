/** What holds for every input: no throw, no lost digit, no halved character, one text per content. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { acceptDefinition, fingerprintOf } from '../../shared/core/accept.ts';
import { canonicalJson } from '../../shared/core/canonical-json.ts';
import { instantOf } from '../../shared/core/date-times.ts';
import { digitsOf, rounded } from '../../shared/core/exact-numbers.ts';
import { compileMapping } from '../../shared/core/mapping.ts';
import type { StageLine } from '../../shared/core/stage.ts';
import { parseSync } from '../../shared/core/sync-rules.ts';
import { cutAt } from '../../shared/core/text-values.ts';
import { edited, goodDefinition, KNOWN } from './good-definition.ts';

const anything = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withNullPrototype: true,
  withObjectString: true,
  withSparseArray: true,
  withTypedArray: true,
  stringUnit: 'binary',
});

test('parseSync never throws, and what it refuses it explains', () => {
  fc.assert(
    fc.property(anything, (item) => {
      const parsed = parseSync(item, KNOWN);
      assert.ok(parsed.ok || parsed.faults.length > 0);
      if (!parsed.ok)
        for (const fault of parsed.faults) assert.ok(fault.remedy.length > 0 && fault.message.isWellFormed());
    }),
    { numRuns: 1000 },
  );
});

test('nor for a good definition with anything at all in one place', () => {
  const places = [
    ...['syncId', 'enabled', 'owner', 'schedule', 'schedule.cron', 'schedule.every', 'model', 'model.sql'],
    ...['model.primaryKey', 'model.changes', 'model.changes.by', 'destination', 'destination.mode', 'fields'],
    ...[
      'destination.options',
      'destination.matchOn',
      'fields.0',
      'fields.1.template',
      'fields.2.as',
      'fields.3.value',
    ],
    ...[
      'fields.2.as.lookup',
      'fields.2.as.default',
      'fields.2.as.datetime',
      'checks',
      'checks.0',
      'guards',
      'nulls',
    ],
  ];
  fc.assert(
    fc.property(fc.constantFrom(...places), anything, (place, value) => {
      const parsed = parseSync(edited({ [place]: value }), KNOWN);
      assert.ok(parsed.ok || parsed.faults.length > 0);
      if (parsed.ok) compileMapping(acceptDefinition(parsed.sync, undefined));
    }),
    { numRuns: 2000 },
  );
});

test('templates of any text never throw while they are checked', () => {
  const pieces = fc.array(
    fc.oneof(
      fc.constantFrom(
        '{{',
        '}}',
        '{%',
        '%}',
        ' a ',
        '|',
        'for',
        'if',
        'in',
        'upcase',
        ':',
        '"',
        '[',
        ']',
        '..',
        '.',
      ),
      fc.string({ maxLength: 4 }),
    ),
    { maxLength: 20 },
  );
  fc.assert(
    fc.property(pieces, (parts) => {
      const parsed = parseSync(edited({ 'fields.1.template': parts.join('') || 'x' }), KNOWN);
      if (parsed.ok) compileMapping(acceptDefinition(parsed.sync, undefined));
    }),
    { numRuns: 1000 },
  );
});

const CONVERSIONS = [
  undefined,
  { string: true },
  { integer: true },
  { decimal: 3, rounding: 'half_even' },
  { boolean: true },
  { date: 'ISO', timezone: 'Pacific/Apia' },
  { datetime: 'ISO', timezone: 'America/St_Johns' },
  { datetime: 'epoch_millis' },
  { datetime: 'ccc d LLL yyyy HH:mm ZZ', timezone: 'Asia/Kathmandu' },
  { json: true },
  { trim: true, uppercase: true, maxLength: 7, whenTooLong: 'truncate' },
  { lookup: { a: 1 } },
  { hash: 'sha256' },
];
const TYPES = [
  'varchar',
  'int8',
  'numeric',
  'float8',
  'bool',
  'timestamp',
  'timestamptz',
  'date',
  'super',
  'time',
];

test('mapping never throws on any line of a stage, and sends only what can be stored', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    fc.double().map(String),
    fc.bigInt().map(String),
    fc.date({ noInvalidDate: true }).map((date) => date.toISOString().replace('T', ' ')),
    fc.constantFrom(
      '',
      'NaN',
      '-0',
      '1e400',
      '{"a":1e999}',
      '9999-12-31 23:59:59.999999+14',
      '0001-01-01 00:00:00-12',
    ),
  );
  const line = fc.record({
    k: fc.option(fc.string(), { nil: null }),
    o: fc.constantFrom('a', 'c', 'r', 'i'),
    e: fc.option(fc.string(), { nil: null }),
    c0: fc.option(text, { nil: null }),
    c1: fc.option(text, { nil: null }),
  });
  const setups = TYPES.flatMap((type) => CONVERSIONS.map((as) => mappingOf(type, as)));
  fc.assert(
    fc.property(fc.nat(setups.length - 1), line, (at, values) => {
      const mapped = setups[at]?.map({ f: null, n: '0', x: '0', ...values } as StageLine);
      if (mapped?.is !== 'row') return;
      const json = JSON.stringify(mapped.row.fields);
      assert.ok(json.isWellFormed());
      assert.doesNotMatch(json, /\\u0000|\\ud[89a-f]/i);
    }),
    { numRuns: 5000 },
  );
});

function mappingOf(type: string, as: unknown) {
  const fields = [
    { to: 'id', from: 'id' },
    { to: 'v', from: 'v', ...(as === undefined ? {} : { as }) },
    { to: 't', template: '{{ v }}{% if v > 3 %}{{ v | plus: 1 }}{{ id | truncate: 5 }}{% endif %}' },
  ];
  const parsed = parseSync(
    edited({ fields, 'destination.matchOn': 'id', 'destination.removed': 'clear' }),
    KNOWN,
  );
  assert.ok(parsed.ok);
  return compileMapping(acceptDefinition(parsed.sync, undefined), [
    { name: 'id', type: 'varchar' },
    { name: 'v', type },
  ]);
}

test('a decimal equals what BigInt works out, at every scale and rounding', () => {
  fc.assert(
    fc.property(fc.bigInt(), fc.nat(30), fc.nat(30), fc.boolean(), (units, places, scale, isEven) => {
      const digits = digitsOf(decimalText(units, places));
      assert.ok(typeof digits === 'object');
      const text = rounded(digits, scale, isEven ? 'half_even' : 'half_up');
      const [, fraction = ''] = text.split('.');
      assert.equal(fraction.length, scale);
      assert.equal(BigInt(text.replace('.', '')), oracle(units, places, scale, isEven));
      assert.equal(JSON.stringify(JSON.rawJSON(text)), text);
    }),
    { numRuns: 2000 },
  );
});

function decimalText(units: bigint, places: number): string {
  const digits = String(units < 0n ? -units : units).padStart(places + 1, '0');
  const point = digits.length - places;
  return `${units < 0n ? '-' : ''}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** Another way to the same number: integer division with a remainder, where the code works on digits. */
function oracle(units: bigint, places: number, scale: number, isEven: boolean): bigint {
  if (scale >= places) return units * 10n ** BigInt(scale - places);
  const divisor = 10n ** BigInt(places - scale);
  const size = units < 0n ? -units : units;
  const [quotient, twice] = [size / divisor, (size % divisor) * 2n];
  const isUp = twice > divisor || (twice === divisor && (!isEven || quotient % 2n === 1n));
  const magnitude = isUp ? quotient + 1n : quotient;
  return units < 0n ? -magnitude : magnitude;
}

test('an exponent moves the point and nothing else', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }),
      fc.integer({ min: -30, max: 30 }),
      (units, shift) => {
        const digits = digitsOf(`${units}e${shift}`);
        assert.ok(typeof digits === 'object');
        const scaled = BigInt(rounded(digits, 30, 'half_up').replace('.', ''));
        assert.equal(scaled, units * 10n ** BigInt(30 + shift));
      },
    ),
  );
});

test('cutting never halves a character and never keeps one too many', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 20 }), (text, max) => {
      const cut = cutAt(text, max);
      const points = Array.from(text);
      if (points.length <= max) return assert.equal(cut, undefined);
      assert.ok(cut?.isWellFormed());
      assert.deepEqual(Array.from(cut ?? ''), points.slice(0, max));
    }),
  );
});

test('canonical JSON does not depend on the order of names, and tells contents apart', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const turned = Object.fromEntries(Object.entries(value).toReversed());
      assert.equal(canonicalJson(turned), canonicalJson(value));
      assert.equal(fingerprintOf(structuredClone(value)), fingerprintOf(value));
      assert.deepEqual(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value)));
    }),
  );
});

test('canonical JSON takes anything', () => {
  fc.assert(fc.property(anything, (value) => assert.match(fingerprintOf(value), /^[0-9a-f]{64}$/)));
});

test('every day of the calendar is read as Date reads it', () => {
  const min = new Date('0001-01-01T00:00:00Z');
  const max = new Date('9999-12-31T23:59:59Z');
  fc.assert(
    fc.property(fc.date({ min, max, noInvalidDate: true }), (date) => {
      const iso = date.toISOString();
      assert.equal(instantOf(iso)?.seconds, Math.floor(date.getTime() / 1000));
      assert.equal(
        instantOf(iso.replace('T', ' ').replace('Z', '+00'))?.seconds,
        Math.floor(date.getTime() / 1000),
      );
    }),
  );
});

test('the good definition stays as it is, whatever was parsed before', () => {
  const parsed = parseSync(goodDefinition(), KNOWN);
  assert.ok(parsed.ok);
  assert.deepEqual(parseSync(parsed.sync, KNOWN), parsed);
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
});
