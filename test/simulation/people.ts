/**
 * What people do to syncs while they run: cancel, pause and resume, edit and delete definitions, deploy, approve and
 * discard what is held, reload a model.
 */
import { syncKey } from '../../shared/core/names.ts';
import type { SyncState } from '../../shared/core/run.ts';
import type { Sync } from '../../shared/core/sync.ts';
import { approveHold } from '../../shared/engine/approve-hold.ts';
import { discardHold } from '../../shared/engine/discard-hold.ts';
import { fenceRun } from '../../shared/engine/fence-run.ts';
import { pauseSync } from '../../shared/engine/pause-sync.ts';
import { reconcileSync } from '../../shared/engine/reconcile-sync.ts';
import { resumeSync } from '../../shared/engine/resume-sync.ts';
import { type MemoryPorts, writtenSync } from '../memory/memory-ports.ts';
import type { Random } from '../memory/seeded.ts';
import { deploy } from './deploys.ts';
import type { Account } from './destination.ts';
import type { Editor } from './model-edits.ts';
import { epochName, plainSync } from './oracle.ts';
import { act, after, type Known, MINUTE_MS, tick, unheard, type World } from './world.ts';

export function syncNow(base: MemoryPorts, syncId: string): SyncState | undefined {
  const item = base.state.peek(syncKey(syncId));
  return item === undefined ? undefined : plainSync(item, syncId);
}

/** Once a minute. In the quiet part people only finish what they had begun. */
export function peopleAct(world: World): void {
  const { account, base, faults, random } = world;
  for (const [syncId, { editor }] of world.syncs) {
    decide(world, syncId);
    if (!world.isQuiet) disturb(world, syncId, editor);
    else if (syncNow(base, syncId)?.paused !== undefined) resume(world, syncId);
    else if (random.chance(0.25)) tick(world, syncId);
  }
  if (world.isQuiet) return;
  if (faults.fires('downPerMinute')) goDown(account, base.clock.now(), random);
  if (faults.fires('deployedPerMinute')) deploy(world);
}

function goDown(account: Account, now: number, random: Random): void {
  if (account.downUntil <= now) account.downFrom = now;
  const isLong = random.chance(0.2);
  account.downUntil = now + (isLong ? (60 + random.below(20)) * MINUTE_MS : random.below(40 * MINUTE_MS));
  account.isSilent = random.chance(0.3);
}

/** Someone cancels a run, perhaps because the model was wrong: then it is put back as it was. */
export function cancelRun(world: World, syncId: string, epoch: number): void {
  const { random, syncs, base } = world;
  const run = (ports: Parameters<typeof fenceRun>[0]) =>
    fenceRun(ports, { syncId, epoch, code: 'cancelled' });
  void act(world, { name: 'api', syncId, run });
  if (random.chance(0.5)) syncs.get(syncId)?.editor.revert(base.clock.now());
  // And starts it again at once, while loaders of the cancelled run may still be sending.
  for (const seconds of [5, 20, 60]) after(world, random.below(seconds * 1000), () => tick(world, syncId));
}

/** A person looks at a held run: what was extracted from a whole model is approved, sooner or later. */
function decide(world: World, syncId: string): void {
  const { base, oracle, random } = world;
  const sync = syncNow(base, syncId);
  const isSlow = random.chance(world.isQuiet ? 0.5 : 0.9);
  if (sync?.phase !== 'held' || sync.hold === undefined) return;
  // Some would rather start it again than look.
  if (!world.isQuiet && random.chance(0.5)) tick(world, syncId);
  if (isSlow) return;
  const name = epochName(syncId, sync.epoch);
  if (world.forgotten.has(name)) return;
  const epoch = oracle.epochs.get(name);
  const { planHash } = sync.hold;
  const discard = (): void => {
    void act(world, { name: 'api', syncId, run: (ports) => discardHold(ports, { syncId, planHash }) });
  };
  if (epoch?.isWhole === true) {
    epoch.approved = true;
    const timeoutMs = 5 * MINUTE_MS;
    const run = (ports: Parameters<typeof approveHold>[0]) =>
      approveHold(ports, { syncId, planHash, signal: unheard() });
    void act(world, { name: 'api', syncId, timeoutMs, run });
    // Two people at once: whoever is second takes their own answer for lost, and sends it all again.
    if (random.chance(0.1)) {
      epoch.isSentTwice = true;
      void act(world, { name: 'api', syncId, timeoutMs, run });
    }
    if (!world.isQuiet && random.chance(0.1)) discard();
  } else discard();
}

