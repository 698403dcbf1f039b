/** A run's way through a function: a line at both ends and its id on each; every function is traced so. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { traced } from '../../lambdas/traced.ts';
import type { LambdaTelemetry, Subject } from '../../shared/aws/powertools-telemetry.ts';

function recorded(): { telemetry: LambdaTelemetry; lines: unknown[][] } {
  const lines: unknown[][] = [];
  let subject: Subject = {};
  const telemetry = {
    about: (next: Subject) => {
      subject = next;
    },
    log: (_level: string, code: string, { durationMs, ...fields }: Record<string, unknown>) =>
      lines.push([code, { ...subject, ...fields }, typeof durationMs]),
  } as unknown as LambdaTelemetry;
  return { telemetry, lines };
}

test('begin and end name the run; the end says what came of it and how long it took', async () => {
  const { telemetry, lines } = recorded();
  const run = { syncId: 'people', epoch: 4 };
  const result = { is: 'again', code: 'no_slot', afterMs: 5000, rows: ['never logged'] };
  assert.equal(await traced(telemetry, 'load_batch', run, async () => result), result);
  assert.deepEqual(lines, [
    ['load_batch_begun', run, 'undefined'],
    ['load_batch_ended', { ...run, is: 'again', code: 'no_slot', afterMs: 5000 }, 'number'],
  ]);
});

test('a run that gets its epoch on the way has it at the end', async () => {
  const { telemetry, lines } = recorded();
  await traced(telemetry, 'start_run', { syncId: 'people' }, async () => ({ is: 'started', epoch: 9 }));
  assert.deepEqual(lines[1], ['start_run_ended', { syncId: 'people', epoch: 9, is: 'started' }, 'number']);
});

test('a fault passes through with its subject still named', async () => {
  const { telemetry, lines } = recorded();
  const run = { syncId: 'people', epoch: 4 };
  const failing = traced(telemetry, 'fan_out', run, () => Promise.reject(new Error('no')));
  await assert.rejects(failing, /no/);
  telemetry.log('error', 'unexpected_error', {});
  assert.deepEqual(lines.at(-1), ['unexpected_error', run, 'undefined']);
});

const OF_A_RUN = [
  'reconcile-syncs',
  'start-run',
  'fan-out',
  'load-batch',
  'finish-run',
  'dead-letter',
  'sweep',
  'api',
];

for (const name of OF_A_RUN) {
  test(`${name} is traced under its own name`, () => {
    const source = readFileSync(`lambdas/${name}.ts`, 'utf8');
    const steps = [...source.matchAll(/traced\(\s*[\w.]*telemetry,\s*'(\w+)'/g)].map(([, step]) => step);
    assert.deepEqual(steps, [name === 'reconcile-syncs' ? 'reconcile' : name.replaceAll('-', '_')]);
  });
}
