/**
 * Retention against pointers: nothing that a state item may name for ever expires, however long its sync sleeps; everything
 * else does. The names are those of `names.ts`, the rules those of the template.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { HOLD_MS_MAX, QUEUE_RETENTION_MS, RUN_MS_MAX, RUN_OBJECTS_DAYS } from '../../shared/core/limits.ts';
import * as names from '../../shared/core/names.ts';
import { runItemSchema, syncItemSchema } from '../../shared/core/state-items.ts';
import { bench, people } from '../engine/bench.ts';
import { properties, resource, templateOf } from './templates.ts';

type Rule = {
  readonly Status: string;
  readonly Prefix?: string;
  readonly ExpirationInDays?: number;
  readonly ExpirationDate?: string;
  readonly NoncurrentVersionExpiration?: unknown;
  readonly Transitions?: unknown;
  readonly TagFilters?: readonly { readonly Key: string; readonly Value: string }[];
};
const bucket = resource(templateOf('prod'), 'AWS::S3::Bucket', 'Staging');
const rules: readonly Rule[] = properties(bucket).LifecycleConfiguration.Rules;

type Tags = Readonly<Record<string, string>>;
const SUPERSEDED: Tags = { superseded: 'true' };

/** After how many days S3 removes the object; undefined: never. */
function expiresAfterDays(key: string, tags: Tags = {}): number | undefined {
  const days = rules
    .filter(({ Status, Prefix = '' }) => Status === 'Enabled' && key.startsWith(Prefix))
    .filter(({ TagFilters = [] }) => TagFilters.every(({ Key, Value }) => tags[Key] === Value))
    .flatMap(({ ExpirationInDays = [] }) => ExpirationInDays);
  return days.length === 0 ? undefined : Math.min(...days);
}

const BATCH = { shard: 0, ordinal: 0 };
/** What SYNC names through `failures.manifest`, and what that manifest names. */
const KEPT: Readonly<Record<string, string>> = {
  failureManifestKey: names.failureManifestKey('people', 7, 'f1'),
  failureObjectKey: names.failureObjectKey('people', 7, BATCH, 'd1', 3),
  carriedManifestKey: names.carriedManifestKey('people', 7),
  carriedPrefix: `${names.carriedPrefix('people', 7)}0000_part_00`,
  failuresPrefix: names.failuresPrefix('people', 7),
  keptPrefix: names.keptPrefix('people', 7),
};
/** What only an active or held run reads, evidence of its dead letters, and the doctor's probe. */
const OF_A_RUN: Readonly<Record<string, string>> = {
  runPrefix: names.runPrefix('people', 7),
  frozenDefinitionKey: names.frozenDefinitionKey('people', 7),
  countsKey: names.countsKey('people', 7),
  stagePrefix: `${names.stagePrefix('people', 7, 'crm')}0000_part_00`,
  stageManifestKey: names.stageManifestKey('people', 7, 'crm'),
  deadLetterKey: names.deadLetterKey('people', 7, BATCH, 'd1'),
  probePrefix: names.probePrefix('p1'),
};

test('a failure set never expires by age, only once it is marked as superseded', () => {
  for (const [name, key] of Object.entries(KEPT)) {
    assert.equal(expiresAfterDays(key), undefined, name);
    assert.equal(expiresAfterDays(key, SUPERSEDED), 30, name);
  }
});

test('objects of a run expire after any run, hold and message is over', () => {
  for (const [name, key] of Object.entries(OF_A_RUN)) assert.equal(expiresAfterDays(key), 30, name);
  const dayMs = 86_400_000;
  // A statement runs for a day at most.
  assert.ok(RUN_OBJECTS_DAYS * dayMs > dayMs + HOLD_MS_MAX + RUN_MS_MAX);
  assert.ok(RUN_OBJECTS_DAYS * dayMs > dayMs + HOLD_MS_MAX + QUEUE_RETENTION_MS);
});

test('the bucket has no other way to lose an object', () => {
  assert.equal(rules.length, 3);
  for (const rule of rules) {
    assert.deepEqual(
      [rule.ExpirationDate, rule.NoncurrentVersionExpiration, rule.Transitions],
      [undefined, undefined, undefined],
    );
  }
});

