/**
 * What a sync needs a person for, read off the state and not off events: an event may be lost, doubled or late, so it
 * only says where to look. Every read is strongly consistent.
 */
import type { RunResult, SyncState } from '../core/run.ts';
import { isAskedFor, runCodeFacts } from '../core/run-codes.ts';
import type { AcceptedDefinition } from '../core/sync.ts';
import type { DefinitionStatus, Ports } from '../ports.ts';
import { freshSync, readRun, readSync } from './sync-state.ts';

export type OwnerFacts = {
  readonly sync: SyncState;
  /** What runs; undefined when no version was ever good, or the sync was deleted. */
  readonly accepted: AcceptedDefinition | undefined;
  readonly status: DefinitionStatus | undefined;
  /** Who is told: of what runs, else of what was written, if that names anybody. */
  readonly owner: string | undefined;
  /** Of the last committed run; undefined before the first and while it is not recorded yet. */
  readonly committed: RunResult | undefined;
  /** Of a run after that one which has ended without a commit. */
  readonly uncommitted: RunResult | undefined;
};

export type FactPorts = Pick<Ports, 'state' | 'definitions'>;

export async function readFacts(ports: FactPorts, syncId: string): Promise<OwnerFacts> {
  const sync = (await readSync(ports.state, syncId)) ?? freshSync(syncId);
  const accepted = await ports.definitions.accepted(syncId);
  const { epoch, snapshotEpoch, phase } = sync;
  return {
    sync,
    accepted,
    status: await ports.definitions.status(syncId),
    owner: accepted?.sync.owner ?? (await writtenOwner(ports, syncId)),
    committed: snapshotEpoch > 0 ? (await readRun(ports.state, syncId, snapshotEpoch))?.result : undefined,
    uncommitted:
      phase === 'idle' && epoch > snapshotEpoch
        ? (await readRun(ports.state, syncId, epoch))?.result
        : undefined,
  };
}

/** The item may have any shape: it was refused. */
async function writtenOwner({ definitions }: FactPorts, syncId: string): Promise<string | undefined> {
  const owner = (await definitions.written(syncId))?.owner;
  return typeof owner === 'string' && OWNER.test(owner) ? owner : undefined;
}

const OWNER: RegExp = /^[^\p{Cc}\p{Cs}]{1,254}$/u;

/** What may be trouble, without the reading that words need. `proof` changes when there may be something new to say. */
export type Sign = {
  readonly is: 'rows' | 'held' | 'paused' | 'stopped' | 'refused';
  readonly proof: string;
};

/** Whether the state of one sync alone asks for a closer look: what a look at all syncs can afford. */
export const mayBeTrouble = ({ phase, paused, failures, epoch, snapshotEpoch }: SyncState): boolean =>
  phase === 'held' ||
  paused !== undefined ||
  failures !== null ||
  (phase === 'idle' && epoch > snapshotEpoch);

/** In the order in which a message tells them. Empty: nobody is needed, or nobody is interested (disabled, deleted). */
export function signsOf(facts: OwnerFacts): readonly Sign[] {
  if (isQuiet(facts)) return [];
  const { sync, status } = facts;
  const signs: (Sign | undefined)[] = [
    sync.phase === 'held' && sync.hold !== undefined ? { is: 'held', proof: sync.hold.planHash } : undefined,
    isPausedByEngine(sync)
      ? { is: 'paused', proof: `${sync.paused?.code} ${sync.paused?.at}` }
      : stopSign(facts),
    status?.state === 'refused' ? { is: 'refused', proof: status.answers } : undefined,
    rowsSign(facts),
  ];
  return signs.filter((sign) => sign !== undefined);
}

/** Nobody waits for rows of a sync that is switched off or gone. */
export const isQuiet = ({ accepted, status }: OwnerFacts): boolean =>
  accepted?.sync.enabled === false || status?.state === 'deleted';

/** Rows without a key have no record; they show in the counts of the run alone. */
function rowsSign({ sync, committed }: OwnerFacts): Sign | undefined {
  const { rejected = 0, invalid = 0, dead = 0 } = committed?.counts ?? {};
  if (sync.failures === null && rejected + invalid + dead === 0) return undefined;
  return { is: 'rows', proof: `${sync.snapshotEpoch} ${sync.failures?.manifest ?? ''}` };
}

function stopSign({ sync, uncommitted }: OwnerFacts): Sign | undefined {
  const { ended, code = '' } = uncommitted ?? {};
  if ((ended !== 'failed' && ended !== 'fenced') || !isForOwner(code)) return undefined;
  return { is: 'stopped', proof: `${sync.epoch} ${code}` };
}

const isPausedByEngine = ({ paused }: SyncState): boolean => paused !== undefined && !isAskedFor(paused.code);

/** Unless a person asked for it, or the engine tries again by itself. */
const isForOwner = (code: string): boolean => !isAskedFor(code) && runCodeFacts(code)?.isRetried !== true;
