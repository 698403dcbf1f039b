/** Schedules: what EventBridge is told, and when it would fire, against instants written out by hand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { awsScheduleExpression, isTimezone, neverFires, nextFire } from '../../shared/core/schedule.ts';

const cron = (text: string, timezone = 'UTC') => ({ cron: text, timezone });

test('every becomes a rate, in the singular for one', () => {
  assert.deepEqual(awsScheduleExpression({ every: '15 minutes' }), {
    expression: 'rate(15 minutes)',
    timezone: 'UTC',
  });
  assert.equal(awsScheduleExpression({ every: '1 hours' }).expression, 'rate(1 hour)');
  assert.equal(awsScheduleExpression({ every: '2 day' }).expression, 'rate(2 days)');
});

test('an aligned rhythm becomes a cron at round times', () => {
  const table: readonly (readonly [string, string])[] = [
    ['1 minute', `cron(${Array.from({ length: 60 }, (_, minute) => minute).join(',')} * * * ? *)`],
    ['15 minutes', 'cron(0,15,30,45 * * * ? *)'],
    ['30 minutes', 'cron(0,30 * * * ? *)'],
    ['60 minutes', 'cron(0 * * * ? *)'],
    ['1 hour', 'cron(0 * * * ? *)'],
    ['120 minutes', 'cron(0 0,2,4,6,8,10,12,14,16,18,20,22 * * ? *)'],
    ['6 hours', 'cron(0 0,6,12,18 * * ? *)'],
    ['1 day', 'cron(0 0 * * ? *)'],
    ['24 hours', 'cron(0 0 * * ? *)'],
  ];
  for (const [every, expression] of table) {
    assert.deepEqual(awsScheduleExpression({ every, align: true }), { expression, timezone: 'UTC' });
  }
  const after = new Date('2026-03-01T10:07:00Z');
  const fires = ['15 minutes', '6 hours'].map((every) =>
    nextFire(awsScheduleExpression({ every, align: true }).expression, 'UTC', after)?.toISOString(),
  );
  assert.deepEqual(fires, ['2026-03-01T10:15:00.000Z', '2026-03-01T12:00:00.000Z']);
});

test('five fields become EventBridge’s six', () => {
  const table: readonly (readonly [string, string])[] = [
    ['0 6 * * *', 'cron(0 6 * * ? *)'],
    ['*/15 * * * *', 'cron(0,15,30,45 * * * ? *)'],
    ['5/20 * * * *', 'cron(5,25,45 * * * ? *)'],
    ['0 9 * * 1-5', 'cron(0 9 ? * 2-6 *)'],
    ['0 9 * * 0,6', 'cron(0 9 ? * 1,7 *)'],
    ['0 9 * * 7', 'cron(0 9 ? * 1 *)'],
    ['0 9 * * SUN', 'cron(0 9 ? * 1 *)'],
    ['0 0 1 jan,Jul *', 'cron(0 0 1 1,7 ? *)'],
    ['10-40/10 8-18 */10 * *', 'cron(10,20,30,40 8-18 1,11,21,31 * ? *)'],
    [' 0  6 * * * ', 'cron(0 6 * * ? *)'],
  ];
  for (const [unix, aws] of table) {
    assert.deepEqual(awsScheduleExpression(cron(unix, 'Europe/Paris')), {
      expression: aws,
      timezone: 'Europe/Paris',
    });
  }
});

test('a cron that cannot be told to EventBridge is a fault, not another schedule', () => {
  for (const text of ['0 6 1 * 1', '0 6 * *', '61 * * * *', '0 6 L * *']) {
    assert.throws(() => awsScheduleExpression(cron(text)), {
      name: 'Fault',
      kind: 'config',
      path: 'schedule.cron',
    });
  }
});

test('days that do not exist never fire; the 29th of February does', () => {
  const from = new Date('2026-01-01T00:00:00Z');
  assert.equal(neverFires(cron('0 0 30 2 *'), from), true);
  assert.equal(neverFires(cron('0 0 31 4,6,9,11 *'), from), true);
  assert.equal(neverFires(cron('0 0 29 2 *'), from), false);
  assert.equal(neverFires({ every: '1 day' }, from), false);
});

const fires = (expression: string, after: string, timezone = 'UTC'): string | undefined =>
  nextFire(expression, timezone, new Date(after))?.toISOString();

test('the next instant of EventBridge’s own dialect', () => {
  assert.equal(fires('cron(0/15 * * * ? *)', '2026-03-01T10:15:00Z'), '2026-03-01T10:30:00.000Z');
  assert.equal(
    fires('cron(0 6 ? * 2 *)', '2026-03-01T00:00:00Z'),
    '2026-03-02T06:00:00.000Z',
    'weekday 2 is Monday',
  );
  assert.equal(fires('cron(0 6 ? * SUN *)', '2026-03-01T07:00:00Z'), '2026-03-08T06:00:00.000Z');
  assert.equal(fires('cron(0 0 29 2 ? *)', '2026-03-01T00:00:00Z'), '2028-02-29T00:00:00.000Z');
  assert.equal(fires('cron(0 0 1 1 ? 2030)', '2026-03-01T00:00:00Z'), '2030-01-01T00:00:00.000Z');
  assert.equal(fires('cron(0 0 1 1 ? 2020)', '2026-03-01T00:00:00Z'), undefined);
  assert.equal(fires('rate(5 minutes)', '2026-03-01T00:00:00Z'), '2026-03-01T00:05:00.000Z');
  assert.equal(fires('rate(1 day)', '2026-03-01T00:00:00Z'), '2026-03-02T00:00:00.000Z');
});

test('a time zone moves with its clocks', () => {
  assert.equal(
    fires('cron(0 6 * * ? *)', '2026-03-28T12:00:00Z', 'Europe/Paris'),
    '2026-03-29T04:00:00.000Z',
  );
  assert.equal(
    fires('cron(0 6 * * ? *)', '2026-10-24T12:00:00Z', 'Europe/Paris'),
    '2026-10-25T05:00:00.000Z',
  );
});

test('what is no expression is a fault', () => {
  for (const text of [
    'cron(0 6)',
    'rate(0 minutes)',
    'rate(5 weeks)',
    'at(2026-01-01T00:00:00)',
    '',
    'cron(0 6 L * ? *)',
  ]) {
    assert.throws(() => nextFire(text, 'UTC', new Date(0)), { code: 'schedule_expression' }, text);
  }
});

test('time zones are names of the database', () => {
  assert.deepEqual(['UTC', 'Europe/Paris', 'America/Argentina/Ushuaia'].map(isTimezone), [true, true, true]);
  assert.deepEqual(['', 'Paris', '+01:00', 'Europe/Paris\0', '../etc'].map(isTimezone), [
    false,
    false,
    false,
    false,
    false,
  ]);
});
