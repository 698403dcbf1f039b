/** The cost model: its arithmetic, what an idle environment comes to, and that `docs/cost.md` says so. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { twoAccounts } from '../../infra/cost-environment.ts';
import {
  type Counts,
  idleMonth,
  runDollars,
  total,
  wakeUpDollars,
  workDollars,
} from '../../infra/cost-model.ts';
import { type Counted, costText } from '../../infra/cost-text.ts';
import { synthesize } from '../../infra/synthesize.ts';

const NOTHING: Counts = { calls: {}, writeUnits: {}, invocations: {}, billedMs: {}, batches: 0 };
const counted = JSON.parse(
  readFileSync(new URL('../../infra/counted.json', import.meta.url), 'utf8'),
) as Counted;
const { template } = synthesize(
  { name: 'dev', settings: twoAccounts() },
  path.join(tmpdir(), `tailrace-cost-test-${process.pid}`),
);

const near = (actual: number, expected: number): void =>
  assert.ok(Math.abs(actual - expected) < expected * 1e-5, `${actual}, not ${expected}`);

test('each part of a run has its price', () => {
  near(workDollars({ ...NOTHING, calls: { 's3:PutObject': 1000 } }), 0.005);
  near(workDollars({ ...NOTHING, calls: { 'sqs:SendMessage': 2_000_000 } }), 0.8);
  near(workDollars({ ...NOTHING, writeUnits: { SHARD: 1_000_000, RUN: 1_000_000 } }), 1.25);
  // Half a gigabyte for 1,000 s of a whole core, on 512/1769 of one; a loader waits as long on any share.
  near(workDollars({ ...NOTHING, billedMs: { FanOut: 1_000_000 } }), 0.02303397);
  near(workDollars({ ...NOTHING, billedMs: { TowebhookLoadBatch: 1_000_000 } }), 0.0066667);
  near(workDollars({ ...NOTHING, invocations: { FanOut: 1_000_000 } }), 0.7);
  // A pointer is received and deleted by Lambda.
  near(workDollars({ ...NOTHING, batches: 1_000_000 }), 0.8);
  // Two cold starts and the tick.
  near(runDollars({ ...NOTHING, invocations: { Api: 1, FanOut: 1 } }), 0.0000157334);
});

test('a call whose price nobody knows is an error, not free', () => {
  assert.throws(
    () => workDollars({ ...NOTHING, calls: { 'kms:Sign': 1 } }),
    /price of kms:Sign is not known/,
  );
});

test('a wake-up of Redshift Serverless is a minute of its base capacity', () => {
  near(wakeUpDollars(4), 0.025);
  near(wakeUpDollars(128), 0.8);
});

test('an idle environment with two destination accounts costs at most $8 a month', () => {
  const lines = idleMonth(template, counted.scheduled);
  const alarms = Object.values(template.Resources).filter(
    ({ Type }) => Type === 'AWS::CloudWatch::Alarm',
  ).length;
  assert.ok((lines.find(({ what }) => what.includes('alarms'))?.count ?? 0) >= alarms);
  assert.deepEqual(
    lines.filter(({ what }) => what.startsWith('looks of')).map(({ what, count }) => [what, count]),
    [
      ['looks of NotifyOwners', 4320],
      ['looks of RecordAudit', 30],
      ['looks of Sweep', 43_200],
    ],
  );
  assert.ok(total(lines) <= 8, `$${total(lines).toFixed(2)}`);
  assert.ok(total(lines) >= 3, 'something is not counted');
});

test('a million rows cost at most $0.05, a run that finds nothing at most $0.0001', () => {
  assert.ok((runDollars(counted.firstRun) * 1e6) / counted.stated.rows <= 0.05);
  assert.ok(runDollars(counted.emptyRun) <= 0.0001);
});

test('docs/cost.md is up to date', () => {
  const written = readFileSync(new URL('../../docs/cost.md', import.meta.url), 'utf8');
  assert.equal(written, `${costText(template, counted)}\n`, 'run: node scripts/write-cost.ts');
});
