/** Code that is replaced while the stack runs: what is at work ends as it began, what comes later runs the new code. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { type Fixture, STACK_NAME, startFixture, TEMPLATE, writeAssembly } from './fixture.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'tailrace-deploy-'));
let fixture: Fixture;
before(async () => {
  fixture = await startFixture({ assembly: release('old'), stackName: STACK_NAME });
});
after(async () => {
  await fixture?.close();
  rmSync(directory, { recursive: true, force: true });
});

/** An assembly whose probe says which release it is, after as long as the event wants. */
function release(name: string, resources: Readonly<Record<string, unknown>> = TEMPLATE): string {
  const assembly = path.join(directory, name);
  writeAssembly(assembly, resources);
  mkdirSync(path.join(assembly, 'probe'));
  writeFileSync(
    path.join(assembly, 'probe', 'index.mjs'),
    `export async function handler({ waitMs = 0 }) {
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      return '${name}';
    }`,
  );
  const collector = path.relative(assembly, path.join(import.meta.dirname, 'handlers', 'collector'));
  const files = Object.fromEntries(
    Object.entries({ probe: 'probe', collector }).map(([key, source]) => [
      key,
      { source: { path: source }, destinations: { current: { objectKey: `${key}.zip` } } },
    ]),
  );
  writeFileSync(path.join(assembly, 'Fixture.assets.json'), JSON.stringify({ files }));
  return assembly;
}

test('an invocation at work ends as it began; the next runs the new code, also in a warm environment', async () => {
  assert.equal((await fixture.probe({})).answer, 'old');
  const atWork = fixture.probe({ waitMs: 400 });
  while (fixture.stack.stats().calls['lambda.Invoke'] !== 2)
    await new Promise((resolve) => setTimeout(resolve, 5));
  fixture.stack.deploy(release('new'));
  assert.equal((await fixture.probe({})).answer, 'new');
  assert.equal((await atWork).answer, 'old');
  assert.equal((await fixture.probe({})).answer, 'new');
});

test('a template that differs in more than code is refused, and nothing changes', async () => {
  const { Queue, ...rest } = TEMPLATE;
  const slower = { ...(Queue as object), Properties: { VisibilityTimeout: 7 } };
  const other = release('other', { ...rest, Queue: slower });
  assert.throws(() => fixture.stack.deploy(other), /Queue is not the same; only code/);
  assert.throws(() => fixture.stack.deploy(release('less', rest)), /only code/);
  assert.equal((await fixture.probe({})).answer, 'new');
});
