/** The columns that a definition speaks of, and the one Fault that says which of them a model lacks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { neededColumns, requireColumns } from '../../shared/core/needed-columns.ts';
import { parseSync } from '../../shared/core/sync-rules.ts';
import { edited, KNOWN } from './good-definition.ts';

function sync() {
  const parsed = parseSync(
    edited({
      'model.primaryKey': ['customer_id'],
      'model.changes': { by: 'cursor', column: 'updated_at' },
      'model.pii': { birth_date: 'drop' },
      fields: [
        { to: 'Email', from: 'email' },
        { to: 'Name', template: '{{ email }} {{ last_name }}' },
      ],
      'destination.matchOn': 'Email',
    }),
    KNOWN,
  );
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return parsed.sync;
}

const columns = (...names: readonly string[]) => names.map((name) => ({ name, type: 'varchar' }));

test('key, cursor, what fields read and what is tagged are needed, each where the definition names it', () => {
  assert.deepEqual(neededColumns(sync()), [
    { name: 'customer_id', path: 'model.primaryKey[0]' },
    { name: 'updated_at', path: 'model.changes.column' },
    { name: 'email', path: 'fields' },
    { name: 'last_name', path: 'fields' },
    { name: 'birth_date', path: 'model.pii.birth_date' },
  ]);
});

test('a model may write names in any case, and may have more columns', () => {
  requireColumns(sync(), columns('CUSTOMER_ID', 'Updated_At', 'email', 'LAST_NAME', 'birth_date', 'more'));
});

test('all columns that are missing are named at once', () => {
  assert.throws(() => requireColumns(sync(), columns('customer_id', 'updated_at', 'email')), {
    name: 'Fault',
    kind: 'config',
    code: 'column_missing',
    message: 'the model has no column "last_name", "birth_date"',
    path: 'model.sql',
  });
});
