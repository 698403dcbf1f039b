/**
 * What the functions write, read back as CloudWatch gets it: the audit and the function that tells owners name the run on
 * each line, and a dead letter is counted as one, not as an error.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { notifyAfter } from '../../lambdas/notify-owners.ts';
import { auditEvent } from '../../lambdas/record-audit.ts';
import { type LambdaTelemetry, powertoolsTelemetry } from '../../shared/aws/powertools-telemetry.ts';
import { buryBatch } from '../../shared/engine/bury-batch.ts';
import { type Bench, bench, people, SYNC } from '../engine/bench.ts';

type Line = Readonly<Record<string, unknown>>;

/** The lines that `work` writes through the telemetry of a function. */
async function linesOf(work: (telemetry: LambdaTelemetry) => Promise<unknown>): Promise<readonly Line[]> {
  const written: string[] = [];
  const { stdout, stderr } = process;
  const before = [stdout.write, stderr.write] as const;
  stdout.write = stderr.write = ((text: unknown) => written.push(String(text)) > 0) as typeof stdout.write;
  try {
    const telemetry = powertoolsTelemetry('dev');
    await work(telemetry);
    telemetry.flush();
  } finally {
    [stdout.write, stderr.write] = before;
  }
  const texts = written.join('').split('\n');
  // The test runner reports on the same stream.
  return texts.filter((text) => text.startsWith('{"')).map((text) => JSON.parse(text));
}

const ran = (lines: readonly Line[]): unknown[] => lines.map(({ message, run }) => [message, run]);

async function afterTwoRuns(): Promise<Bench> {
  const one = await bench();
  one.rows(people(3));
  await one.whole();
  await one.whole();
  return one;
}

const auditOf = (one: Bench, telemetry: LambdaTelemetry) => ({
  ...{ ...one.ports, telemetry, environment: 'dev' },
  audit: { put: async () => 'written' as const, names: async function* () {} },
});

test('the audit names the run that each of its records is about', async () => {
  const one = await afterTwoRuns();
  const lines = await linesOf((telemetry) =>
    auditEvent(auditOf(one, telemetry), 'Run Committed', { syncId: SYNC, epoch: 2 }),
  );
  assert.deepEqual(ran(lines), [
    ['audited', 'people/2'],
    ['audited', 'people/1'],
  ]);
});

test('an approval is found with the run that it let go on', async () => {
  const one = await afterTwoRuns();
  const asked = { requestId: 'r-1', verb: 'approve', syncId: SYNC, by: null, at: 1 };
  const answered = { ...asked, ok: true, epoch: 2 };
  const lines = await linesOf((telemetry) =>
    auditEvent(auditOf(one, telemetry), 'Operator Answered', answered),
  );
  assert.deepEqual(ran(lines), [['audited', 'people/2']]);
});

test('a fault of the audit names the run as well', async () => {
  const one = await afterTwoRuns();
  const lines = await linesOf(async (telemetry) => {
    const ports = auditOf(one, telemetry);
    const deaf = { ...ports, audit: { ...ports.audit, put: () => Promise.reject(new Error('no')) } };
    await auditEvent(deaf, 'Run Committed', { syncId: SYNC, epoch: 2 }).catch(() => undefined);
    telemetry.log('warn', 'aws_unavailable', {});
  });
  assert.deepEqual(ran(lines), [['aws_unavailable', 'people/2']]);
});

test('who tells owners names the run that it was called for', async () => {
  const one = await bench();
  one.rows(people(3));
  one.refuses = () => 'no';
  await one.whole();
  const topic = { publish: async () => undefined };
  const lines = await linesOf((telemetry) =>
    notifyAfter({ ...one.ports, telemetry, topic, environment: 'dev' }, { syncId: SYNC, epoch: 1 }),
  );
  assert.deepEqual(
    lines.map(({ message, run, is }) => [message, run, is]),
    [
      ['owner_notified', 'people/1', 'told'],
      ['owner_looked_after', 'people/1', 'told'],
    ],
  );
});

test('a dead letter is a warning: it is counted as such, and not among the errors that somebody gets up for', async () => {
  const one = await bench();
  one.rows(people(3));
  await one.start();
  await one.fan(1);
  const [delivery] = one.ports.queue.receive('crm', 'express', 1, 1000);
  const { message } = delivery ?? assert.fail('no message');
  const lines = await linesOf((telemetry) =>
    buryBatch({ ...one.ports, telemetry }, { message, deliveryId: 'd1' }),
  );
  assert.deepEqual(
    lines
      .filter(({ level }) => level !== undefined)
      .map(({ level, message: code, dead }) => [level, code, dead]),
    [['WARN', 'batch_buried', 3]],
  );
  const metrics = lines.filter((line) => '_aws' in line);
  assert.deepEqual(
    metrics.map(({ dead_letters, errors }) => [dead_letters, errors]),
    [[1, undefined]],
  );
});
