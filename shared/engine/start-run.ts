/**
 * A tick of the schedule (or a person) starts a run: acquire the sync in one conditional write, then extract.
 *
 * Who acquires owns the epoch: `owner` is the request's id, so that a repeat of the same request (the write was
 * applied, its answer lost, or the function died after it) goes on with the epoch instead of losing it. A tick that
 * cannot start leaves `wanted`, and the sweep starts a run for it when it may.
 */
import { ACQUIRE_TRIES_MAX } from '../core/limits.ts';
import { syncKey } from '../core/names.ts';
import type { SyncState } from '../core/run.ts';
import type { AcceptedDefinition } from '../core/sync.ts';
import type { Condition, Ports, Update } from '../ports.ts';
import { beginExtraction } from './begin-extraction.ts';
import { absentOr } from './conditions.ts';
import { at, freshSync, readSync, syncOf } from './sync-state.ts';

export type StartPorts = Pick<
  Ports,
  'clock' | 'state' | 'objects' | 'warehouse' | 'definitions' | 'events' | 'telemetry' | 'settings'
>;

export type StartInput = {
  readonly syncId: string;
  /** Epoch milliseconds of the tick; a run starts for each tick at most once. */
  readonly scheduledAt: number;
  /** The same for every try of one request. */
  readonly owner: string;
  /** A person asks: the tick need not be newer than the last one. Grace, pause and an active run still refuse. */
  readonly force?: boolean;
};

export type StartRefusal =
  | 'no_definition'
  | 'disabled'
  | 'paused'
  | 'stale_tick'
  | 'run_active'
  | 'not_yet'
  | 'contended';

export type StartResult =
  | { readonly is: 'started'; readonly epoch: number }
  | { readonly is: 'refused'; readonly code: StartRefusal }
  /** Acquired, and ended at once: the warehouse or the definition refused. */
  | { readonly is: 'failed'; readonly epoch: number; readonly code: string };

/** Throws what the state table or the bucket threw: repeat with the same owner. */
export async function startRun(ports: StartPorts, input: StartInput): Promise<StartResult> {
  for (let turn = 0; turn < ACQUIRE_TRIES_MAX; turn += 1) {
    const definition = await ports.definitions.accepted(input.syncId);
    if (definition === undefined) return { is: 'refused', code: 'no_definition' };
    if (!definition.sync.enabled) return { is: 'refused', code: 'disabled' };
    const before = await readSync(ports.state, input.syncId);
    const acquired = await acquire(ports, input, definition, before);
    if (acquired.is === 'changed') continue;
    if (acquired.is === 'refused') return acquired;
    return beginExtraction(ports, acquired.sync, definition);
  }
  return { is: 'refused', code: 'contended' };
}

type Acquired =
  | { readonly is: 'acquired'; readonly sync: SyncState }
  | { readonly is: 'refused'; readonly code: StartRefusal }
  | { readonly is: 'changed' };

async function acquire(
  ports: StartPorts,
  input: StartInput,
  definition: AcceptedDefinition,
  before: SyncState | undefined,
): Promise<Acquired> {
  if (before !== undefined && isMine(before, input)) return { is: 'acquired', sync: before };
  const code = refusalOf(before ?? freshSync(input.syncId), input, ports.clock.now());
  if (code !== undefined) return refuse(ports, input, before, code);
  const update = acquisition(ports, input, definition, before);
  const written = await ports.state.update(syncKey(input.syncId), update);
  const after = written.item === undefined ? undefined : syncOf(written.item, input.syncId);
  if (after !== undefined && (written.applied || isMine(after, input)))
    return { is: 'acquired', sync: after };
  return { is: 'changed' };
}

/** An earlier try of this very request took the epoch. */
function isMine(sync: SyncState, input: StartInput): boolean {
  return sync.phase === 'extracting' && sync.owner === input.owner;
}

function refusalOf(sync: SyncState, input: StartInput, now: number): StartRefusal | undefined {
  if (sync.paused !== undefined) return 'paused';
  if (input.force !== true && input.scheduledAt <= sync.lastScheduled) return 'stale_tick';
  if (sync.phase !== 'idle') return 'run_active';
  return now < sync.notBefore ? 'not_yet' : undefined;
}

/** A tick during a run or its grace is not lost: the sweep starts a run for it afterwards. */
async function refuse(
  ports: StartPorts,
  input: StartInput,
  before: SyncState | undefined,
  code: StartRefusal,
): Promise<Acquired> {
  const later = code === 'run_active' || code === 'not_yet';
  if (before === undefined || !later || before.wanted >= input.scheduledAt) return { is: 'refused', code };
  const wanted = Math.max(input.scheduledAt, before.lastScheduled + 1);
  const written = await ports.state.update(syncKey(input.syncId), {
    when: [...at(before.epoch, before.phase), absentOr('wanted', '<', wanted)],
    set: { wanted },
  });
  const kept = written.applied || Number(written.item?.wanted ?? 0) >= wanted;
  return kept ? { is: 'refused', code } : { is: 'changed' };
}

function acquisition(
  ports: StartPorts,
  input: StartInput,
  definition: AcceptedDefinition,
  before: SyncState | undefined,
): Update {
  const now = ports.clock.now();
  const sync = before ?? freshSync(input.syncId);
  return {
    when: acquirable(input, before, now),
    set: {
      epoch: sync.epoch + 1,
      phase: 'extracting',
      owner: input.owner,
      leaseUntil: now + ports.settings.extractorLeaseMs,
      startedAt: now,
      lastScheduled: Math.max(input.scheduledAt, sync.lastScheduled),
      definitionVersion: definition.version,
      ...(sync.generation === definition.generation ? {} : afresh(definition.generation)),
    },
  };
}

function acquirable(input: StartInput, before: SyncState | undefined, now: number): readonly Condition[] {
  if (before === undefined) return [{ attribute: 'epoch', is: 'absent' }];
  return [
    ...at(before.epoch, 'idle'),
    { attribute: 'paused', is: 'absent' },
    absentOr('notBefore', '<=', now),
    ...(input.force === true ? [] : [absentOr('lastScheduled', '<', input.scheduledAt)]),
  ];
}

/** Another key, way of change or place: what was delivered and remembered before says nothing any more. */
const afresh = (generation: string) => ({
  generation,
  watermark: null,
  snapshotEpoch: 0,
  failures: null,
  dirty: [],
  lastCount: -1,
});
