/**
 * The main job, made small: the synthesized stage on the local stack, five syncs to a sink and a PostgreSQL, changes, an
 * outage, and a comparison of every field with what the models say. Both ways out of the warehouse.
 */
import assert from 'node:assert/strict';
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
    const dataDir = mkdtempSync(path.join(tmpdir(), `tailrace-${extraction}-`));
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
    } finally {
      await world.stop();
      rmSync(dataDir, { recursive: true, force: true });
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
