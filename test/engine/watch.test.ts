/** What the watch counts for alarms: each gauge is there while its condition holds, and gone when it has ended. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { breakerKey, budgetKey, syncKey } from '../../shared/core/names.ts';
import { noteSync } from '../../shared/engine/note-sync.ts';
import { pauseSync } from '../../shared/engine/pause-sync.ts';
import { reconcileSync } from '../../shared/engine/reconcile-sync.ts';
import { resumeSync } from '../../shared/engine/resume-sync.ts';
import { watch } from '../../shared/engine/watch.ts';
import { acceptSync, writtenSync } from '../memory/memory-ports.ts';
import { type Bench, bench, people, SYNC } from './bench.ts';

const MINUTE_MS = 60_000;

/** A sync every 15 minutes that has committed once, just now. */
async function committed(parts: Record<string, unknown> = {}): Promise<Bench> {
  const one = await bench(parts);
  one.rows(people(20));
  await one.whole();
  assert.deepEqual(await gauges(one), {});
  return one;
}

/** How many of each the watch counts now. */
const gauges = async ({ ports }: Bench): Promise<object> => (await watch(ports)).gauges;

/** Which sync or account a log line of the watch names, and why. */
const named = ({ ports }: Bench): readonly unknown[] =>
  ports.telemetry.lines
    .filter(({ code }) => code === 'needs_attention')
    .map(({ fields: { kind, syncId, account, code } }) => [kind, syncId ?? account, code]);

test('a commit is overdue half an hour after the tick that should have brought it, until the next commit', async () => {
  const one = await committed();
  // The grace of two minutes has passed since the commit: its next tick is in 13, and it may be 30 late.
  await one.pass(43 * MINUTE_MS);
  assert.deepEqual(await gauges(one), {});
  await one.pass(1);
  assert.deepEqual(await gauges(one), { runs_overdue: 1 });
  assert.equal(one.ports.telemetry.counted('runs_overdue'), 1);
  assert.deepEqual(named(one), [['runs_overdue', SYNC, 'no_run']]);
  await one.whole();
  assert.deepEqual(await gauges(one), {});
});

test('a cron counts from its own ticks in its own time zone', async () => {
  // The clock starts on Monday, 5 January 2026, at midnight UTC; Paris is an hour ahead.
  const one = await committed({ schedule: { cron: '0 6 * * *', timezone: 'Europe/Paris' } });
  await one.pass(5 * 60 * MINUTE_MS + 30 * MINUTE_MS - 2 * MINUTE_MS);
  assert.deepEqual(await gauges(one), {});
  await one.pass(1);
  assert.deepEqual(await gauges(one), { runs_overdue: 1 });
});

test('neither a run at work nor a paused sync is overdue; a resumed one has its time again', async () => {
  const one = await committed();
  await one.pass(60 * MINUTE_MS);
  await one.start();
  assert.deepEqual(await gauges(one), {});
  await pauseSync(one.ports, { syncId: SYNC, code: 'paused_by_operator' });
  assert.deepEqual(await gauges(one), {});
  await one.pass(600 * MINUTE_MS);
  await resumeSync(one.ports, { syncId: SYNC });
  assert.deepEqual(await gauges(one), {});
  await one.pass(45 * MINUTE_MS + 1);
  assert.deepEqual(await gauges(one), { runs_overdue: 1 });
});

test('a disabled sync and a deleted one are not overdue', async () => {
  const one = await committed();
  await one.pass(100 * MINUTE_MS);
  await acceptSync(one.ports, writtenSync(SYNC, { enabled: false }));
  assert.deepEqual(await gauges(one), {});
  await one.ports.definitions.forget(SYNC);
  assert.deepEqual(await gauges(one), {});
});

test('a sync whose schedule never fires is overdue from its definition on', async () => {
  const one = await bench();
  one.ports.definitions.write(SYNC, JSON.parse(JSON.stringify(writtenSync(SYNC))));
  await reconcileSync(one.ports, { syncId: SYNC });
  await noteSync(one.ports, SYNC);
  await one.pass(45 * MINUTE_MS);
  assert.deepEqual(await gauges(one), {});
  await one.pass(1);
  assert.deepEqual(await gauges(one), { runs_overdue: 1 });
  await noteSync(one.ports, SYNC);
  assert.deepEqual(await one.start(), { is: 'started', epoch: 1 });
  await noteSync(one.ports, SYNC);
  assert.equal((await one.sync()).epoch, 1, 'a sync that is known stays as it is');
});

test('a held run is counted until it is decided', async () => {
  const one = await committed({ destination: { mode: 'mirror' }, guards: { maxShrink: 0.3 } });
  one.rows([]);
  await one.start();
  await one.fan(2);
  assert.deepEqual(await gauges(one), { runs_held: 1 });
  assert.deepEqual(named(one), [['runs_held', SYNC, 'model_empty']]);
});

test('a sync that was paused by a mismatch of counts, or by a storm, is counted until somebody resumes it', async () => {
  for (const [code, gauge] of [
    ['counts_do_not_add_up', 'syncs_miscounted'],
    ['failures_not_recorded', 'syncs_miscounted'],
    ['stage_miscounted', 'syncs_miscounted'],
    ['failure_storm', 'syncs_rejecting'],
  ] as const) {
    const one = await committed();
    await pauseSync(one.ports, { syncId: SYNC, code });
    assert.deepEqual(await gauges(one), { [gauge]: 1 }, code);
    assert.deepEqual(named(one), [[gauge, SYNC, code]]);
    await resumeSync(one.ports, { syncId: SYNC });
    assert.deepEqual(await gauges(one), {}, code);
  }
});

