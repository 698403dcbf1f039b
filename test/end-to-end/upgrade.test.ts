/**
 * An upgrade and a rollback in the middle of a run: code is replaced as Lambda does it, while batches lie in the queues.
 * Messages and items of the version before are understood, those of a later one do no harm, and nothing is lost: every run
 * ends with its books in order, and the destination holds what the model says.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { EnvironmentSettings } from '../../infra/settings.ts';
import { synthesize } from '../../infra/synthesize.ts';
import { startStack } from '../../local/stack.ts';
import type { RunResult } from '../../shared/core/run.ts';
import { drawCanaries } from './canaries.ts';
import { makeReleases } from './next-release.ts';
import { begun, ended, startedAfter } from './operate.ts';
import { openWorld, type SmallWorld, secretsOf, smallStage, startOutside, until } from './small-world.ts';

const ROWS = 1500;
const SYNC = {
  syncId: 'items-to-mail',
  owner: 'growth@example.com',
  schedule: { every: '7 days' },
  model: { sql: 'select id, word from shop.items', primaryKey: ['id'], changes: { by: 'diff' } },
  destination: { account: 'mail', object: 'items', mode: 'upsert', matchOn: 'id' },
  fields: [
    { to: 'id', from: 'id' },
    { to: 'word', from: 'word' },
  ],
};

test('code is replaced and put back while batches lie in queues: every run reconciles, nothing is lost', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tailrace-upgrade-'));
  const outside = await startOutside(drawCanaries(1), folder);
  const assembly = path.join(folder, 'as-it-is');
  const { stackName } = synthesize(
    { name: 'local', settings: slowly(smallStage(outside, 'unload', SHORT)) },
    assembly,
  );
  const releases = makeReleases(assembly, folder);
  const dataDir = path.join(folder, 'data');
  const stack = await startStack({
    assembly: releases.now,
    stackName,
    dataDir,
    speed: 60,
    secrets: secretsOf(outside),
  });
  const world = openWorld(outside, stack, dataDir);
  try {
    await words(world, 'first');
    await world.define(SYNC);
    await upgraded(world, releases.next);
    await rolledBack(world, releases.now);
    arrived(world, 'second');
    assert.deepEqual(stack.stats().permissions.denials, []);
  } finally {
    await world.stop();
    await outside.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});

/** Run 1 is cut and sent by today's code; after its first batches the next release takes over. */
async function upgraded(world: SmallWorld, next: string): Promise<void> {
  const epoch = await startedAfter(world, SYNC.syncId, 0, 'loading');
  await until(world, 'some are sent', () => (sentOf(world, 'first') > 100 ? true : undefined));
  world.stack.deploy(next);
  assert.ok(sentOf(world, 'first') < ROWS, 'the run is under way');
  reconciles(await ended(world, SYNC.syncId, epoch));
  arrived(world, 'first');
  assert.deepEqual(versionsSent(world), ['1']);
}

/**
 * Run 2 is cut and sent by the next release; then today's code is put back. It gives back what it cannot read yet, the run
 * stalls and is fenced, and run 3 sends everything that the second may not have sent.
 */
async function rolledBack(world: SmallWorld, now: string): Promise<void> {
  await words(world, 'second');
  const epoch = await begun(world, SYNC.syncId);
  await startedAfter(world, SYNC.syncId, epoch - 1, 'loading');
  await until(world, 'some are sent', () => (sentOf(world, 'second') > 100 ? true : undefined));
  world.stack.deploy(now);
  assert.ok(sentOf(world, 'second') < ROWS, 'the run is under way');
  assert.deepEqual(versionsSent(world), ['1', '2']);
  const given = await ended(world, SYNC.syncId, epoch);
  assert.deepEqual([given.ended, given.code], ['fenced', 'run_stalled']);
  reconciles(await ended(world, SYNC.syncId, epoch + 1));
}

// ---------------------------------------------------------------- the model, the run, the destination

async function words({ stack }: SmallWorld, word: string): Promise<void> {
  await stack.warehouse.sql('CREATE SCHEMA IF NOT EXISTS tailrace; CREATE SCHEMA IF NOT EXISTS shop');
  await stack.warehouse.sql(
    `CREATE OR REPLACE TABLE shop.items AS SELECT 'item-' || n AS id, '${word}' AS word FROM range(${ROWS}) AS numbers(n)`,
  );
}

/** As many requests as a vendor of few takes: a run lasts for seconds. */
const slowly = (stage: EnvironmentSettings): EnvironmentSettings => ({
  ...stage,
  accounts: (stage.accounts ?? []).map((account) => ({ ...account, rate: { requests: 100, perMs: 10_000 } })),
});

/** A run that nobody moves on is given up soon. */
const SHORT = { runStallMs: 10_000 };

function reconciles({ ended: how, counts, extraction }: RunResult): void {
  assert.equal(how, 'committed');
  assert.deepEqual([extraction?.extracted, counts?.rows, counts?.accepted], [ROWS, ROWS, ROWS]);
}

const sentOf = ({ outside }: SmallWorld, word: string): number =>
  [...(outside.vendor.records.mail?.values() ?? [])].filter((row) => row.word === word).length;

function arrived(world: SmallWorld, word: string): void {
  assert.deepEqual([world.outside.vendor.records.mail?.size, sentOf(world, word)], [ROWS, ROWS]);
}

/** Versions of the pointers that have been in the account's lanes. */
function versionsSent({ dataDir }: SmallWorld): readonly string[] {
  const texts = ['express', 'bulk'].map((lane) =>
    readFileSync(path.join(dataDir, 'queues', `tailrace-local-mail-${lane}.ndjson`), 'utf8'),
  );
  const found = texts.join('').matchAll(/\\"v\\":(\d+)/g);
  return [...new Set([...found].map(([, version = '']) => version))].toSorted();
}
