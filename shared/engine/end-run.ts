/**
 * The ends of a run that move nothing: failed (before anything was sent), discarded (a hold), fenced (abandoned).
 * One conditional write on SYNC decides; the record on RUN and the event follow and may be repeated.
 */
import { canonicalJson } from '../core/canonical-json.ts';
import { runKey, syncKey } from '../core/names.ts';
import type { RunResult, SyncState, Trouble } from '../core/run.ts';
import { isAskedFor } from '../core/run-codes.ts';
import type { EngineEvent, Ports, Update } from '../ports.ts';
import { announce } from './announce.ts';
import { at, syncOf } from './sync-state.ts';

/** A loader fences too (a failure storm), and has no warehouse. */
export type EndPorts = Pick<Ports, 'clock' | 'state' | 'events' | 'telemetry' | 'settings'>;

export type Ending = {
  readonly ended: 'failed' | 'discarded' | 'fenced';
  readonly code: string;
  /** For the owner of the sync; no row value. */
  readonly reason?: string;
  /** Refuse every run until someone resumes the sync; `code` says why. */
  readonly pause?: boolean;
  /** Epoch milliseconds before which no run starts; unchanged when absent. */
  readonly notBefore?: number;
  /** Whether the sweep should start another run as soon as it may. */
  readonly again?: boolean;
};

/** Attributes that only an active run has. */
export const RUN_ATTRIBUTES = [
  ...['owner', 'leaseUntil', 'deadline', 'startedAt', 'loadingSince', 'cut', 'progress', 'hold'],
];

/**
 * Ends the run that `sync` was read in. True when the run has ended so, by this call or by one before it whose
 * answer was lost; false when it has moved on in the meantime, or has ended without the pause that was asked for.
 */
export async function endRun(ports: EndPorts, sync: SyncState, ending: Ending): Promise<boolean> {
  const trouble = troubleAfter(sync, ending, ports.clock.now());
  const update = endingUpdate(sync, ending, trouble, ports.clock.now());
  const written = await ports.state.update(syncKey(sync.syncId), update);
  if (!written.applied) {
    const now = written.item === undefined ? undefined : syncOf(written.item, sync.syncId);
    const over = now?.epoch === sync.epoch && now.phase === 'idle' && now.snapshotEpoch !== sync.epoch;
    if (!over || (ending.pause === true && now.paused === undefined)) return false;
  }
  await recordResult(ports, sync.syncId, sync.epoch, resultOf(ending, ports.clock.now()));
  const { syncId, epoch } = sync;
  ports.telemetry.log('info', 'run_ended', { syncId, epoch, is: ending.ended, code: ending.code });
  const series = trouble === undefined ? {} : { inARow: trouble.runs };
  // Whoever was told of the hold is told of its end, also when a pause or a deletion has ended it.
  const held = sync.phase === 'held' ? { wasHeld: true } : {};
  await announce(ports, EVENTS[ending.ended], { ...detailOf(sync, ending), ...series, ...held });
  if (ending.pause === true && written.applied) await announce(ports, 'Sync Paused', detailOf(sync, ending));
  return true;
}

/**
 * Writes what a run came to, once; the first writer wins. True for that writer, also when the answer was lost and the
 * repeat finds the record there; two who write the same in the same millisecond both take it for theirs.
 */
export async function recordResult(
  ports: Pick<Ports, 'state'>,
  syncId: string,
  epoch: number,
  result: RunResult,
): Promise<boolean> {
  const key = runKey(syncId, epoch);
  const written = await ports.state.update(key, {
    when: [{ attribute: 'result', is: 'absent' }],
    set: { result },
  });
  return written.applied || canonicalJson(written.item?.result) === canonicalJson(result);
}

const EVENTS: Readonly<Record<Ending['ended'], EngineEvent['type']>> = {
  failed: 'Run Failed',
  discarded: 'Run Discarded',
  fenced: 'Run Fenced',
};

/** Ends that people asked for are no trouble, and do not end one either. */
function troubleAfter(sync: SyncState, { ended, code }: Ending, now: number): Trouble | undefined {
  if (ended === 'discarded' || isAskedFor(code)) return undefined;
  const { runs = 0, since = now } = sync.trouble ?? {};
  return { runs: runs + 1, since, ended, code };
}

function endingUpdate(sync: SyncState, ending: Ending, trouble: Trouble | undefined, now: number): Update {
  return {
    when: at(sync.epoch, sync.phase),
    set: {
      phase: 'idle',
      ...dirtied(sync),
      ...(ending.notBefore === undefined ? {} : { notBefore: Math.max(ending.notBefore, sync.notBefore) }),
      ...(ending.again === true ? { wanted: nextTick(sync, now) } : {}),
      ...(ending.ended === 'discarded' ? { wanted: 0 } : {}),
      ...(ending.pause === true ? { paused: pausedBy(ending.code, now, sync.definitionVersion) } : {}),
      ...(trouble === undefined ? {} : { trouble }),
    },
    remove: RUN_ATTRIBUTES,
  };
}

/** What an abandoned run may have sent is not known: the next run looks at all of its keys again. */
function dirtied(sync: SyncState): { readonly dirty?: readonly number[] } {
  return sync.phase === 'loading' ? { dirty: [...sync.dirty, sync.epoch] } : {};
}

/** A tick that is newer than the last one, so that the sweep starts a run for it. */
export const nextTick = (sync: SyncState, now: number): number =>
  Math.max(now, sync.wanted, sync.lastScheduled + 1);

export const pausedBy = (
  code: string,
  now: number,
  definitionVersion: number,
): { readonly code: string; readonly at: number; readonly definitionVersion: number } => ({
  code,
  at: now,
  definitionVersion,
});

function resultOf(ending: Ending, now: number): RunResult {
  const { ended, code, reason } = ending;
  return { ended, code, at: now, ...(reason === undefined ? {} : { reason }) };
}

function detailOf(sync: SyncState, ending: Ending): EngineEvent['detail'] {
  const { syncId, epoch } = sync;
  return {
    syncId,
    epoch,
    code: ending.code,
    ...(ending.reason === undefined ? {} : { reason: ending.reason }),
  };
}
