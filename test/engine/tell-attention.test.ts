/** Who needs somebody is told by name, once, and when it is over; whatever dies, flaps or comes in numbers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../shared/core/fault.ts';
import { ATTENTION_KEY, budgetKey, syncKey } from '../../shared/core/names.ts';
import { pauseSync } from '../../shared/engine/pause-sync.ts';
import { resumeSync } from '../../shared/engine/resume-sync.ts';
import { tellAttention } from '../../shared/engine/tell-attention.ts';
import { watch } from '../../shared/engine/watch.ts';
import type { Sight } from '../../shared/engine/watch-sight.ts';
import { acceptSync, writtenSync } from '../memory/memory-ports.ts';
import { type Bench, bench, people, SYNC } from './bench.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

type Desk = {
  readonly one: Bench;
  /** Five minutes later the watch looks, and tells; gives what was told. */
  look(): Promise<unknown[]>;
  /** As `look`, in an environment that has never looked before. */
  lookAnew(): Promise<unknown[]>;
};

/** A sync every 15 minutes that has committed once, and an environment that has looked. */
async function desk(): Promise<Desk> {
  const one = await bench();
  one.rows(people(20));
  await one.whole();
  let before: Sight | undefined;
  const look = async (): Promise<unknown[]> => {
    await one.pass(5 * MINUTE_MS);
    const told = one.ports.events.published.length;
    const sight = await watch(one.ports);
    const last = before;
    before = sight;
    await tellAttention(one.ports, sight, last);
    return one.ports.events.published.slice(told).map(({ type, detail }) => [type, detail]);
  };
  const lookAnew = async (): Promise<unknown[]> => {
    before = undefined;
    return look();
  };
  await look();
  return { one, look, lookAnew };
}

const kept = ({ one }: Desk) => one.ports.state.peek(ATTENTION_KEY);

const NONE = { needs: 0, over: 0 };
/** The clock starts on 5 January 2026; the first commit is there at once. */
const FIRST_COMMIT = Date.UTC(2026, 0, 5);
const OVERDUE = { what: 'runs_overdue', syncId: SYNC, code: 'no_run', since: FIRST_COMMIT };
const needs = (...all: object[]) => [['Attention Changed', { needs: all, over: [], more: NONE }]];
const over = (...all: object[]) => [['Attention Changed', { needs: [], over: all, more: NONE }]];

const starve = async ({ one }: Desk): Promise<void> => {
  const now = one.ports.clock.now();
  await one.ports.state.update(budgetKey('crm'), {
    set: { nextFreeAt: now + HOUR_MS, rate: 90, cutAt: now },
  });
};
const recover = async ({ one }: Desk): Promise<void> => {
  await one.ports.state.update(budgetKey('crm'), { set: { nextFreeAt: 0 } });
};

test('an overdue sync is told by the second look that sees it, once, and its commit by the second after it', async () => {
  const it = await desk();
  await it.one.pass(HOUR_MS);
  assert.deepEqual(await it.look(), []);
  assert.deepEqual(await it.look(), needs(OVERDUE));
  assert.deepEqual(await it.look(), []);
  await it.one.whole();
  assert.deepEqual(await it.look(), []);
  assert.deepEqual(await it.look(), over(OVERDUE));
  assert.deepEqual(await it.look(), []);
});

test('what is there for one look only is not told, nor is what was away for one', async () => {
  const it = await desk();
  await starve(it);
  assert.deepEqual(await it.look(), []);
  await recover(it);
  assert.deepEqual(await it.look(), []);
  await starve(it);
  await it.look();
  const since = it.one.ports.clock.now();
  const starved = { what: 'budgets_starved', account: 'crm', code: 'told_to_wait', since };
  assert.deepEqual(await it.look(), needs(starved));
  await recover(it);
  assert.deepEqual(await it.look(), []);
  await starve(it);
  assert.deepEqual(await it.look(), []);
  await recover(it);
  assert.deepEqual(await it.look(), []);
  assert.deepEqual(await it.look(), over(starved));
});

