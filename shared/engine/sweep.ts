/**
 * Every minute, for every sync: whatever an event, a tick or a function should have done and did not. Each sync is
 * looked at by itself, so one that cannot be helped does not keep the others waiting.
 *
 *   idle        a run is wanted and may start · a commit is not recorded
 *   extracting  the lease is over: ask the warehouse, go on, or end the run
 *   held        expired
 *   loading     the fan-out died · settled but not finished · stalled · too old
 *   any active  its definition was deleted or disabled meanwhile
 */
import { asFault } from '../core/fault.ts';
import { RECORD_MS_MAX, RUN_MS_MAX } from '../core/limits.ts';
import { SYNC_PARTITION, syncKey } from '../core/names.ts';
import type { SyncState } from '../core/run.ts';
import type { RunCode } from '../core/run-codes.ts';
import type { Ports } from '../ports.ts';
import { discardHold } from './discard-hold.ts';
import { fanOut } from './fan-out.ts';
import { fenceRun } from './fence-run.ts';
import { finishRun, isFlipped } from './finish-run.ts';
import { checkProgress } from './stalled-run.ts';
import { startRun } from './start-run.ts';
import { at, readRun, sendingSince, syncOf } from './sync-state.ts';

/** Everything but schedules: the sweep starts runs itself. */
export type SweepPorts = Omit<Ports, 'schedules'>;

export type SweepResult = { readonly looked: number; readonly failed: number };

export async function sweep(
  ports: SweepPorts,
  input: { readonly owner: string; readonly signal: AbortSignal },
): Promise<SweepResult> {
  let looked = 0;
  let failed = 0;
  for await (const { sort, partition: _, ...item } of ports.state.list(SYNC_PARTITION)) {
    if (input.signal.aborted) break;
    looked += 1;
    try {
      await sweepSync(ports, syncOf(item, sort), input);
    } catch (error) {
      failed += 1;
      const fault = asFault(error);
      ports.telemetry.log(fault.kind === 'bug' ? 'error' : 'warn', 'sweep_failed', {
        syncId: sort,
        code: fault.code,
      });
    }
  }
  return { looked, failed };
}

type SweepInput = { readonly owner: string; readonly signal: AbortSignal };

async function sweepSync(ports: SweepPorts, sync: SyncState, input: SweepInput): Promise<void> {
  if (sync.phase === 'idle') return sweepIdle(ports, sync, input);
  const code = await reasonToFence(ports, sync);
  if (code !== undefined) {
    await fenceRun(ports, { syncId: sync.syncId, epoch: sync.epoch, code, again: code === 'run_too_old' });
    return;
  }
  if (sync.phase === 'held') return sweepHeld(ports, sync);
  if (sync.phase === 'extracting') return sweepExtracting(ports, sync, input);
  return sweepLoading(ports, sync, input);
}

async function reasonToFence(ports: SweepPorts, sync: SyncState): Promise<RunCode | undefined> {
  const definition = await ports.definitions.accepted(sync.syncId);
  if (definition === undefined) return 'definition_deleted';
  if (!definition.sync.enabled) return 'definition_disabled';
  // A hold has an end of its own, and a run may be approved late.
  const since = sync.phase === 'loading' ? sendingSince(sync) : sync.startedAt;
  const age = ports.clock.now() - (since ?? 0);
  return sync.phase !== 'held' && age > RUN_MS_MAX ? 'run_too_old' : undefined;
}

async function sweepIdle(ports: SweepPorts, sync: SyncState, { owner }: SweepInput): Promise<void> {
  const now = ports.clock.now();
  const { syncId, epoch } = sync;
  const isRecent = now - sync.notBefore < RECORD_MS_MAX;
  if (isFlipped(sync, epoch) && isRecent) await finishRun(ports, { syncId, epoch });
  if (sync.wanted <= sync.lastScheduled || sync.paused !== undefined || now < sync.notBefore) return;
  await startRun(ports, { syncId, scheduledAt: sync.wanted, owner });
}

async function sweepHeld(ports: SweepPorts, sync: SyncState): Promise<void> {
  if (ports.clock.now() < (sync.hold?.until ?? 0)) return;
  await discardHold(ports, { syncId: sync.syncId, code: 'hold_expired' });
}

async function sweepExtracting(ports: SweepPorts, sync: SyncState, { signal }: SweepInput): Promise<void> {
  if (ports.clock.now() <= (sync.leaseUntil ?? 0)) return;
  const { syncId, epoch } = sync;
  const run = await readRun(ports.state, syncId, epoch);
  if (run?.statementId === undefined) {
    await fenceRun(ports, { syncId, epoch, code: 'extractor_lost' satisfies RunCode, again: true });
    return;
  }
  const { state, reason } = await ports.warehouse.status(run.statementId);
  if (state === 'running') return;
  if (state === 'unknown') {
    await fenceRun(ports, { syncId, epoch, code: 'statement_lost' satisfies RunCode, again: true });
    return;
  }
  if (!(await renewLease(ports, sync))) return;
  const said = reason === undefined ? {} : { reason };
  await fanOut(ports, { syncId, epoch, statement: state, ...said, signal });
}

async function sweepLoading(ports: SweepPorts, sync: SyncState, { signal }: SweepInput): Promise<void> {
  const { syncId, epoch } = sync;
  const finished = await finishRun(ports, { syncId, epoch });
  if (finished.is !== 'loading') return;
  const stalled = await checkProgress(ports, sync);
  if (stalled) {
    await fenceRun(ports, { syncId, epoch, code: 'run_stalled' satisfies RunCode, again: true });
    return;
  }
  if (ports.clock.now() <= (sync.leaseUntil ?? 0)) return;
  const run = await readRun(ports.state, syncId, epoch);
  if (run?.sealed !== undefined || !(await renewLease(ports, sync))) return;
  await fanOut(ports, { syncId, epoch, statement: 'finished', signal });
}

/** One sweep at a time repeats a fan-out; a second one finds a lease that is not the one it read. */
async function renewLease(ports: SweepPorts, sync: SyncState): Promise<boolean> {
  const leaseUntil = ports.clock.now() + ports.settings.extractorLeaseMs;
  const written = await ports.state.update(syncKey(sync.syncId), {
    when: [...at(sync.epoch, sync.phase), { attribute: 'leaseUntil', is: '=', value: sync.leaseUntil ?? 0 }],
    set: { leaseUntil },
  });
  return written.applied;
}
