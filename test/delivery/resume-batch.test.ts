/** Crashes, redeliveries, and destinations that are not idempotent: classes A, B and C, and jobs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import { Fault, REQUEST_REFUSED, THROTTLED } from '../../shared/core/fault.ts';
import { budgetKey, shardKey } from '../../shared/core/names.ts';
import type { Outcome } from '../../shared/core/outcomes.ts';
import type { JobDestination, WriteRequest } from '../../shared/destinations/destination.ts';
import type { LoaderPorts } from '../../shared/ports.ts';
import { type Answer, allAccepted, arrange, EPOCH, linesOf, messageAt, SYNC_ID } from './harness.ts';

const accepted = (key: string): Outcome => ({ key, is: 'accepted' });
const NEVER = new Promise<never>(() => undefined);

/** Starts a delivery that dies in the destination's call and never comes back. */
async function crash(
  t: Awaited<ReturnType<typeof arrange>>,
  load: (ports: LoaderPorts) => Promise<unknown>,
): Promise<void> {
  void load(t.loader()).catch(() => undefined);
  await t.clock.runUntil(t.clock.now() + 30_000);
}

/** One delivery in virtual time that may hang for ever: a crash. */
async function deliverOrCrash(t: Awaited<ReturnType<typeof arrange>>, receiveCount: number): Promise<string> {
  const { loadBatch } = await import('../../shared/engine/load-batch.ts');
  let result = 'crashed';
  void loadBatch(t.loader({ ids: receiveCount }), {
    message: messageAt(0),
    receiveCount,
    receivedAt: t.clock.now(),
    // A crash is found out by silence, so the deadline is beyond what the test waits for.
    deadlineAt: t.clock.now() + 10_000_000,
    signal: new AbortController().signal,
  }).then(
    ({ is }) => {
      result = is;
    },
    () => {
      result = 'threw';
    },
  );
  await t.clock.runUntil(t.clock.now() + 60_000);
  return result;
}

test('a line that crashes the loader is dead alone; its neighbours arrive in the same run', async () => {
  const seen = new Set<string>();
  const t = await arrange({
    lines: linesOf(60),
    answer: async ({ rows }) => {
      if (rows.some(({ key }) => key === 'k23')) return NEVER;
      for (const { key } of rows) seen.add(key);
      return rows.map(({ key }) => accepted(key));
    },
  });
  const results: string[] = [];
  for (let receive = 1; results.at(-1) !== 'done' && receive < 10; receive += 1) {
    results.push(await deliverOrCrash(t, receive));
  }
  assert.deepEqual(results, ['crashed', 'crashed', 'crashed', 'crashed', 'crashed', 'done']);
  assert.equal(seen.size, 59);
  assert.deepEqual(t.batch().counts, {
    rows: 60,
    accepted: 59,
    rejected: 0,
    invalid: 0,
    skipped: 0,
    dead: 1,
  });
  assert.deepEqual(
    t.failures().map(({ row_key, kind, code }) => [row_key, kind, code]),
    [['k23', 'dead', 'crashed_loader']],
  );
});

test('a bug of a connector is found like a crash, and told', async () => {
  const t = await arrange({
    lines: linesOf(40),
    answer: async ({ rows }) => {
      if (rows.some(({ key }) => key === 'k23')) throw new TypeError('cannot read properties of undefined');
      return rows.map(({ key }) => accepted(key));
    },
  });
  await t.deliver();
  assert.deepEqual(t.batch().counts, {
    rows: 40,
    accepted: 39,
    rejected: 0,
    invalid: 0,
    skipped: 0,
    dead: 1,
  });
  assert.ok(t.telemetry.lines.some(({ code, level }) => code === 'destination_failed' && level === 'error'));
  assert.ok(!JSON.stringify(t.telemetry.lines).includes('k23'));
});

test('a second receive without a point, after a visibility timeout, says that it runs before its first call', async () => {
  const points: unknown[] = [];
  const t = await arrange({
    lines: linesOf(30),
    answer: async (request, signal, nth) => {
      points.push(t.batch().point?.crashes);
      return allAccepted(request, signal, nth);
    },
  });
  const receivedAt = t.clock.now();
  await t.load(t.loader(), { receiveCount: 2, receivedAt, firstReceivedAt: receivedAt - 360_000 });
  assert.deepEqual(points, [1, 1, 1]);
  assert.deepEqual(t.batch().counts?.accepted, 30);
});