test('every name of an object in the staging bucket is judged here', () => {
  const source = readFileSync(new URL('../../shared/core/names.ts', import.meta.url), 'utf8');
  const made = source
    .replace(/\/\*\*[\s\S]*?\*\//g, '')
    .split(/^export /m)
    .filter((block) => /`(runs|kept)\/|(run|kept|stage|carried|failures)Prefix\(/.test(block))
    .map((block) => /^(?:const|function) (\w+)/.exec(block)?.[1] ?? '')
    // The audit has a bucket of its own, in which nothing expires.
    .filter((name) => !name.startsWith('audit'));
  assert.deepEqual(made.toSorted(), [...Object.keys(KEPT), ...Object.keys(OF_A_RUN)].toSorted());
});

test('every attribute of SYNC and RUN is known to name objects or not', () => {
  /** `epoch`, `hold` and `cut` name objects of a run while it is active, which is bounded; `failures` for ever. */
  const pointing = ['epoch', 'hold', 'cut', 'failures'];
  const others = [
    ...['phase', 'owner', 'leaseUntil', 'deadline', 'startedAt', 'progress', 'notBefore', 'lastScheduled'],
    ...['wanted', 'watermark', 'lastCount', 'definitionVersion', 'generation', 'paused', 'committedAt'],
    ...['resumedAt', 'loadingSince', 'trouble', 'healedRuns', 'statementId', 'sealed', 'stop', 'result'],
    // Of epochs in the warehouse's tables. A frozen definition of `snapshotEpoch` saves a question, if it is still there.
    ...['dirty', 'snapshotEpoch'],
  ];
  const attributes = [...Object.keys(syncItemSchema.shape), ...Object.keys(runItemSchema.shape)];
  assert.deepEqual(new Set(attributes), new Set([...pointing, ...others]));
});

const YEAR_MS = 365 * 86_400_000;

type One = Awaited<ReturnType<typeof bench>>;

/** A year goes by, and the bucket loses what its rules let it lose. */
async function sleep(one: One): Promise<number> {
  await one.pass(YEAR_MS);
  const { objects } = one.ports;
  const gone = objects
    .keys()
    .filter((key) => expiresAfterDays(key, objects.superseded.has(key) ? SUPERSEDED : {}) !== undefined);
  for (const key of gone) objects.remove(key);
  return gone.length;
}

const failing = async (parts: Readonly<Record<string, unknown>> = {}): Promise<One> => {
  const one = await bench(parts);
  one.rows(people(9));
  one.refuses = ({ k }) => (k === 'k3' || k === 'k5' ? 'no' : undefined);
  await one.whole();
  return one;
};

for (const changes of [{ by: 'diff' }, { by: 'cursor', column: 'changed_at', lagSeconds: 60 }]) {
  test(`by ${changes.by}: after a year asleep a run tries what failed before it`, async () => {
    const one = await failing({ changes });
    assert.equal((await one.sync()).failures?.count, 2);
    assert.ok((await sleep(one)) > 0);
    one.refuses = () => undefined;
    await one.whole();
    const { phase, snapshotEpoch, failures } = await one.sync();
    assert.deepEqual([phase, snapshotEpoch, failures], ['idle', 2, null]);
    assert.equal(one.destination.size, 9);
  });
}

test('what SYNC points to is never marked; what it pointed to before is', async () => {
  const one = await failing();
  const { objects } = one.ports;
  assert.deepEqual([...objects.superseded], []);
  const first = objects.keys().filter((key) => key.startsWith(names.keptPrefix('people', 1)));
  assert.ok(first.length >= 2);
  await one.whole();
  const { failures } = await one.sync();
  assert.equal(failures?.count, 2);
  assert.deepEqual([...objects.superseded].toSorted(), first);
  const manifest = objects.bytes(failures?.manifest ?? '') ?? assert.fail();
  const { entries } = JSON.parse(Buffer.from(manifest).toString('utf8')) as { entries: { url: string }[] };
  for (const { url } of entries) assert.ok(!objects.superseded.has(objects.keyOf(url)), url);
  await sleep(one);
  assert.deepEqual(
    objects.keys().filter((key) => key.startsWith(names.keptPrefix('people', 1))),
    [],
  );
  assert.ok(objects.keys().includes(failures?.manifest ?? ''));
});

test('a set that cannot be marked stops nothing', async () => {
  const one = await failing();
  Object.assign(one.ports.objects, { supersede: () => Promise.reject(new Error('not today')) });
  await one.whole();
  assert.equal((await one.sync()).snapshotEpoch, 2);
  assert.ok(one.ports.events.types().filter((type) => type === 'Run Committed').length === 2);
});

test('a failed run’s leftovers are marked by the flip after it', async () => {
  const one = await failing();
  await one.start();
  const lost = `${names.carriedPrefix('people', 2)}0000_part_00`;
  one.ports.objects.store(lost, '{}\n');
  await one.fan(2, 'failed');
  await one.pass(one.ports.settings.graceMs);
  await one.whole();
  assert.ok(one.ports.objects.superseded.has(lost));
});

test('a held run is discarded after a year, and the next one goes on as if it had not been', async () => {
  const guards = { maxDeletes: 1, maxDeleteRatio: 0.5, maxShrink: 0.3 };
  const one = await failing({ destination: { mode: 'mirror' }, guards });
  one.rows([]);
  await one.start();
  assert.deepEqual(await one.fan(2), { is: 'held' });
  await sleep(one);
  await one.sweep();
  assert.deepEqual([(await one.sync()).phase, (await one.sync()).snapshotEpoch], ['idle', 1]);
  one.rows(people(9));
  one.refuses = () => undefined;
  await one.whole();
  assert.equal((await one.sync()).failures, null);
  assert.equal(one.destination.size, 9);
});