test('too much of the model is in the failure set: a twentieth, and ten rows at least', async () => {
  const one = await bench();
  const failing = async (rows: number, failures: number): Promise<object> => {
    await one.ports.state.update(syncKey(SYNC), {
      set: {
        epoch: 1,
        phase: 'idle',
        committedAt: one.ports.clock.now(),
        lastCount: rows,
        failures: failures === 0 ? null : { manifest: 'm', count: failures },
      },
    });
    return gauges(one);
  };
  assert.deepEqual(await failing(10, 9), {});
  assert.deepEqual(await failing(10, 10), { syncs_rejecting: 1 });
  assert.deepEqual(await failing(1000, 50), {});
  assert.deepEqual(await failing(1000, 51), { syncs_rejecting: 1 });
  assert.deepEqual(await failing(1000, 0), {});
});

test('two failed extractions in a row are counted; a commit ends the series and says so', async () => {
  const one = await committed();
  const fail = async (epoch: number): Promise<void> => {
    await one.start();
    await one.fan(epoch, 'failed');
    await one.pass(2 * MINUTE_MS);
  };
  await fail(2);
  assert.deepEqual(await gauges(one), {});
  await fail(3);
  assert.deepEqual(await gauges(one), { statements_failing: 1 });
  assert.deepEqual(named(one), [['statements_failing', SYNC, 'statement_failed']]);
  await one.whole();
  assert.deepEqual(await gauges(one), {});
  const told = one.ports.events.published.filter(
    ({ type }) => type === 'Run Failed' || type === 'Run Committed',
  );
  assert.deepEqual(
    told.map(({ type, detail }) => [type, detail.epoch, detail.inARow ?? detail.healedRuns]),
    [
      ['Run Committed', 1, undefined],
      ['Run Failed', 2, 1],
      ['Run Failed', 3, 2],
      ['Run Committed', 4, 2],
    ],
  );
});

test('an end that somebody asked for begins no series', async () => {
  const one = await committed();
  await one.start();
  await pauseSync(one.ports, { syncId: SYNC, code: 'paused_by_operator' });
  assert.equal((await one.sync()).trouble, undefined);
});

test('credentials that are missing or refused are counted from the first run on', async () => {
  for (const code of ['auth_refused', 'secret_missing', 'secret_invalid']) {
    const one = await committed();
    await one.ports.state.update(syncKey(SYNC), {
      set: { trouble: { runs: 1, since: one.ports.clock.now(), ended: 'fenced', code } },
    });
    assert.deepEqual(await gauges(one), { secrets_failing: 1 }, code);
  }
});

test('an open breaker is counted with its reason; credentials refused are counted as such too', async () => {
  const one = await committed();
  const state = (breaker: Record<string, string>) =>
    one.ports.state.update(breakerKey('crm'), { set: { code: '', ...breaker } });
  await state({ state: 'open', code: 'connection_refused' });
  assert.deepEqual(await gauges(one), { breakers_open: 1 });
  assert.deepEqual(named(one), [['breakers_open', 'crm', 'connection_refused']]);
  await state({ state: 'probing', code: 'auth_refused' });
  assert.deepEqual(await gauges(one), { breakers_open: 1, secrets_failing: 1 });
  await state({ state: 'closed' });
  assert.deepEqual(await gauges(one), {});
});

test('an account is starved under a quarter of its rate, or when it was told to be silent for long', async () => {
  const one = await committed();
  const now = one.ports.clock.now();
  const budget = (set: Record<string, number>) =>
    one.ports.state.update(budgetKey('crm'), { set: { nextFreeAt: now, rate: 90, cutAt: now, ...set } });
  await budget({ rate: 30 });
  assert.deepEqual(await gauges(one), {});
  await budget({ rate: 20 });
  assert.deepEqual(await gauges(one), { budgets_starved: 1 });
  assert.deepEqual(named(one), [['budgets_starved', 'crm', 'rate_cut']]);
  await budget({ nextFreeAt: now + 300_000 });
  assert.deepEqual(await gauges(one), {});
  await budget({ nextFreeAt: now + 300_001 });
  assert.deepEqual(await gauges(one), { budgets_starved: 1 });
});

test('a refused definition is counted, also when none was ever accepted', async () => {
  const one = await committed();
  one.ports.definitions.write('never-good', { syncId: 'never-good' });
  await reconcileSync(one.ports, { syncId: 'never-good' });
  assert.deepEqual(await gauges(one), {}, 'nobody knows of it yet');
  await noteSync(one.ports, 'never-good');
  assert.deepEqual(await gauges(one), { definitions_refused: 1 });
  assert.deepEqual(named(one), [['definitions_refused', 'never-good', 'field_missing']]);
});

test('a sync that cannot be read hides no other', async () => {
  const one = await committed();
  await one.pass(60 * MINUTE_MS);
  await one.ports.state.update(syncKey('broken'), { set: { epoch: 'not a number' } });
  assert.deepEqual(await gauges(one), { runs_overdue: 1 });
  const [line] = one.ports.telemetry.lines.filter(({ code }) => code === 'watch_failed');
  assert.deepEqual([line?.level, line?.fields], ['error', { syncId: 'broken', code: 'unexpected_error' }]);
});
