/** The golden statements of the `postgres` destination, and values as texts. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Column } from '../../shared/destinations/postgres-catalog.ts';
import { postgresTargetSchema } from '../../shared/destinations/postgres-settings.ts';
import { comparison, statement } from '../../shared/destinations/postgres-statement.ts';
import { isStorable, valueText } from '../../shared/destinations/postgres-values.ts';

const column = (name: string, type: string, castType = type): Column => ({
  name,
  type,
  castType,
  isJson: castType === 'jsonb',
  isArray: castType.endsWith('[]'),
  required: false,
  generated: false,
});
const COLUMNS = [
  column('email', 'character varying(254)', 'character varying'),
  column('ltv"usd', 'numeric(12,2)', 'numeric'),
  column('tags', 'text[]'),
];
const TABLE = {
  name: '"public"."contacts"',
  columns: new Map(COLUMNS.map((each) => [each.name, each])),
  unique: new Set(['email']),
  writable: true,
};

test('the golden statements', () => {
  const shape = { table: TABLE, columns: COLUMNS };
  const alone = { table: TABLE, columns: COLUMNS.slice(0, 1) };
  const texts = [
    ...(['upsert', 'insert', 'update'] as const).map(
      (operation) => `-- ${operation}\n${statement(operation, shape)}`,
    ),
    `-- insert, after a conflict\n${comparison(shape)}`,
    `-- delete\n${statement('delete', alone)}`,
    `-- upsert of the match column alone\n${statement('upsert', alone)}`,
  ];
  const golden = readFileSync(new URL('golden/postgres.sql', import.meta.url), 'utf8');
  assert.equal(`${texts.join(';\n\n')};\n`, golden);
});

test('an object is a table or schema.table', () => {
  for (const object of ['contacts', 'crm.contacts', 'Mar"k.x y']) {
    assert.equal(postgresTargetSchema.safeParse({ object }).success, true, object);
  }
  for (const object of ['', '.', 'a.', '.b', 'a.b.c', 'a\0b', 'x'.repeat(64)]) {
    assert.equal(postgresTargetSchema.safeParse({ object }).success, false, object);
  }
});

test('numbers keep their digits, arrays their elements', () => {
  const [text, , tags = column('tags', 'text[]')] = [column('a', 'text'), 0, COLUMNS[2]] as const;
  assert.equal(valueText(JSON.rawJSON('12.340'), text), '12.340');
  assert.equal(valueText(JSON.rawJSON('9007199254740993'), text), '9007199254740993');
  assert.equal(valueText(['a"b', null, 'c\\'], tags), '{"a\\"b",NULL,"c\\\\"}');
  assert.equal(valueText(undefined, text), null);
});

test('any text goes through unchanged or is refused', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const made = valueText(text, column('a', 'text'));
      return made === text && isStorable(made) === (text.isWellFormed() && !text.includes('\0'));
    }),
  );
});
