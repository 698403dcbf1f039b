/** Every rule of loading one batch: outcomes, failures, grouping, settling, being told to stop. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AUTH_REFUSED, Fault, REQUEST_REFUSED, THROTTLED } from '../../shared/core/fault.ts';
import { breakerKey, budgetKey, runKey, shardKey, syncKey } from '../../shared/core/names.ts';
import type { Outcome } from '../../shared/core/outcomes.ts';
import { allAccepted, arrange, EPOCH, linesOf, messageAt, SYNC_ID } from './harness.ts';

const rejected = (key: string): Outcome => ({
  key,
  is: 'rejected',
  code: 'bad_email',
  reason: 'no such domain',
});
const accepted = (key: string): Outcome => ({ key, is: 'accepted' });

test('a batch is sent in requests of the account, settled once, and its shard announced', async () => {
  const t = await arrange({ lines: linesOf(25) });
  assert.deepEqual(await t.load(t.loader()), { is: 'done' });
  assert.deepEqual(
    t.requests.map(({ rows }) => rows.length),
    [10, 10, 5],
  );
  assert.deepEqual(t.batch().counts, {
    rows: 25,
    accepted: 25,
    rejected: 0,
    invalid: 0,
    skipped: 0,
    dead: 0,
  });
  assert.deepEqual(t.requests[0]?.rows[0], {
    key: 'k0',
    fields: { email: 'k0@example.com', name: 'Name of k0' },
  });
  assert.deepEqual(t.events.published, [{ type: 'Run Settled', detail: { syncId: SYNC_ID, epoch: EPOCH } }]);
  assert.deepEqual(t.failures(), []);
});

test('a fault-free batch costs one write besides the budget', async () => {
  const t = await arrange({ lines: linesOf(50) });
  const written: string[] = [];
  t.state.onWrite((key) => written.push(key.partition));
  await t.load(t.loader());
  assert.deepEqual(
    written.filter((partition) => !partition.startsWith('BUDGET')),
    [`SHARD#${SYNC_ID}#${EPOCH}`],
  );
  assert.equal(written.length, 2);
});

test('a stale or idle epoch is dropped without a call', async () => {
  const t = await arrange({ lines: linesOf(5) });
  t.state.seed(syncKey(SYNC_ID), { epoch: EPOCH + 1, phase: 'loading', cut: t.cut });
  assert.deepEqual(await t.load(t.loader()), { is: 'done' });
  t.state.seed(syncKey(SYNC_ID), { epoch: EPOCH, phase: 'idle' });
  assert.deepEqual(await t.load(t.loader()), { is: 'done' });
  assert.equal(t.requests.length, 0);
});

test('a second delivery of a settled batch sends nothing and repeats the announcement', async () => {
  const t = await arrange({ lines: linesOf(5) });
  await t.load(t.loader());
  assert.deepEqual(await t.load(t.loader(), { receiveCount: 2 }), { is: 'done' });
  assert.equal(t.requests.length, 1);
  assert.deepEqual(t.events.types(), ['Run Settled', 'Run Settled']);
});

test('several shards: each rolls up once, the last one announces when the run is sealed', async () => {
  const t = await arrange({ lines: linesOf(6), cut: { batchBytes: 100, shardBatches: 2, batches: 6 } });
  const total = Math.ceil(t.cut.totalBytes / 100);
  const cut = { batchBytes: 100, shardBatches: 2, batches: total, totalBytes: t.cut.totalBytes };
  t.state.seed(syncKey(SYNC_ID), { epoch: EPOCH, phase: 'loading', cut });
  t.state.seed(runKey(SYNC_ID, EPOCH), { sealed: { shards: Math.ceil(total / 2) } });
  const ports = t.loader();
  let rows = 0;
  for (let index = 0; index < total; index += 1) {
    assert.equal(t.events.published.length, 0);
    await t.load(ports, { message: messageAt(index % 2, Math.floor(index / 2)) });
  }
  assert.deepEqual(t.events.types(), ['Run Settled']);
  const run = t.state.peek(runKey(SYNC_ID, EPOCH)) ?? {};
  for (const [name, value] of Object.entries(run))
    if (/^s\d+$/.test(name)) rows += Number(String(value).split(',')[0]);
  assert.equal(rows, 6);
});

test('an empty batch settles without a slot or a call', async () => {
  const t = await arrange({ lines: linesOf(1), cut: { batchBytes: 20, batches: 9 } });
  assert.deepEqual(await t.load(t.loader(), { message: messageAt(3) }), { is: 'done' });
  assert.equal(t.requests.length, 0);
  assert.equal(t.state.peek(budgetKey('crm')), undefined);
  assert.deepEqual(t.batch(3).counts, { rows: 0, accepted: 0, rejected: 0, invalid: 0, skipped: 0, dead: 0 });
});

test('outcomes go by key, in any order; strangers and second answers change nothing', async () => {
  const t = await arrange({
    lines: linesOf(4),
    answer: async () => [
      rejected('k2'),
      accepted('nobody'),
      accepted('k3'),
      accepted('k0'),
      rejected('k0'),
      accepted('k1'),
    ],
  });
  await t.load(t.loader());
  assert.deepEqual(t.batch().counts, { rows: 4, accepted: 3, rejected: 1, invalid: 0, skipped: 0, dead: 0 });
  assert.deepEqual(t.failures(), [
    {
      row_key: 'k2',
      fingerprint: 'f-k2',
      kind: 'rejected',
      code: 'bad_email',
      attempts: '1',
      quarantined: '1',
      applied: '0',
      since_epoch: '7',
      reason: 'no such domain',
    },
  ]);
  assert.equal(t.telemetry.counted('answers_for_strangers'), 1);
});

test('invalid lines are counted and recorded; without a key only counted; what the mode forbids is skipped', async () => {
  const t = await arrange({
    sync: { mode: 'insert' },
    lines: [
      { k: 'k0', o: 'i', e: 'duplicate_key', n: '4', x: '1' },
      { k: null, o: 'i', e: 'null_key' },
      { k: 'k2', o: 'c' },
      { k: 'k3' },
    ],
  });
  await t.load(t.loader());
  assert.deepEqual(t.batch().counts, { rows: 4, accepted: 1, rejected: 0, invalid: 2, skipped: 1, dead: 0 });
  assert.deepEqual(
    t.failures().map(({ row_key, kind, code, attempts, quarantined, applied }) => ({
      row_key,
      kind,
      code,
      attempts,
      quarantined,
      applied,
    })),
    // Insert mode never says that a key may be held: the next run would skip it instead of trying it again.
    [
      {
        row_key: 'k0',
        kind: 'invalid',
        code: 'duplicate_key',
        attempts: '5',
        quarantined: '0',
        applied: '0',
      },
    ],
  );
});

test('rows with one matchOn value never share a request', async () => {
  const t = await arrange({
    lines: [
      { k: 'a', c0: 'x@example.com' },
      { k: 'b', c0: 'y@example.com' },
      { k: 'c', c0: 'x@example.com' },
      { k: 'd', c0: 'z@example.com' },
    ],
  });
  await t.load(t.loader());
  assert.deepEqual(t.keys(), [
    ['a', 'b'],
    ['c', 'd'],
  ]);
});

test('operations never share a request; each fills its own where order is free', async () => {
  const t = await arrange({
    sync: { mode: 'mirror' },
    lines: linesOf(8, (index) => (index % 2 === 1 ? { o: 'r', x: '1', c1: null } : {})),
  });
  await t.load(t.loader());
  assert.deepEqual(
    t.requests.map(({ operation, rows }) => [operation, rows.map(({ key }) => key)]),
    [
      ['upsert', ['k0', 'k2', 'k4', 'k6']],
      ['delete', ['k1', 'k3', 'k5', 'k7']],
    ],
  );
});

test('requests stay under the bytes of the destination; a row that alone is over is invalid', async () => {
  const long = 'ü'.repeat(300);
  const t = await arrange({
    lines: [...linesOf(6, () => ({ c1: long })), { k: 'huge', c1: 'x'.repeat(3000) }],
    limits: { requestBytesMax: 2000 },
  });
  await t.load(t.loader());
  const sizes = t.requests.map(({ rows }) =>
    Buffer.byteLength(JSON.stringify(rows.map(({ fields }) => fields))),
  );
  assert.ok(
    sizes.every((bytes) => bytes <= 2000),
    `${sizes}`,
  );
  assert.deepEqual(
    t.requests.map(({ rows }) => rows.length),
    [3, 3],
  );
  assert.equal(t.batch().counts?.invalid, 1);
  assert.equal(t.failures()[0]?.code, 'row_too_large');
});

test('a refused request is halved until the bad row is alone', async () => {
  const t = await arrange({
    lines: linesOf(10),
    answer: async ({ rows }) => {
      if (rows.some(({ key }) => key === 'k6')) throw new Fault('row', REQUEST_REFUSED, 'malformed body');
      return rows.map(({ key }) => accepted(key));
    },
  });
  await t.load(t.loader());
  assert.deepEqual(t.batch().counts, { rows: 10, accepted: 9, rejected: 1, invalid: 0, skipped: 0, dead: 0 });
  assert.deepEqual(
    t.failures().map(({ row_key, code }) => [row_key, code]),
    [['k6', 'request_refused']],
  );
  assert.ok(t.requests.length <= 9, `${t.requests.length} calls`);
});

test('silence is put off, never success; five times and the row has no answer', async () => {
  const t = await arrange({
    lines: linesOf(10),
    answer: async ({ rows }) => rows.filter(({ key }) => key !== 'k4').map(({ key }) => accepted(key)),
  });
  assert.deepEqual(await t.load(t.loader()), { is: 'done' });
  assert.equal(t.requests.length, 5);
  assert.deepEqual(t.batch().counts, { rows: 10, accepted: 9, rejected: 1, invalid: 0, skipped: 0, dead: 0 });
  const [failure] = t.failures();
  assert.equal(failure?.code, 'no_answer');
  assert.equal(failure?.quarantined, '0');
});

test('rows put off by several requests are asked for together', async () => {
  const first = new Set<string>();
  const t = await arrange({
    lines: linesOf(40),
    answer: async ({ rows }) =>
      rows.map(({ key }, at) => {
        if (at > 0 || first.has(key)) return accepted(key);
        first.add(key);
        return { key, is: 'deferred' };
      }),
  });
  await t.load(t.loader());
  assert.deepEqual(t.keys().at(-1)?.toSorted(), ['k0', 'k10', 'k20', 'k30']);
  assert.equal(t.batch().counts?.accepted, 40);
});

test('a wait longer than an invocation is worth hands the message back, and counts what came before', async () => {
  let isAsked = false;
  const t = await arrange({
    lines: linesOf(30),
    account: { requestsInFlight: 1 },
    answer: async ({ rows }) =>
      rows.map(({ key }) => {
        if (key !== 'k15' || isAsked) return key === 'k3' ? rejected(key) : accepted(key);
        isAsked = true;
        return { key, is: 'deferred', waitMs: 40_000 };
      }),
  });
  const result = await t.load(t.loader());
  assert.equal(result.is, 'again');
  assert.ok(result.is === 'again' && result.afterMs >= 39_000 && result.afterMs <= 50_000);
  const { point } = t.batch();
  assert.deepEqual(point?.counts, { rows: 15, accepted: 14, rejected: 1, invalid: 0, skipped: 0, dead: 0 });
  assert.equal(point?.crashes, 0);
  assert.equal(point?.deferrals, 1);
  assert.equal(t.failures().length, 1);
  assert.deepEqual(await t.load(t.loader(), { receiveCount: 2 }), { is: 'done' });
  assert.deepEqual(t.batch().counts, {
    rows: 30,
    accepted: 29,
    rejected: 1,
    invalid: 0,
    skipped: 0,
    dead: 0,
  });
  assert.equal(t.batch().point, undefined);
  assert.equal(t.failures().length, 1);
});

test('attempts add up over runs, and used up they are quarantined', async () => {
  const t = await arrange({
    lines: linesOf(2, (index) => ({ n: String(3 + index) })),
    answer: async ({ rows }) => rows.filter(() => false).map(({ key }) => accepted(key)),
  });
  await t.load(t.loader());
  assert.deepEqual(
    t.failures().map(({ row_key, attempts, quarantined }) => [row_key, attempts, quarantined]),
    [
      ['k0', '4', '0'],
      ['k1', '5', '1'],
    ],
  );
});

test('Retry-After moves the budget of the whole account and hands the message back for as long', async () => {
  let calls = 0;
  const t = await arrange({
    lines: linesOf(30),
    account: { requestsInFlight: 1 },
    answer: async (request, signal, nth) => {
      calls += 1;
      if (calls === 2) throw new Fault('transient', THROTTLED, 'too fast', { retryAfterMs: 90_000 });
      return allAccepted(request, signal, nth);
    },
  });
  const startedAt = t.clock.now();
  const result = await t.load(t.loader());
  assert.ok(
    result.is === 'again' && result.afterMs >= 89_000 && result.afterMs <= 113_000,
    JSON.stringify(result),
  );
  const budget = t.state.peek(budgetKey('crm'));
  assert.ok(Number(budget?.nextFreeAt) >= startedAt + 90_000);
  assert.ok(Math.abs(Number(budget?.rate) - 67.586) < 0.01);
  assert.equal(t.state.peek(breakerKey('crm')), undefined);
  // Another loader of the account sees it without a call.
  assert.equal((await t.load(t.loader({ ids: 2 }))).is, 'again');
  assert.equal(calls, 2);
  await t.clock.runUntil(startedAt + 91_000);
  assert.deepEqual(await t.load(t.loader(), { receiveCount: 2 }), { is: 'done' });
  assert.equal(t.batch().counts?.accepted, 30);
  assert.deepEqual(t.failures(), []);
});

test('five transport faults in a row open the breaker; one probe closes it and the rate ramps', async () => {
  let isDown = true;
  const t = await arrange({
    lines: linesOf(100),
    answer: async (request, signal, nth) => {
      if (isDown) throw new Fault('transient', 'connection_refused', 'refuses connections');
      return allAccepted(request, signal, nth);
    },
  });
  const result = await t.load(t.loader());
  assert.ok(
    result.is === 'again' && result.afterMs >= 55_000 && result.afterMs <= 85_000,
    JSON.stringify(result),
  );
  assert.ok(t.requests.length >= 5 && t.requests.length <= 8, `${t.requests.length}`);
  assert.equal(t.state.peek(breakerKey('crm'))?.state, 'open');
  const sent = t.requests.length;
  assert.equal((await t.load(t.loader({ ids: 2 }), { receiveCount: 2 })).is, 'again');
  assert.equal(t.requests.length, sent, 'nobody sends while it is open');
  await t.clock.runUntil(t.clock.now() + 61_000);
  const both = [
    t.load(t.loader({ ids: 3 }), { receiveCount: 3 }),
    t.load(t.loader({ ids: 4 }), { receiveCount: 4 }),
  ];
  const again = await Promise.all(both);
  assert.ok(again.every(({ is }) => is === 'again'));
  assert.equal(t.requests.length, sent + 1, 'one probe');
  assert.equal(t.state.peek(breakerKey('crm'))?.opens, 2);
  isDown = false;
  await t.clock.runUntil(t.clock.now() + 121_000);
  assert.deepEqual(await t.load(t.loader({ ids: 5 }), { receiveCount: 5 }), { is: 'done' });
  assert.equal(t.state.peek(breakerKey('crm'))?.state, 'closed');
  assert.equal(t.state.peek(budgetKey('crm'))?.breaker, undefined);
  assert.deepEqual(t.events.types(), ['Breaker Opened', 'Breaker Opened', 'Breaker Closed', 'Run Settled']);
  assert.equal(t.batch().counts?.accepted, 100);
});

test('refused credentials: the secret is read again once, then the run is asked to stop', async () => {
  const t = await arrange({
    lines: linesOf(5),
    answer: async () => {
      throw new Fault('config', AUTH_REFUSED, 'the token was refused');
    },
  });
  assert.equal((await t.load(t.loader())).is, 'again');
  assert.equal(t.requests.length, 2);
  assert.equal(t.secrets.forgotten, 2);
  const stop = t.state.peek(runKey(SYNC_ID, EPOCH))?.stop as { code: string; pause: boolean } | undefined;
  assert.equal(stop?.code, AUTH_REFUSED);
  assert.equal(stop?.pause, false);
});

test('a failure storm stops the run and pauses the sync; old failures make none', async () => {
  const rejecting = async (n: string) => {
    const t = await arrange({
      lines: linesOf(3000, () => ({ n })),
      account: { requestRowsMax: 100, rate: { requests: 10_000, perMs: 60_000 } },
      cut: { batchBytes: 10_000_000, batches: 1 },
      answer: async ({ rows }) => rows.map(({ key }, at) => (at % 4 === 0 ? rejected(key) : accepted(key))),
    });
    await t.load(t.loader());
    return t;
  };
  const fresh = await rejecting('0');
  const stop = fresh.state.peek(runKey(SYNC_ID, EPOCH))?.stop as { code: string; pause: boolean } | undefined;
  assert.equal(stop?.code, 'failure_storm');
  assert.equal(stop?.pause, true);
  assert.ok(fresh.requests.length < 20, `${fresh.requests.length} requests`);
  const old = await rejecting('1');
  assert.equal(old.state.peek(runKey(SYNC_ID, EPOCH)), undefined);
  assert.equal(old.batch().counts?.rejected, 750);
});

test('near its deadline a loader stops, waits for what is in flight, and hands back in order', async () => {
  const t = await arrange({
    lines: linesOf(200),
    account: { requestsInFlight: 1 },
    answer: async (request, signal, nth) => {
      await t.clock.sleep(1000);
      return allAccepted(request, signal, nth);
    },
  });
  const result = await t.load(t.loader(), { deadlineAt: t.clock.now() + 10_000 });
  assert.equal(result.is, 'again');
  const { point } = t.batch();
  assert.equal(point?.counts.accepted, t.requests.length * 10);
  assert.ok(t.requests.length >= 6 && t.requests.length <= 8, `${t.requests.length}`);
  const resumed = t.keys().length;
  await t.load(t.loader(), { receiveCount: 2, deadlineAt: t.clock.now() + 100_000 });
  assert.deepEqual(t.keys()[resumed]?.[0], `k${resumed * 10}`);
  assert.deepEqual(t.batch().counts, {
    rows: 200,
    accepted: 200,
    rejected: 0,
    invalid: 0,
    skipped: 0,
    dead: 0,
  });
});

test('a request that outlives the deadline has its socket destroyed before the handler returns', async () => {
  let aborted = 0;
  const t = await arrange({
    lines: linesOf(10),
    answer: (_, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          aborted += 1;
          reject(new Fault('transient', 'aborted', 'given up'));
        });
      }),
  });
  const startedAt = t.clock.now();
  const result = await t.load(t.loader(), { deadlineAt: startedAt + 8000 });
  assert.equal(result.is, 'again');
  assert.equal(aborted, 1);
  assert.ok(t.clock.now() - startedAt < 8000);
  assert.equal(t.batch().point?.offset, 0);
});

test('two loaders of one batch: counted once, the first writer wins', async () => {
  const t = await arrange({ lines: linesOf(20) });
  await Promise.all([t.load(t.loader()), t.load(t.loader({ ids: 9 }))]);
  assert.deepEqual(t.batch().counts, {
    rows: 20,
    accepted: 20,
    rejected: 0,
    invalid: 0,
    skipped: 0,
    dead: 0,
  });
  assert.equal(t.state.peek(shardKey(SYNC_ID, EPOCH, 0))?.p0, undefined);
});

test('a batch of another account sends nothing and stops no run', async () => {
  const t = await arrange({ lines: linesOf(5), account: { name: 'ads' } });
  await assert.rejects(t.load(t.loader()), { code: 'account_foreign' });
  assert.equal(t.requests.length, 0);
  assert.equal(t.batch().counts, undefined);
  assert.equal(t.state.peek(runKey(SYNC_ID, EPOCH)), undefined);
});