test('a delivery that went back before its first call, and the next one soon after, write only what settles', async () => {
  const t = await arrange({ lines: linesOf(30) });
  t.state.seed(budgetKey('crm'), { nextFreeAt: t.clock.now() + 20_000 });
  const written: string[] = [];
  t.state.onWrite((key) => written.push(key.partition));
  const firstReceivedAt = t.clock.now();
  const back = await t.load(t.loader());
  assert.equal(back.is, 'again');
  assert.equal(written.length, 0);
  await t.clock.runUntil(firstReceivedAt + 21_000);
  await t.load(t.loader(), { receiveCount: 2, firstReceivedAt });
  assert.equal(written.filter((partition) => partition.startsWith('SHARD')).length, 1);
  assert.equal(t.batch().counts?.accepted, 30);
});

test('after an orderly end the next receive runs at full speed, and pays one write for it', async () => {
  const t = await arrange({ lines: linesOf(60) });
  t.state.seed(shardKey(SYNC_ID, EPOCH, 0), {
    p0: {
      offset: 0,
      counts: { rows: 0, accepted: 0, rejected: 0, invalid: 0, skipped: 0, dead: 0 },
      crashes: 0,
      deferrals: 0,
    },
  });
  const written: string[] = [];
  t.state.onWrite((key) => written.push(key.partition));
  await t.load(t.loader(), { receiveCount: 2 });
  assert.equal(written.filter((partition) => partition.startsWith('SHARD')).length, 2);
  assert.equal(t.batch().counts?.accepted, 60);
});

test('class B: a repeat makes the same requests with the same keys', async () => {
  const applied = new Map<string, number>();
  let isCrashing = true;
  const answer: Answer = async (request: WriteRequest, _signal, nth) => {
    const first = !applied.has(request.idempotencyKey);
    if (first) applied.set(request.idempotencyKey, request.rows.length);
    if (isCrashing && nth >= 4) return NEVER;
    return request.rows.map(({ key }) => accepted(key));
  };
  const t = await arrange({
    lines: linesOf(75, (index) => (index % 7 === 3 ? { o: 'i', e: 'duplicate_key' } : {})),
    classes: { upsert: 'keyed' },
    answer,
  });
  assert.equal(await deliverOrCrash(t, 1), 'crashed');
  isCrashing = false;
  assert.equal(await deliverOrCrash(t, 2), 'done');
  const rows = [...applied.values()].reduce((sum, size) => sum + size, 0);
  assert.equal(rows, 64, 'the server saw every row under one key only');
  assert.equal(t.batch().counts?.accepted, 64);
  assert.equal(t.batch().counts?.invalid, 11);
});

test('class B: two deliveries at once come to the same requests, whatever is put off at the same time', async () => {
  const delays = fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 30, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(delays, async (delayMs) => {
      const answers = new Map<string, readonly Outcome[]>();
      const applied = new Map<string, number>();
      let call = 0;
      const t = await arrange({
        lines: linesOf(24),
        classes: { upsert: 'keyed' },
        account: { requestRowsMax: 6, requestsInFlight: 4 },
        answer: async ({ rows, idempotencyKey }) => {
          const known = answers.get(idempotencyKey);
          const outcomes =
            known ??
            rows.map(({ key }, at): Outcome => {
              if (rows.length === 6 && at < 2) return { key, is: 'deferred' };
              applied.set(key, (applied.get(key) ?? 0) + 1);
              return accepted(key);
            });
          answers.set(idempotencyKey, outcomes);
          call += 1;
          await t.clock.sleep(delayMs[call % 30] ?? 1);
          return outcomes;
        },
      });
      await Promise.all([t.load(t.loader({ ids: 1 })), t.load(t.loader({ ids: 2 }))]);
      assert.equal(applied.size, 24);
      assert.deepEqual(
        [...applied].filter(([, times]) => times > 1),
        [],
      );
    }),
    { numRuns: 30 },
  );
});

