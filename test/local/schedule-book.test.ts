/** Schedules: when they fire, what they say, and that they outlive the process. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import {
  openScheduleBook,
  type ScheduleBook,
  type ScheduleSpec,
} from '../../local/services/schedule-book.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'tailrace-schedules-'));
after(() => rmSync(directory, { recursive: true, force: true }));

const spec = (ScheduleExpression: string, Input?: string): ScheduleSpec => ({
  ScheduleExpression,
  ScheduleExpressionTimezone: 'UTC',
  State: 'ENABLED',
  Target: { Arn: 'arn:aws:lambda:::f', RoleArn: 'arn:aws:iam:::r', Input },
});

/** A book that collects what it fires. */
function collecting(
  name: string,
  speed: number,
): { book: ScheduleBook; fired: string[]; until(count: number): Promise<void> } {
  const fired: string[] = [];
  const waiting: (() => void)[] = [];
  const book = openScheduleBook(path.join(directory, name), speed, (_schedule, input) => {
    fired.push(input);
    for (const wake of waiting.splice(0)) wake();
  });
  book.start();
  const until = async (count: number): Promise<void> => {
    while (fired.length < count) await new Promise<void>((resolve) => void waiting.push(resolve));
  };
  return { book, fired, until };
}

test('a sped-up rate fires at once and then at its period; ticks are told in rising real time', async () => {
  const { book, fired, until } = collecting('rate.json', 600);
  book.put('g', 'a', spec('rate(1 minute)', '{"at":"<aws.scheduler.scheduled-time>"}'));
  await until(3);
  const times = fired.map((input) => Date.parse((JSON.parse(input) as { at: string }).at));
  const gaps = times.slice(1).map((time, at) => time - (times[at] ?? 0));
  assert.ok(
    gaps.every((gap) => gap >= 99),
    `gaps of ${gaps.join(' and ')} ms`,
  );
  book.stop();
});

test('a cron waits for its time; a disabled schedule does not fire; the same times keep their next tick', () => {
  const { book, fired } = collecting('cron.json', 1);
  const cron = book.put('g', 'yearly', spec('cron(0 6 1 1 ? 2099)'));
  assert.equal(cron.nextAt, Date.parse('2099-01-01T06:00:00Z'));
  book.put('g', 'off', { ...spec('rate(1 minute)'), State: 'DISABLED' });
  const again = book.put('g', 'yearly', { ...spec('cron(0 6 1 1 ? 2099)'), Description: 'changed' });
  assert.equal(again.nextAt, cron.nextAt);
  assert.deepEqual(fired, []);
  book.stop();
});

test('schedules outlive the process; one that should have fired in between fires once', async () => {
  const first = collecting('lasting.json', 600);
  first.book.put('g', 'a', spec('rate(1 minute)'));
  await first.until(1);
  first.book.stop();
  await new Promise((resolve) => setTimeout(resolve, 350));
  const second = collecting('lasting.json', 1);
  await second.until(1);
  assert.deepEqual(
    second.book.list().map(({ Name }) => Name),
    ['a'],
  );
  assert.equal(second.fired.length, 1);
  second.book.stop();
});

test('an expression that cannot be read is refused', () => {
  const { book } = collecting('bad.json', 1);
  assert.throws(() => book.put('g', 'a', spec('every full moon')));
  assert.deepEqual(book.list(), []);
  book.stop();
});
