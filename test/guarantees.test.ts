/** A promise without a test is an opinion: every test that docs/guarantees.md names must exist. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

test('every test that the guarantees name exists', () => {
  const sources = globSync('test/**/*.ts').map((file) => readFileSync(file, 'utf8'));
  const text = readFileSync('docs/guarantees.md', 'utf8');
  const quoted = [...text.matchAll(/"([^"]{12,})"/g)].map(([, name = '']) => name.replaceAll(/\s+/g, ' '));
  const names = quoted.filter((name) => !name.startsWith('npm run '));
  assert.ok(names.length >= 20, `only ${names.length} tests named`);
  const missing = names.filter((name) => !sources.some((source) => source.includes(`'${name}'`)));
  assert.deepEqual(missing, []);
});
