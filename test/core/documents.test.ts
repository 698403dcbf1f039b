/** Documents that are generated from the code or show it: the schema, the reference, the codes. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { REFUSALS } from '../../lambdas/api-answers.ts';
import { acceptDefinition } from '../../shared/core/accept.ts';
import { DEFINITION_CODES } from '../../shared/core/definition-codes.ts';
import { AUTH_REFUSED, REQUEST_REFUSED, THROTTLED } from '../../shared/core/fault.ts';
import { NAMES } from '../../shared/core/known-shapes.ts';
import { compileMapping } from '../../shared/core/mapping.ts';
import { ROW_CODES, STAGE_CODES } from '../../shared/core/row-codes.ts';
import { RUN_CODES } from '../../shared/core/run-codes.ts';
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

const faults = read('faults.md');

test('docs/faults.md lists every code with its rule', () => {
  for (const [code, rule] of Object.entries({ ...DEFINITION_CODES, ...ROW_CODES, ...STAGE_CODES })) {
    assert.ok(faults.includes(`| \`${code}\` | ${rule} |`), `${code}: ${rule}`);
  }
});

test('docs/faults.md says of every end, hold and pause what the engine knows, in its section', () => {
  const sections = { hold: 'Holds', pause: 'Pauses' } as Readonly<Record<string, string>>;
  for (const [code, { kind, says, remedy }] of Object.entries(RUN_CODES)) {
    const [, section = ''] = faults.split(`\n## ${sections[kind] ?? 'Runs that ended'}\n`);
    const [rows = ''] = section.split('\n## ');
    assert.ok(rows.includes(`| \`${code}\` | ${kind} | ${says} | ${remedy} |`), code);
  }
});

test('docs/faults.md has the answers of the environment word for word', () => {
  for (const [code, [message, remedy]] of Object.entries(REFUSALS)) {
    assert.ok(faults.includes(`| \`${code}\` | refused | ${message} | ${remedy} |`), code);
  }
});

const sources = globSync('{shared,lambdas,cli}/**/*.ts').map((file) => readFileSync(file, 'utf8'));
const matches = (pattern: RegExp): RegExpExecArray[] =>
  sources.flatMap((source) => [...source.matchAll(pattern)]);
const listed = new Set([...faults.matchAll(/^\| `([a-z0-9_]+)` \|/gm)].map(([, code = '']) => code));

test('every Fault that the code makes has a line in docs/faults.md, with its kind', () => {
  const made = matches(/new Fault\(\s*'([a-z]+)',\s*'([a-z0-9_]+)'/g);
  assert.ok(made.length > 100);
  const isRule = (code: string): boolean => code in DEFINITION_CODES || code in ROW_CODES;
  const missing = made.filter(
    ([, kind, code = '']) => !isRule(code) && !faults.includes(`\n| \`${code}\` | ${kind} |`),
  );
  assert.deepEqual(
    missing.map(([, kind, code]) => `${kind} ${code}`),
    [],
  );
});

test('every other code that is written out has a line in docs/faults.md', () => {
  // Of rows, definitions and batches; of PostgreSQL by its state; of the bucket, the warehouse and breakers.
  const written = [
    ...matches(/\bcode: '([a-z0-9_]+)'/g),
    ...matches(/state === '\w+'\) return '([a-z_]+)'/g),
    ...matches(/missing\('([a-z_]+)'/g),
    ...matches(/finished\(.*, '([a-z_]+)'\)/g),
    ...matches(/tripBreaker\(.*, '([a-z_]+)'\)/g),
  ].map(([, code = '']) => code);
  const codes = new Set([...written, THROTTLED, AUTH_REFUSED, REQUEST_REFUSED]);
  for (const code of ['dead_letter', 'not_a_select', 'deadlock', 'stage_missing', 'model_refused']) {
    assert.ok(codes.has(code), code);
  }
  // What zod says, and what stands for a destination's own code.
  const others = ['custom', 'invalid_union', 'too_small', 'other'];
  assert.deepEqual(
    [...codes].filter((code) => !listed.has(code) && !others.includes(code)),
    [],
  );
});

test('docs/faults.md lists no code that nothing gives any more', () => {
  const text = sources.join('\n');
  assert.ok(listed.size > 200);
  assert.deepEqual(
    [...listed].filter((code) => !new RegExp(`'${code}'|^  ${code}:`, 'm').test(text)),
    [],
  );
});
