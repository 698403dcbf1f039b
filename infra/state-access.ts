/**
 * Which items of the state table each function reads and writes, by use case. SYNC and RUN move a run on; SHARD is what
 * became of each batch, and is written by those who settle batches and by nobody else, so no function that decides over a
 * run can make up what it decides by.
 */
export type StateAccess = { readonly read: readonly string[]; readonly write: readonly string[] };

const SYNC = 'SYNC';
const RUN = 'RUN#*';
const SHARD = 'SHARD#*';
/** What runs are frozen from: written by whoever has checked what people wrote, and by nobody else. */
const ACCEPTED = 'ACCEPTED';

/** Acquire the sync, note the statement, or end the run that could not begin. */
const start: StateAccess = { read: [SYNC, ACCEPTED], write: [SYNC, RUN] };
/** See that every batch is settled, then commit or fence. */
const finish: StateAccess = { read: [SYNC, RUN, SHARD], write: [SYNC, RUN] };
/** Settle a batch; the one that completes a shard rolls it up. Which run is at work is read, never written. */
const settle: StateAccess = { read: [SYNC, SHARD], write: [RUN, SHARD] };

export const STATE_ACCESS = {
  startRun: start,
  /** An edit stops or resumes a sync, and looks for the statement that it has to cancel. */
  reconcileSyncs: { read: [SYNC, RUN, ACCEPTED], write: [SYNC, RUN, ACCEPTED] },
  /** A run without batches is finished at once, by whoever sends it. */
  fanOut: finish,
  finishRun: finish,
  /** Everything that was left undone, but for batches: those come back to a loader or to the dead letters. */
  sweep: readingAccepted(finish),
  api: readingAccepted(finish),
  deadLetter: settle,
  loader: settle,
} as const satisfies Record<string, StateAccess>;

function readingAccepted({ read, write }: StateAccess): StateAccess {
  return { read: [...read, ACCEPTED], write };
}
