/** A sync that is to stop stops, also when its run ends otherwise at that very moment. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deleteSync } from '../../shared/engine/delete-sync.ts';
import { fenceRun } from '../../shared/engine/fence-run.ts';
import { pauseSync } from '../../shared/engine/pause-sync.ts';
import { resumeSync } from '../../shared/engine/resume-sync.ts';
import { readRun } from '../../shared/engine/sync-state.ts';
import { type Bench, loading, SYNC } from './bench.ts';

/** Somebody else fences the run just before the write that is to pause the sync. */
function fencedBefore(one: Bench): void {
  const { update } = one.ports.state;
  one.ports.state.update = async (key, change) => {
    if (change.set?.paused === undefined) return update(key, change);
    one.ports.state.update = update;
    await fenceRun(one.ports, { syncId: SYNC, epoch: 1, code: 'run_stalled', again: true });
    return update(key, change);
  };
}

test('a pause whose run ends otherwise at that moment still pauses the sync', async () => {
  const one = await loading();
  fencedBefore(one);
  const code = 'paused_by_operator';
  assert.deepEqual(await pauseSync(one.ports, { syncId: SYNC, code }), { is: 'paused', code });
  assert.deepEqual([(await one.sync()).paused?.code, (await one.sync()).dirty], [code, [1]]);
  assert.equal((await readRun(one.ports.state, SYNC, 1))?.result?.code, 'run_stalled');
  assert.deepEqual(one.ports.events.types().slice(-2), ['Run Fenced', 'Sync Paused']);
  await one.pass(120_000);
  await one.sweep();
  assert.equal((await one.sync()).epoch, 1);
});

test('so does a fence that stops the sync; not once somebody has resumed it', async () => {
  const one = await loading();
  fencedBefore(one);
  const storm = { syncId: SYNC, epoch: 1, code: 'failure_storm', pause: true, reason: '9 of 10' };
  assert.deepEqual(await fenceRun(one.ports, storm), { is: 'stale' });
  assert.equal((await one.sync()).paused?.code, 'failure_storm');
  const paused = one.ports.events.published.find(({ type }) => type === 'Sync Paused');
  assert.deepEqual(paused?.detail, { syncId: SYNC, code: 'failure_storm', reason: '9 of 10' });
  const other = await loading();
  assert.deepEqual(await fenceRun(other.ports, storm), { is: 'fenced' });
  await resumeSync(other.ports, { syncId: SYNC });
  assert.deepEqual(await fenceRun(other.ports, storm), { is: 'stale' });
  assert.equal((await other.sync()).paused, undefined);
});

test('a run that was over before the fence looked: the sync is paused all the same, but not after a commit or a deletion', async () => {
  const stop = { syncId: SYNC, epoch: 1, code: 'stage_miscounted', pause: true };
  const ends: readonly (readonly [(one: Bench) => Promise<unknown>, string | undefined])[] = [
    [(one) => fenceRun(one.ports, { syncId: SYNC, epoch: 1, code: 'run_stalled' }), 'stage_miscounted'],
    [(one) => one.load(), undefined],
    [(one) => deleteSync(one.ports, { syncId: SYNC }), undefined],
  ];
  for (const [end, code] of ends) {
    const one = await loading();
    await end(one);
    assert.deepEqual(await fenceRun(one.ports, stop), { is: 'stale' });
    assert.equal((await one.sync()).paused?.code, code);
  }
});
