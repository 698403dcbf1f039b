/**
 * The states of a sync and of its runs, as they lie in the `state` table: docs/protocol.md.
 *
 *   idle --acquire--> extracting --guards pass--> loading --flip--> idle
 *                     extracting --guard--> held --approve--> loading
 *   any active phase --fence--> idle (epoch becomes dirty if something may have been sent)
 *   held --discard, expiry--> idle (nothing was sent, nothing is dirty)
 *
 * Every write to SYNC names the epoch and the phase that it expects.
 */
import type { Counts } from './outcomes.ts';
import type { ExtractionCounts } from './stage.ts';

export type Phase = 'idle' | 'extracting' | 'held' | 'loading';

/** A pointer to the failure set of the last flip: the object key of a COPY manifest, and the lines it names. */
export type FailurePointer = { readonly manifest: string; readonly count: number };

/** Times are epoch milliseconds. */
export type SyncState = {
  readonly syncId: string;
  /** The run's number within its sync: the fencing token. */
  readonly epoch: number;
  readonly phase: Phase;
  readonly owner?: string;
  /** Until then the owner is believed to be at work; advisory, the epoch is the authority. */
  readonly leaseUntil?: number;
  /** No settle by then: fenced. It moves while batches settle. */
  readonly deadline?: number;
  readonly startedAt?: number;
  /** While loading: since when. A hold, which may last days, is no part of the time that sending may take. */
  readonly loadingSince?: number;
  /** While loading: written by the very write that enters `loading`, so it is there before the first send. */
  readonly cut?: Cut;
  /** What the sweep saw settled when it last moved the deadline. */
  readonly progress?: number;
  readonly notBefore: number;
  /** Scheduled time of the last acquired tick. */
  readonly lastScheduled: number;
  /** A tick that was refused; a run starts when it is newer than `lastScheduled`. */
  readonly wanted: number;
  /** Cursor mode: text of a timestamp, exclusive upper bound of what has been delivered. */
  readonly watermark: string | null;
  /** Epoch of the last flip; its delta is applied to the snapshot by the next extraction. 0: none. */
  readonly snapshotEpoch: number;
  readonly failures: FailurePointer | null;
  readonly dirty: readonly number[];
  /** Rows of the model at the last flip; -1: none yet. */
  readonly lastCount: number;
  readonly definitionVersion: number;
  readonly generation: string;
  readonly paused?: { readonly code: string; readonly at: number; readonly definitionVersion: number };
  readonly hold?: Hold;
  /** Time of the last flip, and of the last resume; from the later one the schedule says when a commit is due. */
  readonly committedAt?: number;
  readonly resumedAt?: number;
  /** There while runs end badly one after another; the next flip takes it away. */
  readonly trouble?: Trouble;
  /** How many of those the last flip has put an end to, for whoever records it; absent when none. */
  readonly healedRuns?: number;
};

/** How many runs in a row moved nothing, since when, and what ended the last of them. */
export type Trouble = {
  readonly runs: number;
  readonly since: number;
  readonly ended: 'failed' | 'fenced';
  readonly code: string;
};

export type Hold = {
  /** What an approval names: the hash of definition version, epoch, counts and stage. */
  readonly planHash: string;
  readonly reasons: readonly { readonly code: string; readonly message: string }[];
  readonly until: number;
};

export type RunState = {
  readonly syncId: string;
  readonly epoch: number;
  readonly definitionVersion: number;
  readonly statementId?: string;
  /** Written after the last send. */
  readonly sealed?: Seal;
  /** A loader asks to fence the run (a failure storm, a target that does not work): the first request stays. */
  readonly stop?: { readonly code: string; readonly message: string; readonly pause: boolean };
  /** Finished: what the run came to, kept for people. */
  readonly result?: RunResult;
};

/**
 * On SYNC, not on RUN: written once per run, before the first send, read back by every repeat and by every
 * loader with the strong read that it does anyway. A run of one shard is not rolled up: finish reads SHARD.
 */
export type Cut = {
  readonly batchBytes: number;
  readonly shardBatches: number;
  readonly batches: number;
  readonly totalBytes: number;
};

export type Seal = {
  readonly shards: number;
  /** The cut again, for whoever looks at the run after SYNC has moved on. */
  readonly cut: Cut;
  readonly counts: ExtractionCounts;
  /** max(hi, watermark): what the flip writes. */
  readonly candidateWatermark: string | null;
};

export type RunResult = {
  readonly ended: 'committed' | 'fenced' | 'discarded' | 'failed';
  readonly code?: string;
  /** For the owner of the sync: what stopped it, without row values. */
  readonly reason?: string;
  readonly at: number;
  readonly counts?: Counts;
  readonly extraction?: ExtractionCounts;
  readonly failures?: number;
};

/** Where an interrupted batch goes on: everything before `offset` is counted in `counts`. */
export type ResumePoint = {
  /** Bytes from the start of the batch's range: 0, or the start of an own line. */
  readonly offset: number;
  readonly counts: Counts;
  /** How suspicious the line at `offset` is: 0 after an orderly end, 4 and it is dead. See load-batch-point.ts. */
  readonly crashes: number;
  /** Deferrals of the row at `offset` without a throttle or a transport fault. */
  readonly deferrals: number;
  /** Class C: a call was begun for the rows up to here; without an answer they are unknown. */
  readonly claimedTo?: number;
  /** Second contract: the job that is at work on the rows from `offset` up to `to`. */
  readonly job?: { readonly id: string; readonly to: number };
};