test('class B: over random answers and interruptions no row is applied twice, and all are accounted for', async () => {
  const acts = fc.constantFrom('ok', 'defer', 'wait', 'refuse', 'throttle', 'lost');
  await fc.assert(
    fc.asyncProperty(
      fc.array(acts, { minLength: 1, maxLength: 14 }),
      fc.integer({ min: 1, max: 4 }),
      async (script, requestsInFlight) => {
        const answers = new Map<string, readonly Outcome[]>();
        const refused = new Set<string>();
        const applied = new Map<string, number>();
        let call = 0;
        const t = await arrange({
          lines: linesOf(47, (index) => (index % 9 === 4 ? { o: 'i', e: 'duplicate_key' } : {})),
          classes: { upsert: 'keyed' },
          account: { requestRowsMax: 6, requestsInFlight },
          answer: async ({ rows, idempotencyKey }) => {
            const act = script[call] ?? 'ok';
            call += 1;
            const known = answers.get(idempotencyKey);
            if (known !== undefined) return known;
            // A request with a bad row is refused each time.
            if (act === 'refuse' && rows.length > 1) refused.add(idempotencyKey);
            if (refused.has(idempotencyKey)) throw new Fault('row', REQUEST_REFUSED, 'malformed');
            if (act === 'throttle')
              throw new Fault('transient', THROTTLED, 'too fast', { retryAfterMs: 15_000 });
            const outcomes = rows.map(({ key }, at): Outcome => {
              if (act === 'defer' && at % 2 === 0) return { key, is: 'deferred' };
              if (act === 'wait' && at % 3 === 1) return { key, is: 'deferred', waitMs: 10_000 };
              applied.set(key, (applied.get(key) ?? 0) + 1);
              return accepted(key);
            });
            answers.set(idempotencyKey, outcomes);
            if (act === 'lost') throw new Fault('transient', 'timeout', 'no answer in time');
            return outcomes;
          },
        });
        let ids = 0;
        await t.deliver(40, () => {
          ids += 1;
          return t.loader({ ids });
        });
        assert.deepEqual(
          [...applied].filter(([, times]) => times > 1),
          [],
        );
        const counts = t.batch().counts;
        assert.equal(counts?.rows, 47);
        assert.ok(applied.size >= (counts?.accepted ?? 0));
        assert.equal((counts?.accepted ?? 0) + t.failures().length, 47);
      },
    ),
    { numRuns: 60 },
  );
});

for (const [unknowns, kind] of [
  ['park', 'dead'],
  ['mark', 'rejected'],
] as const) {
  test(`class C, ${unknowns}: a lost answer is unknown, never sent twice`, async () => {
    const sent = new Map<string, number>();
    let isCrashing = true;
    const t = await arrange({
      lines: linesOf(30),
      sync: { mode: 'insert', unknowns },
      classes: { insert: 'unsafe' },
      answer: async ({ rows }, _signal, nth) => {
        for (const { key } of rows) sent.set(key, (sent.get(key) ?? 0) + 1);
        if (isCrashing && nth === 2) return NEVER;
        return rows.map(({ key }) => accepted(key));
      },
    });
    assert.equal(await deliverOrCrash(t, 1), 'crashed');
    isCrashing = false;
    assert.equal(await deliverOrCrash(t, 2), 'done');
    assert.ok([...sent.values()].every((times) => times === 1));
    assert.equal(sent.size, 30);
    const counts = t.batch().counts;
    assert.equal(counts?.accepted, 20);
    assert.equal(counts?.[kind], 10);
    const failures = t.failures();
    assert.deepEqual(
      failures.map(({ row_key }) => row_key),
      Array.from({ length: 10 }, (_, at) => `k${10 + at}`),
    );
    assert.ok(failures.every((failure) => failure.code === 'unknown_outcome' && failure.quarantined === '1'));
  });
}

test('class C: of two deliveries at once the younger one waits, and nothing that is under way is taken for lost', async () => {
  const t = await arrange({
    lines: linesOf(100),
    sync: { mode: 'insert' },
    classes: { insert: 'unsafe' },
    answer: async ({ rows }) => {
      await t.clock.sleep(1000);
      return rows.map(({ key }) => accepted(key));
    },
  });
  const first = t.load(t.loader());
  await t.clock.runUntil(t.clock.now() + 1500);
  const second = await t.load(t.loader({ ids: 2 }), { receiveCount: 2 });
  assert.ok(second.is === 'again' && second.afterMs > 50_000, JSON.stringify(second));
  assert.deepEqual(await first, { is: 'done' });
  assert.equal(t.batch().counts?.accepted, 100);
});

