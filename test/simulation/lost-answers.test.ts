/** Defects of delivery that seeds of the simulator have found, as small as they can be. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { Fault } from '../../shared/core/fault.ts';
import type { Outcome } from '../../shared/core/outcomes.ts';
import type { JobDestination } from '../../shared/destinations/destination.ts';
import { arrange } from '../delivery/harness.ts';

const LINES = ['k1', 'k2', 'k3'].map((k) => ({ k }));
const lost = (): Fault => new Fault('transient', 'timeout', 'no answer in time');

test('class C: a job whose submit was not answered is unknown, and not submitted again', async () => {
  let submits = 0;
  const destination: JobDestination = {
    kind: 'jobs',
    name: 'bulk',
    settings: z.object({}),
    target: z.object({ object: z.string() }),
    operations: () => ({ upsert: 'unsafe' }),
    limits: () => ({ requestRowsMax: 10, requestBytesMax: 1_000_000, requestsInFlightMax: 1 }),
    check: async () => undefined,
    submit: async () => {
      submits += 1;
      throw lost();
    },
    poll: async () => ({ done: true, outcomes: [] }),
  };
  const t = await arrange({ lines: LINES, destination });
  await t.deliver(20);
  assert.equal(submits, 1);
  assert.deepEqual(
    t.failures().map(({ row_key, code }) => [row_key, code]),
    [
      ['k1', 'unknown_outcome'],
      ['k2', 'unknown_outcome'],
      ['k3', 'unknown_outcome'],
    ],
  );
});

test('class C: a row that had to wait after an unanswered call is taken for held', async () => {
  const t = await arrange({
    lines: LINES,
    classes: { upsert: 'unsafe', delete: 'unsafe' },
    sync: { mode: 'mirror', unknowns: 'resend' },
    answer: async ({ rows }, _signal, nth) => {
      if (nth === 1) throw lost();
      return rows.map(({ key }) => ({ key, is: key === 'k1' && rows.length > 1 ? 'deferred' : 'accepted' }));
    },
  });
  await t.deliver(20);
  assert.deepEqual(
    t.failures().map(({ row_key, code, applied }) => [row_key, code, applied]),
    [['k1', 'no_answer', '1']],
  );
});

test('class C: a stage that cannot be read on leaves the rest of a claim unknown', async () => {
  const sent: string[] = [];
  const t = await arrange({
    lines: LINES,
    classes: { upsert: 'unsafe' },
    sync: { unknowns: 'park' },
    answer: async ({ rows }) => {
      sent.push(...rows.map(({ key }) => key));
      return new Promise(() => undefined);
    },
  });
  // The loader dies in its call; the next one reads one claimed line, and then the bucket is away.
  const died = t.load(t.loader(), { deadlineAt: t.clock.now() + 3_600_000 }).catch(() => undefined);
  await t.clock.runUntil(t.clock.now() + 400_000);
  assert.deepEqual(sent, ['k1', 'k2', 'k3']);
  let reads = 0;
  const range: typeof t.objects.range = async function* (key, from, to, signal) {
    reads += 1;
    yield* t.objects.range(key, from, reads === 1 ? from + FIRST_LINE_BYTES : to, signal);
    if (reads === 1) throw lost();
  };
  await t.deliver(20, () => ({ ...t.loader(), objects: { ...t.objects, range } }));
  await died;
  assert.equal(reads, 2);
  assert.equal(sent.length, 3, 'no claimed row is sent again');
  assert.deepEqual(
    t.failures().map(({ row_key, code }) => [row_key, code]),
    [
      ['k1', 'unknown_outcome'],
      ['k2', 'unknown_outcome'],
      ['k3', 'unknown_outcome'],
    ],
  );
});

test('class B: a loader that dies with a part of a request makes the same requests again', async () => {
  const taken: string[] = [];
  const known = new Map<string, readonly Outcome[]>();
  const destination = keyedJobs((key, rows) => {
    const said = known.get(key);
    if (said !== undefined) return said;
    const isWhole = rows.length === 3;
    const outcomes = rows.map((row): Outcome => {
      if (isWhole && row === 'k1') return { key: row, is: 'deferred' };
      taken.push(row);
      return { key: row, is: 'accepted' };
    });
    known.set(key, outcomes);
    return outcomes;
  });
  const t = await arrange({ lines: LINES, destination, classes: { upsert: 'keyed' } });
  const update: typeof t.state.update = async (key, change) => {
    const isSettle = key.partition.startsWith('SHARD#') && change.setIfAbsent !== undefined;
    // The part was submitted and is done; then the loader is gone.
    if (isSettle) throw lost();
    return t.state.update(key, change);
  };
  await assert.rejects(t.load(t.loader({ state: { ...t.state, update } })));
  await t.clock.runUntil(t.clock.now() + 400_000);
  await t.deliver(20, () => t.loader());
  assert.deepEqual(taken.toSorted(), ['k1', 'k2', 'k3']);
  assert.equal(t.batch().counts?.accepted, 3);
});

/** `answer` gives the outcomes of the request with this key. */
function keyedJobs(answer: (key: string, rows: readonly string[]) => readonly Outcome[]): JobDestination {
  const jobs: (readonly Outcome[])[] = [];
  return {
    kind: 'jobs',
    name: 'bulk',
    settings: z.object({}),
    target: z.object({ object: z.string() }),
    operations: () => ({ upsert: 'keyed' }),
    limits: () => ({ requestRowsMax: 10, requestBytesMax: 1_000_000, requestsInFlightMax: 1 }),
    check: async () => undefined,
    submit: async (_, __, { idempotencyKey, rows }) => {
      jobs.push(
        answer(
          idempotencyKey,
          rows.map(({ key }) => key),
        ),
      );
      return { jobId: String(jobs.length - 1) };
    },
    poll: async (_, __, { jobId }) => ({ done: true, outcomes: jobs[Number(jobId)] ?? [] }),
  };
}

/** One line and a little of the next one. */
const FIRST_LINE_BYTES = 100;
