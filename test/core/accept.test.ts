/** What an edit of a definition means: a new version, rows mapped anew, or everything afresh. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acceptDefinition, fingerprintOf } from '../../shared/core/accept.ts';
import { canonicalJson } from '../../shared/core/canonical-json.ts';
import { matchColumns, stagedColumns } from '../../shared/core/staged-columns.ts';
import { parseSync } from '../../shared/core/sync-rules.ts';
import { edited, GONE, goodDefinition, KNOWN } from './good-definition.ts';

function syncOf(item: unknown) {
  const parsed = parseSync(item, KNOWN);
  assert.ok(parsed.ok);
  return parsed.sync;
}

const first = acceptDefinition(syncOf(goodDefinition()), undefined);

/** v: version grew, m: the mapping changed, g: the generation changed. */
function meaning(changes: Record<string, unknown>): string {
  const next = acceptDefinition(syncOf(edited(changes)), first);
  const marks = [
    next.version === 2 ? 'v' : '',
    next.mappingVersion === first.mappingVersion ? '' : 'm',
    next.generation === first.generation ? '' : 'g',
  ];
  return marks.join('');
}

test('the first accepted version is 1, and the same content is no edit', () => {
  assert.equal(first.version, 1);
  assert.equal(acceptDefinition(syncOf(goodDefinition()), first), first);
  const reordered = Object.fromEntries(Object.entries(goodDefinition()).toReversed());
  assert.equal(acceptDefinition(syncOf(reordered), first), first);
  assert.equal(
    acceptDefinition(syncOf(edited({ enabled: true, nulls: 'send' })), first),
    first,
    'defaults written out',
  );
});

test('edits that only grow the version', () => {
  for (const changes of [
    { owner: 'sales@example.com' },
    { schedule: { every: '1 hour' } },
    { 'model.sql': 'select 1' },
    { checks: GONE },
    { guards: { maxDeletes: 5 } },
  ]) {
    assert.equal(meaning(changes), 'v', JSON.stringify(changes));
  }
});

test('edits that map every row anew', () => {
  assert.equal(meaning({ 'fields.2.as.decimal': 3 }), 'vm');
  assert.equal(meaning({ nulls: 'skip' }), 'vm');
  assert.equal(meaning({ 'destination.mode': 'update' }), 'vm');
  assert.equal(meaning({ 'fields.1.template': 'Hello {{ first_name }}' }), 'vm');
});

test('edits that start afresh', () => {
  assert.equal(meaning({ 'model.primaryKey': ['email'] }), 'vg');
  assert.equal(meaning({ 'model.changes': { by: 'all' } }), 'vg');
  assert.equal(meaning({ 'destination.object': 'people' }), 'vg');
  assert.equal(meaning({ 'destination.account': 'app-database' }), 'vg');
  assert.equal(meaning({ 'destination.options': { schema: 'x' } }), 'vg');
  assert.equal(meaning({ 'destination.removed': 'delete' }), 'vg');
  assert.equal(meaning({ 'destination.matchOn': 'greeting' }), 'vg');
  assert.equal(meaning({ 'fields.0.from': 'mail' }), 'vmg');
});

test('staged columns are in order of first use, and the match columns among them', () => {
  const sync = syncOf(
    edited({
      'fields.1.template':
        '{{ last_name | upcase }}, {{ first_name }} {% if email %}{{ customer_id }}{% endif %}',
      'fields.2': { to: 'again', from: 'email' },
      'destination.matchOn': 'greeting',
    }),
  );
  assert.deepEqual(stagedColumns(sync), ['email', 'last_name', 'first_name', 'customer_id']);
  assert.deepEqual(matchColumns(sync), [1, 2, 0, 3]);
});

test('a template’s own names are no columns', () => {
  const template =
    '{% assign x = a %}{{ x }}{% for i in list %}{{ i.name }}{{ forloop.index }}{% endfor %}{{ b["k"] }}';
  const sync = syncOf(edited({ 'fields.1.template': template }));
  assert.deepEqual(stagedColumns(sync), ['email', 'a', 'list', 'b', 'ltv']);
});

test('canonical JSON of what JSON has no form for', () => {
  assert.equal(
    canonicalJson({
      b: new Set(['y', 'x']),
      a: 10n,
      c: new Uint8Array([0, 255]),
      d: Number.NaN,
      e: undefined,
      f: -0,
    }),
    '{"a":{"$bigint":"10"},"b":{"$set":["x","y"]},"c":{"$bytes":"00ff"},"d":{"$number":"NaN"},"f":0}',
  );
  assert.notEqual(fingerprintOf({ a: [1, 2] }), fingerprintOf({ a: [2, 1] }));
  assert.equal(fingerprintOf({}), '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a');
});
