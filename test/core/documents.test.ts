/** Documents that are generated from the code or show it: the schema, the reference, the codes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { acceptDefinition } from '../../shared/core/accept.ts';
import { DEFINITION_CODES } from '../../shared/core/definition-codes.ts';
import { NAMES } from '../../shared/core/known-shapes.ts';
import { compileMapping } from '../../shared/core/mapping.ts';
import { ROW_CODES, STAGE_CODES } from '../../shared/core/row-codes.ts';
import { syncJsonSchema } from '../../shared/core/sync-json-schema.ts';
import { parseSync } from '../../shared/core/sync-rules.ts';
import { TEMPLATE_FILTERS, TEMPLATE_TAGS } from '../../shared/core/template.ts';
import { goodDefinition, KNOWN } from './good-definition.ts';

const read = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');

test('docs/sync.schema.json is what the schema says (npm run schema)', () => {
  assert.equal(read('sync.schema.json'), syncJsonSchema());
});

const reference = read('definition.md');
const examples = [...reference.matchAll(/```yaml\n(.*?)```/gs)].map(([, text = '']) => text);

test('every example of the reference is accepted and can be mapped', () => {
  assert.ok(examples.length >= 8);
  for (const example of examples) {
    const parsed = parseSync(completed(parse(example) as Record<string, unknown>), KNOWN);
    assert.ok(parsed.ok, `${example}\n${JSON.stringify(parsed.ok ? [] : parsed.faults)}`);
    compileMapping(acceptDefinition(parsed.sync, undefined));
  }
});

/** An example shows one part; the rest of the definition is any good one. */
const completed = (part: Record<string, unknown>): Record<string, unknown> =>
  'syncId' in part ? part : { ...goodDefinition(), ...part };

test('every name of a definition is in the reference', () => {
  for (const name of new Set(Object.values(NAMES).flat())) {
    assert.match(reference, new RegExp(`\`${name}\`|\\b${name}:`), name);
  }
});

test('the reference lists the tags and filters that exist', () => {
  const [, tags = '', filters = ''] = /Tags: (.*?)\. Filters:\n\n(.*?)\n\n/s.exec(reference) ?? [];
  const named = (text: string): string[] =>
    [...text.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name).toSorted();
  assert.deepEqual(named(tags), TEMPLATE_TAGS.toSorted());
  assert.deepEqual(named(filters), TEMPLATE_FILTERS.toSorted());
});

test('docs/faults.md lists every code with its rule', () => {
  const faults = read('faults.md');
  for (const [code, rule] of Object.entries({ ...DEFINITION_CODES, ...ROW_CODES, ...STAGE_CODES })) {
    assert.ok(faults.includes(`| \`${code}\` | ${rule} |`), `${code}: ${rule}`);
  }
});
