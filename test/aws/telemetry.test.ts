/** What leaves a function as log and metric: only listed fields, only words and numbers, two dimensions. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { loggable } from '../../shared/aws/loggable.ts';
import { powertoolsTelemetry } from '../../shared/aws/powertools-telemetry.ts';
import { Fault } from '../../shared/core/fault.ts';

const written: string[] = [];
const original = process.stdout.write;
const originalError = process.stderr.write;
const capture = (text: unknown): boolean => {
  written.push(String(text));
  return true;
};
beforeEach(() => {
  written.length = 0;
});
afterEach(() => {
  process.stdout.write = original;
  process.stderr.write = originalError;
});
function captured(run: () => void): Record<string, unknown>[] {
  process.stdout.write = capture as typeof process.stdout.write;
  process.stderr.write = capture as typeof process.stderr.write;
  run();
  process.stdout.write = original;
  process.stderr.write = originalError;
  const lines = written.join('').split('\n');
  return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
}

test('fields that are not listed are dropped and counted, whatever they hold', () => {
  assert.deepEqual(loggable({ syncId: 'one', epoch: 3, token: 'hunter2', body: { a: 1 } }), {
    syncId: 'one',
    epoch: 3,
    run: 'one/3',
    dropped: 2,
  });
});

test('a listed field holds a word, a number or a list of words; sentences and objects are dropped', () => {
  assert.deepEqual(
    loggable({ code: 'Anna Schmidt, anna@example.com', reasons: ['max_deletes', 'no rows'] }),
    {
      dropped: 2,
    },
  );
  assert.deepEqual(loggable({ reasons: ['max_deletes'], at: 5, pause: true, owner: null }), {
    reasons: ['max_deletes'],
    at: 5,
    pause: true,
    owner: null,
  });
});

test('a fault is logged without its message and its causes', () => {
  const telemetry = powertoolsTelemetry('dev');
  const cause = new TypeError('cannot read hunter2');
  const lines = captured(() => telemetry.failed(new Fault('bug', 'unexpected_error', 'hunter2', { cause })));
  assert.equal(lines.length, 1);
  assert.doesNotMatch(written.join(''), /hunter2/);
  assert.equal(lines[0]?.message, 'unexpected_error');
  assert.equal(lines[0]?.kind, 'bug');
  assert.equal(lines[0]?.faultName, 'TypeError');
  assert.equal(lines[0]?.environment, 'dev');
});

test('metrics are summed and written once, with environment and account as dimensions', () => {
  const telemetry = powertoolsTelemetry('dev');
  const lines = captured(() => {
    telemetry.count('rows_accepted', 5, 'crm');
    telemetry.count('rows_accepted', 7, 'crm');
    telemetry.count('dead_letters', 1, 'crm');
    telemetry.flush();
    telemetry.flush();
  });
  assert.equal(lines.length, 2);
  const [ofAccount, ofEnvironment] = lines;
  assert.equal(ofAccount?.rows_accepted, 12);
  assert.equal(ofEnvironment?.dead_letters, 1, 'kept by environment, whatever account is named');
  const dimensions = (line: Record<string, unknown> = {}): unknown =>
    (line._aws as { CloudWatchMetrics: { Dimensions: unknown }[] }).CloudWatchMetrics[0]?.Dimensions;
  assert.deepEqual(dimensions(ofAccount), [['environment', 'account']]);
  assert.deepEqual(dimensions(ofEnvironment), [['environment']]);
  assert.equal(ofAccount?.service, undefined);
});

test('every error that is logged counts, so that one alarm sees them all', () => {
  const telemetry = powertoolsTelemetry('dev');
  const lines = captured(() => {
    telemetry.log('error', 'mismatch', {});
    telemetry.log('warn', 'event_not_published', {});
    telemetry.flush();
  });
  assert.equal(lines.find((line) => '_aws' in line)?.errors, 1);
});

test('the subject is on every line until the next, on faults too, and not on those of the next invocation', () => {
  const telemetry = powertoolsTelemetry('dev');
  const lines = captured(() => {
    telemetry.about({ syncId: 'one', epoch: 3, shard: 0 });
    telemetry.log('info', 'begun', { code: 'x' });
    telemetry.failed(new Fault('bug', 'unexpected_error', 'no'));
    telemetry.about({ syncId: 'two', epoch: 1, body: 'not loggable' });
    telemetry.log('info', 'begun', { syncId: 'three' });
    telemetry.flush();
    telemetry.log('info', 'later', {});
  });
  assert.deepEqual(
    lines
      .filter((line) => !('_aws' in line))
      .map(({ message, syncId, epoch, run, shard, dropped }) => [
        message,
        syncId,
        epoch,
        run,
        shard,
        dropped,
      ]),
    [
      ['begun', 'one', 3, 'one/3', 0, undefined],
      ['unexpected_error', 'one', 3, 'one/3', 0, undefined],
      ['begun', 'three', 1, 'two/1', undefined, 1],
      ['later', undefined, undefined, undefined, undefined, undefined],
    ],
  );
});