test('class C: a delivery that ended in order has given its batch back', async () => {
  let isThrottled = true;
  const t = await arrange({
    lines: linesOf(20),
    sync: { mode: 'insert' },
    classes: { insert: 'unsafe' },
    answer: async ({ rows }, _signal, nth) => {
      if (isThrottled && nth === 2)
        throw new Fault('transient', THROTTLED, 'too fast', { retryAfterMs: 15_000 });
      return rows.map(({ key }) => accepted(key));
    },
  });
  const first = await t.load(t.loader());
  assert.ok(first.is === 'again' && first.afterMs < 20_000);
  isThrottled = false;
  await t.clock.runUntil(t.clock.now() + first.afterMs);
  assert.deepEqual(await t.load(t.loader({ ids: 2 }), { receiveCount: 2 }), { is: 'done' });
  assert.equal(t.batch().counts?.accepted, 20);
});

test('class C: of two deliveries at once the one that outlived its invocation stops, and no row is sent twice', async () => {
  const sent = new Map<string, number>();
  const t = await arrange({
    settings: { loaderTimeoutMs: 1000 },
    lines: linesOf(40),
    sync: { mode: 'insert' },
    classes: { insert: 'unsafe' },
    answer: async ({ rows }) => {
      for (const { key } of rows) sent.set(key, (sent.get(key) ?? 0) + 1);
      await t.clock.sleep(1000);
      return rows.map(({ key }) => accepted(key));
    },
  });
  const first = t.load(t.loader());
  await t.clock.runUntil(t.clock.now() + 1500);
  const second = t.load(t.loader({ ids: 2 }));
  await Promise.allSettled([first, second]);
  assert.ok(
    [...sent.values()].every((times) => times === 1),
    JSON.stringify([...sent]),
  );
  assert.equal(sent.size, 40);
  assert.equal(t.batch().counts?.rows, 40);
});

test('class C, resend: a lost answer is sent again', async () => {
  let isCrashing = true;
  const t = await arrange({
    lines: linesOf(20),
    sync: { mode: 'insert', unknowns: 'resend' },
    classes: { insert: 'unsafe' },
    answer: async ({ rows }, _signal, nth) => {
      if (isCrashing && nth === 2) return NEVER;
      return rows.map(({ key }) => accepted(key));
    },
  });
  assert.equal(await deliverOrCrash(t, 1), 'crashed');
  isCrashing = false;
  assert.equal(await deliverOrCrash(t, 2), 'done');
  assert.equal(t.batch().counts?.accepted, 20);
});

test('class C: what certainly did nothing is sent again, a timeout is not', async () => {
  let throttledOnce = false;
  const t = await arrange({
    lines: linesOf(30),
    sync: { mode: 'insert' },
    classes: { insert: 'unsafe' },
    answer: async ({ rows }, _signal, nth) => {
      if (!throttledOnce) {
        throttledOnce = true;
        throw new Fault('transient', THROTTLED, 'too fast');
      }
      if (nth === 3) throw new Fault('transient', 'timeout', 'no answer in time');
      return rows.map(({ key }) => accepted(key));
    },
  });
  await t.deliver();
  assert.deepEqual(t.batch().counts, {
    rows: 30,
    accepted: 20,
    rejected: 0,
    invalid: 0,
    skipped: 0,
    dead: 10,
  });
});

test('class C: over random answers and crashes no row is ever sent twice, and all are accounted for', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('ok', 'crash', 'defer', 'refuse', 'throttle', 'silence', 'reject'), {
        minLength: 1,
        maxLength: 12,
      }),
      async (script) => {
        const done = new Map<string, number>();
        let call = 0;
        const t = await arrange({
          lines: linesOf(23),
          sync: { mode: 'insert' },
          classes: { insert: 'unsafe' },
          account: { requestRowsMax: 5 },
          answer: async ({ rows }) => {
            const act = script[call] ?? 'ok';
            call += 1;
            const apply = (key: string): void => void done.set(key, (done.get(key) ?? 0) + 1);
            if (act === 'refuse') throw new Fault('row', REQUEST_REFUSED, 'malformed');
            if (act === 'throttle') throw new Fault('transient', THROTTLED, 'too fast');
            if (act === 'defer') {
              return rows.map(({ key }, at): Outcome => {
                if (at % 2 === 0) return { key, is: 'deferred' };
                apply(key);
                return accepted(key);
              });
            }
            for (const { key } of rows) apply(key);
            if (act === 'crash') return NEVER;
            if (act === 'silence') return [];
            if (act === 'reject')
              return rows.map(({ key }) => ({ key, is: 'rejected', code: 'no', reason: 'no' }));
            return rows.map(({ key }) => accepted(key));
          },
        });
        let result = '';
        for (let receive = 1; result !== 'done' && receive < 40; receive += 1) {
          result = await deliverOrCrash(t, receive);
        }
        assert.equal(result, 'done');
        assert.ok(
          [...done.values()].every((times) => times === 1),
          JSON.stringify([...done]),
        );
        const counts = t.batch().counts;
        assert.equal(counts?.rows, 23);
        assert.equal((counts?.accepted ?? 0) + t.failures().length, 23);
      },
    ),
    { numRuns: 60 },
  );
});

