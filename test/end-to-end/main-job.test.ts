/**
 * The main job, made small: the synthesized stage on the local stack, five syncs to a sink and a PostgreSQL, changes, an
 * outage, and a comparison of every field with what the models say. Both ways out of the warehouse.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { demonstrate } from '../../local/demo/demonstration.ts';
import { silentProgress } from '../../local/demo/progress.ts';
import type { Report } from '../../local/demo/report.ts';
import { startWorld, type World } from '../../local/demo/world.ts';

const CUSTOMERS = 2000;
/** A minute is two seconds, and syncs run every two. */
const SPEED = 30;
const EVERY_MINUTES = 2;
/** Far above what it takes: the machine may be busy with other tests. */
const PHASE_MS = 240_000;

/** Things that must be in no log and no state item: secrets, and values of rows. */
const CANARIES = [
  'kestrel-local-token',
  'tailrace-local"',
  '@example.net',
  'at example.net',
  'Prefers a call',
];

for (const extraction of ['unload', 'pages'] as const) {
  test(`from definitions to destinations that hold what the models say, by ${extraction}`, async () => {
    const folder = mkdtempSync(path.join(tmpdir(), `tailrace-${extraction}-`));
    const dataDir = path.join(folder, '.tailrace', 'local');
    const world = await startWorld(
      { dataDir, speed: SPEED, persistent: false, extraction, latencyMs: 5 },
      () => undefined,
    );
    try {
      const report = await demonstrate(world, {
        customers: CUSTOMERS,
        progress: silentProgress,
        phaseMs: PHASE_MS,
        everyMinutes: EVERY_MINUTES,
      });
      assertHolds(report);
      assert.deepEqual(world.stack.stats().permissions.denials, [], 'every call is allowed by the template');
      await assertSecret(world, dataDir);
      if (extraction === 'unload') await assertCommand(folder);
    } finally {
      await world.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

function assertHolds(report: Report): void {
  assert.deepEqual(
    report.checks.filter(({ ok }) => !ok),
    [],
  );
  assert.ok(report.ok);
  const kinds = new Set(report.failures.map(({ kind, code }) => `${kind} ${code}`));
  const expected = [
    'invalid check:has an e-mail',
    'invalid duplicate_key',
    'invalid text_too_long',
    'rejected blocked_domain',
    'rejected invalid_email',
    'rejected no_identifier',
    'rejected sqlstate_23514',
  ];
  assert.deepEqual([...kinds].toSorted(), expected, 'each kind of failure occurs');
}

/** I15, in the deployed shape: nothing of a secret or a row in logs, state, queues or notifications. */
async function assertSecret({ state }: World, dataDir: string): Promise<void> {
  const { ScanCommand } = await import('@aws-sdk/lib-dynamodb');
  const { Items = [] } = await state.client.send(new ScanCommand({ TableName: state.table }));
  assert.ok(Items.length > 10, 'there is state to look at');
  const logs = readdirSync(path.join(dataDir, 'logs')).map((name) =>
    readFileSync(path.join(dataDir, 'logs', name), 'utf8'),
  );
  assert.ok(logs.join('').includes('run_committed'), 'there are logs to look at');
  const text = [JSON.stringify(Items), ...logs].join('\n');
  assert.deepEqual(
    CANARIES.filter((canary) => text.includes(canary)),
    [],
  );
}

const LAUNCHER = path.resolve('bin/tailrace.js');
const EXAMPLES = path.resolve('examples');

/** The command against a stack that runs: what an operator would type. Not in step, or the stack could not answer. */
async function assertCommand(folder: string): Promise<void> {
  const tailrace = async (...words: string[]): Promise<{ code: number; said: string }> => {
    const child = spawn(process.execPath, [LAUNCHER, ...words], {
      cwd: folder,
      env: { ...process.env, NO_COLOR: '1' },
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
    const [code] = (await once(child, 'close')) as [number];
    return { code, said };
  };
  const { syncs } = JSON.parse((await tailrace('status', '--json')).said) as { syncs: { syncId: string }[] };
  // Five that run, and one whose only definition was refused.
  assert.equal(syncs.length, 6);
  assert.equal((await tailrace('pause', 'customers-to-app')).said, '✓ customers-to-app is paused\n');
  const refused = await tailrace('run', 'customers-to-app');
  assert.deepEqual([refused.code, /paused/.test(refused.said)], [1, true], refused.said);
  assert.equal((await tailrace('resume', 'customers-to-app')).said, '✓ customers-to-app runs again\n');
  const nobody = await tailrace('approve', 'customers-to-app', 'abcdef12');
  assert.deepEqual([nobody.code, /no run of this sync is held/.test(nobody.said)], [1, true], nobody.said);
  const wrong = await tailrace('push', '--unchecked', path.join(EXAMPLES, 'broken.yaml'));
  assert.deepEqual(
    [wrong.code, /destination\.account account_unknown/.test(wrong.said)],
    [1, true],
    wrong.said,
  );
  const right = await tailrace('push', path.join(EXAMPLES, 'companies-to-crm.yaml'));
  assert.deepEqual([right.code, /accepted as version 2/.test(right.said)], [0, true], right.said);
}