test('a second sync that joins while the first is told is told too, alone', async () => {
  const it = await desk();
  await it.one.pass(HOUR_MS);
  await it.look();
  await it.look();
  await acceptSync(it.one.ports, writtenSync('second'));
  await it.one.ports.state.update(syncKey('second'), { set: { epoch: 0, phase: 'idle', committedAt: 1000 } });
  await it.look();
  assert.deepEqual(
    await it.look(),
    needs({ what: 'runs_overdue', syncId: 'second', code: 'no_run', since: 1000 }),
  );
});

test('a failure set that is too large is told, a storm is told by its pause', async () => {
  const it = await desk();
  const { one } = it;
  const failures = async (count: number): Promise<void> => {
    const committedAt = one.ports.clock.now();
    await one.ports.state.update(syncKey(SYNC), { set: { committedAt, failures: { manifest: 'm', count } } });
  };
  await failures(15);
  await it.look();
  const since = one.ports.clock.now();
  const rejecting = { what: 'syncs_rejecting', syncId: SYNC, code: 'failure_set', since };
  assert.deepEqual(await it.look(), needs(rejecting));
  // The rows are not there either while the sync is paused for a storm.
  await pauseSync(one.ports, { syncId: SYNC, code: 'failure_storm' });
  for (let looks = 0; looks < 3; looks += 1) assert.deepEqual(await it.look(), []);
  await resumeSync(one.ports, { syncId: SYNC });
  await failures(0);
  await it.look();
  assert.deepEqual(await it.look(), over(rejecting));
  await pauseSync(one.ports, { syncId: SYNC, code: 'failure_storm' });
  for (let looks = 0; looks < 3; looks += 1) assert.deepEqual(await it.look(), []);
});

test('neither an attempt nor a pause nor a resume makes an overdue sync look well: a commit does', async () => {
  const it = await desk();
  const { one } = it;
  await one.pass(HOUR_MS);
  await it.look();
  await it.look();
  await one.start();
  for (let looks = 0; looks < 3; looks += 1) assert.deepEqual(await it.look(), []);
  await pauseSync(one.ports, { syncId: SYNC, code: 'paused_by_operator' });
  for (let looks = 0; looks < 3; looks += 1) assert.deepEqual(await it.look(), []);
  await resumeSync(one.ports, { syncId: SYNC });
  for (let looks = 0; looks < 3; looks += 1) assert.deepEqual(await it.look(), []);
  await one.whole();
  await it.look();
  assert.deepEqual(await it.look(), over(OVERDUE));
});

test('a sync that cannot be read is not over, one that is deleted is', async () => {
  const it = await desk();
  const { one } = it;
  await one.pass(HOUR_MS);
  await it.look();
  await it.look();
  const { accepted } = one.ports.definitions;
  one.ports.definitions.accepted = () => Promise.reject(new Fault('transient', 'aws_unavailable', 'no'));
  for (let looks = 0; looks < 3; looks += 1) assert.deepEqual(await it.look(), []);
  one.ports.definitions.accepted = accepted;
  await it.look();
  await one.ports.definitions.forget(SYNC);
  await it.look();
  assert.deepEqual(await it.look(), over(OVERDUE));
});

test('an account that cannot be read is not over either', async () => {
  const it = await desk();
  const { state } = it.one.ports;
  await starve(it);
  await it.look();
  await it.look();
  const { read } = state;
  state.read = async (key) => {
    if (key.partition === 'BUDGET#crm') throw new Fault('transient', 'aws_unavailable', 'no');
    return read(key);
  };
  for (let looks = 0; looks < 3; looks += 1) assert.deepEqual(await it.look(), []);
});

test('nothing is written unless something is told', async () => {
  const it = await desk();
  await it.look();
  assert.equal(kept(it), undefined);
  await it.one.pass(HOUR_MS);
  await it.look();
  assert.equal(kept(it), undefined);
  await it.look();
  assert.deepEqual(kept(it), { rev: 2, told: [OVERDUE] });
  await it.look();
  await it.lookAnew();
  assert.deepEqual(kept(it), { rev: 2, told: [OVERDUE] });
});

test('an environment that has not looked before, or not lately, tells nothing by its first look', async () => {
  const it = await desk();
  await it.one.pass(HOUR_MS);
  assert.deepEqual(await it.lookAnew(), []);
  assert.deepEqual(await it.lookAnew(), []);
  // Rested for longer than three looks.
  await it.one.pass(10 * MINUTE_MS);
  assert.deepEqual(await it.look(), []);
  assert.deepEqual(await it.look(), needs(OVERDUE));
});