test('class A: over random answers and crashes every row ends, and what was accepted was applied', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('ok', 'crash', 'defer', 'refuse', 'throttle', 'silence', 'timeout'), {
        minLength: 1,
        maxLength: 14,
      }),
      fc.integer({ min: 1, max: 4 }),
      async (script, requestsInFlight) => {
        const applied = new Set<string>();
        let call = 0;
        const t = await arrange({
          lines: linesOf(47, (index) => (index % 5 === 1 ? { o: 'r', x: '1', c1: null } : {})),
          sync: { mode: 'mirror' },
          account: { requestRowsMax: 6, requestsInFlight },
          answer: async ({ rows }) => {
            const act = script[call] ?? 'ok';
            call += 1;
            if (act === 'refuse' && rows.length > 1) throw new Fault('row', REQUEST_REFUSED, 'malformed');
            if (act === 'throttle') throw new Fault('transient', THROTTLED, 'too fast');
            if (act === 'timeout') throw new Fault('transient', 'timeout', 'no answer in time');
            if (act === 'crash') return NEVER;
            const kept = act === 'silence' ? [] : rows.filter((_, at) => act !== 'defer' || at % 2 === 1);
            for (const { key } of kept) applied.add(key);
            return kept.map(({ key }) => accepted(key)).toReversed();
          },
        });
        let result = '';
        for (let receive = 1; result !== 'done' && receive < 40; receive += 1) {
          result = await deliverOrCrash(t, receive);
          await t.clock.runUntil(t.clock.now() + 60_000);
        }
        assert.equal(result, 'done');
        const counts = t.batch().counts;
        assert.equal(counts?.rows, 47);
        assert.equal(counts.accepted + counts.rejected + counts.dead, 47);
        const crashes = script.filter((act) => act === 'crash').length;
        assert.ok(counts.dead === 0 || crashes >= 4, `${counts.dead} dead after ${crashes} crashes`);
        assert.ok(applied.size >= counts.accepted);
        // Only a row that was put off five times may be given up.
        const rejected = t.failures().filter(({ kind }) => kind === 'rejected');
        assert.ok(rejected.every(({ code }) => code === 'no_answer'));
        assert.equal(t.failures().length, counts.rejected + counts.dead);
      },
    ),
    { numRuns: 60 },
  );
});

/** The second contract: takes rows as a job, answers after a number of polls. */
function jobs(pollsUntilDone: number, idempotency: 'idempotent' | 'unsafe' = 'idempotent') {
  const submitted: string[][] = [];
  const polls = new Map<string, number>();
  const destination: JobDestination = {
    kind: 'jobs',
    name: 'bulk',
    settings: z.object({}),
    target: z.object({ object: z.string() }),
    operations: () => ({ upsert: idempotency, insert: idempotency }),
    limits: () => ({ requestRowsMax: 10, requestBytesMax: 1_000_000, requestsInFlightMax: 1 }),
    check: async () => undefined,
    submit: async (_ctx, _target, { rows }) => ({
      jobId: `job${submitted.push(rows.map(({ key }) => key))}`,
    }),
    poll: async (_ctx, _target, { jobId, request }) => {
      const asked = (polls.get(jobId) ?? 0) + 1;
      polls.set(jobId, asked);
      assert.deepEqual(
        request.rows.map(({ key }) => key),
        submitted[Number(jobId.slice(3)) - 1],
      );
      if (asked < pollsUntilDone) return { done: false, waitMs: 30_000 };
      const outcomes = request.rows.map(
        ({ key }): Outcome =>
          key === 'k13' ? { key, is: 'rejected', code: 'bad', reason: 'bad' } : accepted(key),
      );
      return { done: true, outcomes };
    },
  };
  return { destination, submitted, polls };
}

