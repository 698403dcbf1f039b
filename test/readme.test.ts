/** What the README shows must work: its definition is accepted, its commands and links exist. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { parseSync } from '../shared/core/sync-rules.ts';
import { modelFaults } from '../shared/warehouse/model-sql.ts';

const readme = readFileSync('README.md', 'utf8');

test('the definition in the README is accepted', () => {
  const [, text = ''] = /```yaml\n([\s\S]*?)```/.exec(readme) ?? [];
  const parsed = parseSync(parse(text), { accounts: ['crm'] });
  assert.deepEqual(parsed.ok ? modelFaults(parsed.sync) : parsed.faults, []);
});

test('the example that the README pushes is accepted, and npm start leaves it to be pushed', () => {
  const [, file = ''] = /tailrace push (examples\/[\w-]+\.yaml)/.exec(readme) ?? [];
  const parsed = parseSync(parse(readFileSync(file, 'utf8')), { accounts: ['crm'] });
  assert.deepEqual(parsed.ok ? modelFaults(parsed.sync) : parsed.faults, []);
  const { syncId } = parse(readFileSync(file, 'utf8')) as { syncId: string };
  assert.ok(!readFileSync('local/demo/definitions.ts', 'utf8').includes(syncId));
  assert.ok(
    readme.includes(`npx tailrace run ${syncId}`) && readme.includes(`npx tailrace status ${syncId}`),
  );
});

test('every npm script that the README names exists', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
  const named = [...readme.matchAll(/npm (?:run )?(start|test|check|bench|synth|sim)\b/g)].map(
    ([, name = '']) => name,
  );
  assert.ok(named.length >= 4);
  assert.deepEqual(
    named.filter((name) => scripts[name] === undefined),
    [],
  );
});

test('every link and example in the README leads somewhere', () => {
  const links = [...readme.matchAll(/\]\(([^)#]+)\)/g)].map(([, to = '']) => to);
  const examples = [...readme.matchAll(/examples\/[\w-]+\.yaml/g)].map(([path]) => path);
  assert.deepEqual(
    [...links, ...examples].filter((path) => !existsSync(path)),
    [],
  );
});
