/**
 * Is a loading run still getting on? Its deadline moves while batches settle or their resume points move, and while
 * the account cannot send: an open breaker, or a destination that asked for silence; then from the end of that on. So a
 * first sync may take days.
 */
import { EXPRESS_HORIZON_MS, PROGRESS_PER_BATCH } from '../core/limits.ts';
import { budgetKey, shardKey, syncKey } from '../core/names.ts';
import type { Cut, ResumePoint, SyncState } from '../core/run.ts';
import type { Item, Ports } from '../ports.ts';
import { budgetOf } from './account-rate.ts';
import { readBreaker } from './breaker.ts';
import { readFrozen } from './frozen.ts';
import { at, type RunRecord, readRun } from './sync-state.ts';

type StallPorts = Pick<Ports, 'clock' | 'state' | 'objects' | 'settings'>;

/** True when the run is stalled. Looks at shards only when the deadline has passed, then moves it by one stall. */
export async function checkProgress(ports: StallPorts, sync: SyncState): Promise<boolean> {
  const now = ports.clock.now();
  if (sync.cut === undefined || now <= (sync.deadline ?? 0)) return false;
  const progress = await progressOf(ports, sync, sync.cut);
  const excusedAt = await excusedUntil(ports, sync);
  if (progress <= (sync.progress ?? 0) && excusedAt === undefined) return true;
  await ports.state.update(syncKey(sync.syncId), {
    when: at(sync.epoch, 'loading'),
    set: { progress, deadline: Math.max(now, excusedAt ?? 0) + ports.settings.runStallMs },
  });
  return false;
}

/**
 * Nobody may send, or might not a moment ago: waiting is right. A run has its whole stall time from the end of that on, as
 * its messages come back a while after it.
 */
async function excusedUntil(ports: StallPorts, sync: SyncState): Promise<number | undefined> {
  const now = ports.clock.now();
  const { definition } = await readFrozen(ports.objects, sync.syncId, sync.epoch);
  const { account } = definition.sync.destination;
  const breaker = await readBreaker(ports.state, account);
  if (breaker.state !== 'closed') return breaker.openUntil;
  const { nextFreeAt, rampAt = 0, silentUntil = 0 } = budgetOf(await ports.state.read(budgetKey(account)));
  // Slots are not reserved beyond the horizon: what lies there is a silence that was asked for, or slots that are rare.
  if (nextFreeAt > now + EXPRESS_HORIZON_MS) return nextFreeAt;
  const sendsAgainAt = Math.max(rampAt, silentUntil);
  return sendsAgainAt > now - ports.settings.runStallMs ? sendsAgainAt : undefined;
}

/** Grows with every settled batch and every resume point; the unit means nothing. */
async function progressOf(ports: StallPorts, sync: SyncState, cut: Cut): Promise<number> {
  const { syncId, epoch } = sync;
  const run = await readRun(ports.state, syncId, epoch);
  let progress = 0;
  for (let shard = 0; shard * cut.shardBatches < cut.batches; shard += 1) {
    progress +=
      rolledUp(run, cut, shard) ?? openShard(await ports.state.read(shardKey(syncId, epoch, shard)));
  }
  return progress;
}

function rolledUp(run: RunRecord | undefined, cut: Cut, shard: number): number | undefined {
  if (run?.shardSums.has(shard) !== true) return undefined;
  return Math.min(cut.shardBatches, cut.batches - shard * cut.shardBatches) * PROGRESS_PER_BATCH;
}

function openShard(item: Item | undefined): number {
  let progress = 0;
  for (const [name, value] of Object.entries(item ?? {})) {
    if (/^b\d+$/.test(name)) progress += PROGRESS_PER_BATCH;
    if (/^p\d+$/.test(name)) progress += (value as ResumePoint).offset;
  }
  return progress;
}