function disturb(world: World, syncId: string, editor: Editor): void {
  const { base, faults, random } = world;
  if (random.chance(0.15)) editor.edit(base.clock.now());
  const sync = syncNow(base, syncId);
  if (sync === undefined || world.syncs.get(syncId)?.isDeleted === true) return;
  if (faults.fires('pausedPerMinute', syncId)) {
    void act(world, { name: 'api', syncId, run: (ports) => pauseSync(ports, { syncId, code: 'by_hand' }) });
    after(world, random.below(20 * MINUTE_MS), () => resume(world, syncId));
  }
  if (faults.fires('grownPerMinute', syncId)) editor.grow(base.clock.now());
  if (faults.fires('editedPerMinute', syncId)) editFields(world, syncId);
  if (faults.fires('generationPerMinute', syncId)) editChanges(world, syncId);
  if (faults.fires('deletedPerMinute', syncId)) deleteDefinition(world, syncId);
  reload(world, sync, editor);
}

function resume(world: World, syncId: string): void {
  void act(world, { name: 'api', syncId, run: (ports) => resumeSync(ports, { syncId }) });
}

/** Only where a guard can see it: with a baseline, and so much that it shows. */
function reload(world: World, sync: SyncState, editor: Editor): void {
  const { faults, random } = world;
  if (sync.phase !== 'idle' || sync.lastCount < 4 || !editor.isWhole()) return;
  const known = world.syncs.get(sync.syncId);
  if (known?.isDeleted === true || known?.generation !== sync.generation) return;
  const isEmptied = faults.fires('emptiedPerMinute', sync.syncId);
  if (!isEmptied && !faults.fires('tornModelPerMinute', sync.syncId)) return;
  editor.reload(isEmptied ? 0 : Math.floor(sync.lastCount / 2));
  after(world, random.below(25 * MINUTE_MS), () => {
    editor.restore();
    return false;
  });
}

/** Another mapping, the same generation: another constant, and fields in another order. */
function editFields(world: World, syncId: string): void {
  const { definition } = world.syncs.get(syncId) ?? {};
  if (definition === undefined) return;
  const { random } = world;
  const source = { to: 'source', value: `v${random.below(100)}` };
  const fields = random.shuffled([...definition.fields.filter((field) => field.to !== 'source'), source]);
  rewrite(world, { ...partsOf(definition), fields }, syncId);
}

/** Another way to find changes: a new generation, everything afresh. */
function editChanges(world: World, syncId: string): void {
  const { definition } = world.syncs.get(syncId) ?? {};
  if (definition === undefined) return;
  // A first run has nothing to compare a torn model with.
  world.syncs.get(syncId)?.editor.restore();
  const { changes } = definition.model;
  const by = changes.by === 'diff' ? 'all' : 'diff';
  rewrite(world, { ...partsOf(definition), changes: { by } }, syncId);
}

function rewrite(world: World, parts: Record<string, unknown>, syncId: string): void {
  const known = world.syncs.get(syncId);
  if (known === undefined) return;
  write(world, known, writtenSync(syncId, parts));
}

function write(world: World, known: Known, definition: Sync): void {
  const { definitions } = world.base;
  const { syncId } = definition;
  known.definition = definition;
  definitions.write(syncId, JSON.parse(JSON.stringify(definition)));
  void reconcile(world, known, async () => {
    known.generation = (await definitions.accepted(syncId))?.generation ?? known.generation;
  });
}

/** The stream that tells of an edit repeats until it is done, and then tells of the next. */
function reconcile(world: World, known: Known, then: () => Promise<void>): Promise<unknown> {
  const { syncId } = known.definition;
  const run = (ports: Parameters<typeof reconcileSync>[0]) => reconcileSync(ports, { syncId });
  const attempt = async (): Promise<void> => {
    while ((await act(world, { name: 'reconcile', syncId, run })).is !== 'returned') {
      await world.base.clock.sleep(10_000);
    }
    await then();
  };
  known.reconciled = known.reconciled.then(attempt);
  return known.reconciled;
}

/** What `writtenSync` needs to write the same definition again. */
function partsOf({ model, destination, guards, fields }: Sync): Record<string, unknown> {
  return { changes: model.changes, destination, guards, fields };
}

/** A while later the definition is written again. */
function deleteDefinition(world: World, syncId: string): void {
  const known = world.syncs.get(syncId);
  if (known === undefined) return;
  const { base, oracle, random } = world;
  known.isDeleted = true;
  known.editor.restore();
  base.definitions.erase(syncId);
  void reconcile(world, known, async () => {
    oracle.timing.refusedTicks.delete(syncId);
    oracle.timing.forgottenAt.set(syncId, base.clock.now());
    after(world, random.below(5 * MINUTE_MS), () => {
      known.isDeleted = false;
      write(world, known, known.definition);
    });
  });
}