test('a job is submitted once, its id saved, polled on redelivery, settled only when it is done', async () => {
  const { destination, submitted, polls } = jobs(3);
  const t = await arrange({ lines: linesOf(25), destination });
  const first = await t.load(t.loader());
  assert.ok(first.is === 'again' && first.afterMs >= 30_000);
  assert.equal(t.batch().counts, undefined);
  assert.equal(t.batch().point?.job?.id, 'job1');
  const receives = await t.deliver(20);
  assert.ok(receives >= 6);
  assert.deepEqual(
    submitted.map((keys) => keys.length),
    [10, 10, 5],
  );
  assert.deepEqual([...polls.values()], [3, 3, 3]);
  assert.deepEqual(t.batch().counts, {
    rows: 25,
    accepted: 24,
    rejected: 1,
    invalid: 0,
    skipped: 0,
    dead: 0,
  });
  assert.deepEqual(
    t.failures().map(({ row_key }) => row_key),
    ['k13'],
  );
});

test('a job that is done at once costs no redelivery', async () => {
  const { destination, submitted } = jobs(1);
  const t = await arrange({ lines: linesOf(25), destination });
  assert.deepEqual(await t.load(t.loader()), { is: 'done' });
  assert.equal(submitted.length, 3);
});

test('a loader that dies while a job is at work: the next one asks for the job, and submits nothing again', async () => {
  const { destination, submitted } = jobs(2, 'unsafe');
  const { poll } = destination;
  let isCrashing = true;
  const dying: JobDestination = {
    ...destination,
    poll: (ctx, target, job) => (isCrashing ? NEVER : poll(ctx, target, job)),
  };
  const t = await arrange({ lines: linesOf(10), destination: dying, sync: { mode: 'insert' } });
  await crash(t, (ports) => t.load(ports));
  isCrashing = false;
  await t.clock.runUntil(t.clock.now() + 600_000);
  assert.equal(t.batch().point?.job?.id, 'job1');
  let result = '';
  for (let receive = 2; result !== 'done' && receive < 10; receive += 1)
    result = await deliverOrCrash(t, receive);
  assert.equal(submitted.length, 1);
  assert.equal(t.batch().counts?.accepted, 10);
});

for (const [mode, applied] of [
  ['mirror', '1'],
  ['insert', '0'],
] as const) {
  test(`${mode}: a row that crashed its loader or got no answer is ${applied === '1' ? '' : 'not '}taken for held`, async () => {
    const t = await arrange({
      lines: linesOf(12),
      sync: { mode },
      answer: async ({ rows }) => {
        if (rows.some(({ key }) => key === 'k3')) return NEVER;
        return rows.filter(({ key }) => key !== 'k7').map(({ key }) => accepted(key));
      },
    });
    let result = '';
    for (let receive = 1; result !== 'done' && receive < 20; receive += 1) {
      result = await deliverOrCrash(t, receive);
    }
    assert.deepEqual(
      t.failures().map((failure) => [failure.row_key, failure.code, failure.applied]),
      [
        ['k7', 'no_answer', applied],
        ['k3', 'crashed_loader', applied],
      ],
    );
  });
}

test('an insert that failed is not taken for held, also where an abandoned run tried it before', async () => {
  const t = await arrange({
    lines: linesOf(2, () => ({ x: '1' })),
    sync: { mode: 'insert' },
    answer: async ({ rows }) => rows.map(({ key }) => ({ key, is: 'rejected', code: 'no', reason: 'no' })),
  });
  await t.load(t.loader());
  assert.deepEqual(
    t.failures().map(({ applied }) => applied),
    ['0', '0'],
  );
});

test('a job that was refused is over: an interruption before the next one does not ask for it again', async () => {
  const { destination, submitted } = jobs(1);
  let polls = 0;
  const refusing: JobDestination = {
    ...destination,
    submit: async (ctx, target, request) => {
      if (polls === 1 && submitted.length === 1) {
        submitted.push([]);
        throw new Fault('transient', THROTTLED, 'too fast', { retryAfterMs: 60_000 });
      }
      return destination.submit(ctx, target, request);
    },
    poll: async (ctx, target, job) => {
      polls += 1;
      if (polls === 1) throw new Fault('row', REQUEST_REFUSED, 'one of these rows is bad');
      return destination.poll(ctx, target, job);
    },
  };
  const t = await arrange({ lines: linesOf(10), destination: refusing });
  assert.equal((await t.load(t.loader())).is, 'again');
  assert.equal(t.batch().point?.job, undefined);
  await t.clock.runUntil(t.clock.now() + 120_000);
  await t.deliver();
  assert.equal(t.batch().counts?.accepted, 10);
});
