/**
 * A whole run on the deployed shape, by each way out of the warehouse: every call is allowed by the template's roles,
 * everything that they allow is used or explained, and no secret and nothing of a person is written where it may not be.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { drawCanaries } from './canaries.ts';
import { judge } from './explained-statements.ts';
import { namedGrants } from './grants.ts';
import { findLeaks } from './scanner.ts';
import { type SmallWorld, smallStage, startOutside, startSmallWorld } from './small-world.ts';
import { wholeRun } from './whole-run.ts';

const SEED = 20_261_122;

const NAMES = {
  unload: 'by unload: nothing refused, nothing allowed without use or reason, no canary seen',
  pages: 'by pages: nothing refused, nothing allowed without use or reason, no canary seen',
};

/** Both at once: most of a run is waiting. */
describe('a whole run', { concurrency: 2 }, () => {
  for (const extraction of ['unload', 'pages'] as const) {
    it(NAMES[extraction], () => judged(extraction));
  }
});

async function judged(extraction: 'unload' | 'pages'): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), `tailrace-whole-${extraction}-`));
  const outside = await startOutside(drawCanaries(SEED), folder);
  const stage = smallStage(outside, extraction);
  const world = await startSmallWorld({ outside, dataDir: path.join(folder, 'data'), stage, speed: 60 });
  try {
    await wholeRun(world);
    const { denials, grants } = world.stack.stats().permissions;
    assert.deepEqual(denials, [], 'every call is allowed by the template');
    const accounts = (stage.accounts ?? []).map(({ name }) => name);
    assert.deepEqual(judge(namedGrants(grants, accounts), extraction), NOTHING);
    await assertSecret(world);
  } finally {
    await world.stop();
    await outside.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const NOTHING = { unused: [], usedAfterAll: [], idle: [] };

/** In every kind of place there is something to look at, and none of it is a canary. */
async function assertSecret(world: SmallWorld): Promise<void> {
  const places = await world.places();
  for (const [kind, said] of LOOKED_AT) {
    const texts = places.filter(({ where }) => kind.test(where)).map(({ text }) => text);
    assert.ok(texts.join('').includes(said), `${kind} has ${said}`);
  }
  assert.deepEqual(findLeaks(world.outside.canaries.all, places), []);
}

const LOOKED_AT: readonly (readonly [kind: RegExp, said: string])[] = [
  [/^logs\//, '"message":"run_committed"'],
  [/^logs\//, '"_aws":{'],
  [/^logs\/\w*LoadBatch/, 'load_batch_ended'],
  [/^queues\/.*(express|bulk)/, '"people-to-mail\\"'],
  [/^queues\/.*DeadLetters/, '"people-to-mail\\"'],
  [/^queues\/.*Undelivered/, 'errorMessage'],
  [/^queues\/asynchronous/, 'people-to-crm'],
  [/^streams\//, 'people-to-crm'],
  [/^schedules\.json/, 'people-to-crm'],
  [/^notifications/, 'people-to-crm'],
  [/^s3\/.*audit.*/, 'people-to-crm'],
  [/^cdk\.out\/.*template/, 'AWS::SecretsManager::Secret'],
  [/^table .*State/, 'RUN#people-to-crm'],
  [/^table .*Definitions/, '"state":"accepted"'],
  [/^events/, 'Run Held'],
  [/^events/, 'Run Failed'],
];