test('whoever dies between the write and the event: the next look tells, also in a new environment, once', async () => {
  const it = await desk();
  const { events } = it.one.ports;
  await it.one.pass(HOUR_MS);
  await it.look();
  const { publish } = events;
  events.publish = () => Promise.reject(new Fault('transient', 'killed', 'no'));
  await assert.rejects(it.look(), { code: 'killed' });
  await assert.rejects(it.look(), { code: 'killed' });
  events.publish = publish;
  assert.deepEqual(await it.lookAnew(), needs(OVERDUE));
  for (let looks = 0; looks < 3; looks += 1) assert.deepEqual(await it.look(), []);
});

test('whoever dies between the event and the last write: it is told twice, never not at all', async () => {
  const it = await desk();
  const { state } = it.one.ports;
  await it.one.pass(HOUR_MS);
  await it.look();
  const { update } = state;
  let writes = 0;
  state.update = async (key, change) => {
    writes += 1;
    if (writes === 2) throw new Fault('transient', 'killed', 'no');
    return update(key, change);
  };
  await assert.rejects(it.look(), { code: 'killed' });
  assert.equal(it.one.ports.events.types().filter((type) => type === 'Attention Changed').length, 1);
  assert.deepEqual(await it.lookAnew(), needs(OVERDUE));
  assert.deepEqual(await it.look(), []);
});

test('a write that is refused tells nobody, so a missing permission is no flood of messages', async () => {
  const it = await desk();
  await it.one.pass(HOUR_MS);
  await it.look();
  it.one.ports.state.update = () => Promise.reject(new Fault('config', 'aws_refused', 'no'));
  for (let looks = 0; looks < 3; looks += 1) await assert.rejects(it.look(), { code: 'aws_refused' });
  assert.ok(!it.one.ports.events.types().includes('Attention Changed'));
});

test('of two environments that see the same at once one tells', async () => {
  const it = await desk();
  const { ports, pass } = it.one;
  await pass(HOUR_MS);
  const before = await watch(ports);
  await pass(5 * MINUTE_MS);
  const now = await watch(ports);
  await Promise.all([tellAttention(ports, now, before), tellAttention(ports, now, before)]);
  assert.equal(ports.events.types().filter((type) => type === 'Attention Changed').length, 1);
});

test('of three hundred, two hundred are kept and twenty-five named; the rest is told as others end', async () => {
  const it = await desk();
  const { one } = it;
  const id = (at: number): string => `s${String(at).padStart(3, '0')}`;
  const commit = (syncId: string, committedAt: number) =>
    one.ports.state.update(syncKey(syncId), { set: { epoch: 0, phase: 'idle', committedAt } });
  for (let at = 1; at <= 300; at += 1) {
    await acceptSync(one.ports, writtenSync(id(at)));
    await commit(id(at), 1000);
  }
  await commit(SYNC, one.ports.clock.now());
  await one.ports.state.update(syncKey(SYNC), { set: { failures: { manifest: 'm', count: 15 } } });
  await starve(it);
  await it.look();
  const [[, detail] = []] = (await it.look()) as [unknown, Detail][];
  assert.deepEqual(
    detail?.needs.map(({ syncId }) => syncId),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25].map(id),
    'what is critical comes first',
  );
  assert.deepEqual(detail?.more, { needs: 277, over: 0 });
  const told = kept(it)?.told as unknown[];
  assert.equal(told.length, 200);
  assert.ok(JSON.stringify(kept(it)).length < 40_000);
  assert.deepEqual(await it.look(), [], 'those that have no room are no news every time');
  await commit(id(7), one.ports.clock.now());
  await it.look();
  const [[, next] = []] = (await it.look()) as [unknown, Detail][];
  assert.deepEqual(
    [next?.needs.map(({ syncId }) => syncId), next?.over.map(({ syncId }) => syncId), next?.more],
    [['s201'], ['s007'], { needs: 101, over: 0 }],
  );
});

type Detail = Readonly<Record<'needs' | 'over', readonly { syncId?: string }[]>> & { readonly more: unknown };
