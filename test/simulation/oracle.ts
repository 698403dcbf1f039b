/**
 * What the simulator knows and the code cannot see: the model as each statement read it, which run wrote what, when
 * a run was complete, when something last went wrong. The invariants are functions over it.
 */

import type { SyncState } from '../../shared/core/run.ts';
import type { Sync } from '../../shared/core/sync.ts';
import { freshSync } from '../../shared/engine/sync-state.ts';
import type { Item } from '../../shared/ports.ts';
import type { Extracted } from '../memory/extraction.ts';
import type { MemoryPorts } from '../memory/memory-ports.ts';
import type { Statement } from '../memory/memory-warehouse.ts';
import { type ModelRow, rowKey } from '../memory/model-table.ts';
import type { Account } from './destination.ts';

/** `I1` to `I15` as in the run protocol; `class B` and `class C`: what is promised where a repeat does harm. */
export type Violation = { readonly invariant: string; readonly message: string };

export type Wrong = (invariant: string, message: string) => void;

/** What of an epoch only the oracle knows. */
export type Epoch = {
  readonly definition: Sync;
  /** The model when the statement ran. */
  readonly model: readonly ModelRow[];
  /** The same by key: those with at least one row. */
  readonly rowOf: ReadonlyMap<string, ModelRow>;
  /** The model was not being reloaded when the statement ran. */
  readonly isWhole: boolean;
  readonly ranAt: number;
  readonly extracted: Extracted | undefined;
  /** What was extracted of each key: added, changed, removed, invalid. */
  readonly changeOf: ReadonlyMap<string, string>;
  approved: boolean;
  /** Two people approved it at the same moment. */
  isSentTwice: boolean;
  /** Hand-backs of its messages. */
  handBacks: number;
};

/** What hangs on the moments at which faults fired, ticks were refused, and requests left. */
export type Timing = {
  /** When something last went wrong: what must be quick is judged from then on. */
  disturbedAt: number;
  /** When a state write was last in danger. */
  harmedAt: number;
  /** By sync: its newest tick that was refused for a run or its grace, and when: a start may sleep before it asks. */
  readonly refusedTicks: Map<string, { readonly scheduledAt: number; readonly at: number }>;
  /** By sync: when a deletion was last done; ticks up to then are forgotten. */
  readonly forgottenAt: Map<string, number>;
  /** By sync: when it was last seen at work, paused or deleted. */
  readonly blockedAt: Map<string, number>;
  /** By sync: ticks up to then need no run any more: one was acquired, or a held one discarded. */
  readonly answeredAt: Map<string, number>;
  /** Pauses that the destination has asked for. */
  pauses: readonly Pause[];
  /** The first request to an account that is down, and how many were sent when that should have been noticed. */
  triedAt: number;
  lastTriedAt: number;
  sentWhileDown: number;
};

type Pause = { readonly askedAt: number; readonly until: number };

export type Oracle = {
  readonly ports: MemoryPorts;
  readonly account: Account;
  readonly epochs: Map<string, Epoch>;
  /** Epochs that flipped, in order. */
  readonly flipped: { readonly syncId: string; readonly epoch: number }[];
  /** Rows of the model at a sync's last flip. */
  readonly lastCounts: Map<string, number>;
  /** When a run's last batch was settled, or it was sealed, whatever was later. */
  readonly settledAt: Map<string, number>;
  /** Statements that ran when their runs had ended. */
  readonly late: Set<string>;
  readonly timing: Timing;
  /** By sync, records of a generation or definition that is gone, and its last epoch: nobody removes what that wrote. */
  readonly orphans: Map<string, Map<string, number>>;
  /** Class B: batches with a request that was split after it had crashed its loader twice, by run. */
  readonly split: Set<string>;
  /** Classes B and C: rows applied, by run and key. */
  readonly applied: Set<string>;
  /** Writes to the items of a run. */
  readonly writes: Map<string, number>;
  readonly violations: Violation[];
};

const freshTiming = (): Timing => ({
  ...{ disturbedAt: 0, harmedAt: 0, refusedTicks: new Map(), forgottenAt: new Map(), blockedAt: new Map() },
  ...{ answeredAt: new Map(), pauses: [], triedAt: 0, lastTriedAt: 0, sentWhileDown: 0 },
});

export const freshOracle = (ports: MemoryPorts, account: Account): Oracle => ({
  ...{ ports, account, epochs: new Map(), flipped: [], lastCounts: new Map(), settledAt: new Map() },
  ...{
    late: new Set(),
    timing: freshTiming(),
    orphans: new Map(),
    split: new Set(),
    applied: new Set(),
    writes: new Map(),
  },
  violations: [],
});

export const epochName = (syncId: string, epoch: number): string => `${syncId}#${epoch}`;

/** A statement has just run over `model`. */
export function noteExtraction(
  { epochs, ports }: Oracle,
  { id, request }: Statement,
  model: readonly ModelRow[],
  isWhole: boolean,
): void {
  const { epoch, definition } = request;
  const { syncId, model: read } = definition.sync;
  const extracted = ports.warehouse.statements.get(id)?.extracted;
  const keyed = model.map((row) => [rowKey(row, read.primaryKey), row] as const);
  epochs.set(epochName(syncId, epoch), {
    ...{ definition: definition.sync, model, isWhole, extracted, ranAt: ports.clock.now() },
    rowOf: new Map(keyed.filter((one): one is [string, ModelRow] => one[0] !== null)),
    changeOf: new Map((extracted?.lines ?? []).map(({ k, o }) => [k ?? '', o])),
    ...{ approved: false, isSentTwice: false, handBacks: 0 },
  });
}

/** A SYNC item as it lies in the table, without the cost of a check. */
export function plainSync(item: Item, syncId: string): SyncState {
  return { ...FRESH, ...item, syncId } as SyncState;
}

const FRESH = freshSync('');
