/**
 * The run protocol's invariants as functions over what the code cannot see. They are called on state transitions
 * and on each row that the destination applies, and return what is wrong.
 */
import { runKey, SYNC_PARTITION, shardKey } from '../../shared/core/names.ts';
import { unpackCounts } from '../../shared/core/outcomes.ts';
import type { SyncState } from '../../shared/core/run.ts';
import type { FailureRecord } from '../../shared/core/stage.ts';
import { removedPolicy, type Sync } from '../../shared/core/sync.ts';
import { runOf, syncOf } from '../../shared/engine/sync-state.ts';
import type { Item } from '../../shared/ports.ts';
import type { MemoryPorts } from '../memory/memory-ports.ts';
import { type ModelRow, rowKey } from '../memory/model-table.ts';
import { type Account, placeOf } from './destination.ts';

export type Violation = { readonly invariant: string; readonly message: string };

/** What of an epoch only the oracle knows. */
export type Epoch = {
  readonly definition: Sync;
  /** Keys with at least one row in the model when the statement ran. */
  readonly modelKeys: ReadonlySet<string>;
  /** The model was not being reloaded when the statement ran. */
  readonly isWhole: boolean;
  approved: boolean;
};

export type Oracle = {
  readonly ports: MemoryPorts;
  readonly account: Account;
  readonly epochs: Map<string, Epoch>;
  readonly violations: Violation[];
};

export const epochName = (syncId: string, epoch: number): string => `${syncId}#${epoch}`;

/** Called on every write of a SYNC item. */
export function checkTransition(oracle: Oracle, syncId: string, before: Item | undefined, after: Item): void {
  const was = before === undefined ? undefined : syncOf(before, syncId);
  const is = syncOf(after, syncId);
  const wrong = (invariant: string, message: string): void => {
    oracle.violations.push({ invariant, message: `${syncId} epoch ${is.epoch}: ${message}` });
  };
  checkEpochs(was, is, wrong);
  checkTogether(was, is, wrong);
  const isFlip = was?.phase === 'loading' && is.phase === 'idle' && is.snapshotEpoch === is.epoch;
  if (isFlip) checkFlip(oracle, is, wrong);
  checkDirty(was, is, wrong);
}

type Wrong = (invariant: string, message: string) => void;

/** I4: at most one active epoch; epochs grow by one, from idle only. */
function checkEpochs(was: SyncState | undefined, is: SyncState, wrong: Wrong): void {
  const last = was?.epoch ?? 0;
  const isTakenTwice = was?.phase === 'extracting' && is.phase === 'extracting' && was.owner !== is.owner;
  if (isTakenTwice) wrong('I4', `two requests have acquired epoch ${is.epoch}`);
  if (is.epoch === last) return;
  if (is.epoch !== last + 1) wrong('I4', `the epoch went from ${last} to ${is.epoch}`);
  if (was !== undefined && was.phase !== 'idle') wrong('I4', `acquired while ${was.phase}`);
}

/** I3: watermark, snapshot and failures move together, never back, once per epoch. */
function checkTogether(was: SyncState | undefined, is: SyncState, wrong: Wrong): void {
  if (was === undefined || was.generation !== is.generation) return;
  const moved =
    was.watermark !== is.watermark ||
    was.snapshotEpoch !== is.snapshotEpoch ||
    JSON.stringify(was.failures) !== JSON.stringify(is.failures);
  if (!moved) return;
  const isFlip = was.phase === 'loading' && is.phase === 'idle' && is.snapshotEpoch === is.epoch;
  if (!isFlip) wrong('I3', 'watermark, snapshot or failures moved without a flip');
  if (is.snapshotEpoch <= was.snapshotEpoch) wrong('I3', 'a second flip of one epoch');
  if ((is.watermark ?? '') < (was.watermark ?? '')) wrong('I3', 'the watermark went back');
}

/** An abandoned run that may have sent leaves its epoch dirty. */
function checkDirty(was: SyncState | undefined, is: SyncState, wrong: Wrong): void {
  if (was?.phase !== 'loading' || is.phase !== 'idle' || is.snapshotEpoch === is.epoch) return;
  if (!is.dirty.includes(is.epoch)) wrong('I7', 'fenced while loading, and not dirty');
}

/** I1, I2 and I12 at the flip: what was extracted is applied by this epoch, or recorded. */
function checkFlip(oracle: Oracle, sync: SyncState, wrong: Wrong): void {
  const { ports, account } = oracle;
  const { syncId, epoch } = sync;
  const extracted = ports.warehouse.statements.get(epochName(syncId, epoch).replace('#', '/'))?.extracted;
  if (extracted === undefined) {
    wrong('I1', 'flipped without an extraction');
    return;
  }
  const failed = new Set(failureRecords(ports, sync).map((record) => record.row_key));
  const { records } = placeOf(account, syncId);
  for (const { k: key, o: change } of extracted.lines) {
    if (key === null || failed.has(key)) continue;
    if (change === 'i') wrong('I12', `invalid key ${key} is not in the failure set`);
    else if (change === 'r' ? records.has(key) : records.get(key)?.epoch !== epoch) {
      wrong('I1', `${change} ${key} is neither applied nor in the failure set`);
    }
  }
  for (const { row_key: key } of extracted.carried) {
    if (!failed.has(key)) wrong('I12', `carried key ${key} is not in the failure set`);
  }
  checkCounts(oracle, sync, extracted.lines.length, wrong);
}

/** I2: every line has one outcome. */
function checkCounts({ ports }: Oracle, { syncId, epoch }: SyncState, lines: number, wrong: Wrong): void {
  const cut = runOf(ports.state.peek(runKey(syncId, epoch)) ?? {}, syncId, epoch).sealed?.cut;
  if (cut === undefined) {
    wrong('I2', 'flipped without a seal');
    return;
  }
  let rows = 0;
  let outcomes = 0;
  for (let batch = 0; batch < cut.batches; batch += 1) {
    const shard = ports.state.peek(shardKey(syncId, epoch, Math.floor(batch / cut.shardBatches)));
    const packed = shard?.[`b${batch % cut.shardBatches}`];
    if (typeof packed !== 'string') {
      wrong('I2', `flipped before batch ${batch} was settled`);
      return;
    }
    const counts = unpackCounts(packed);
    rows += counts.rows;
    outcomes += counts.accepted + counts.rejected + counts.invalid + counts.skipped + counts.dead;
  }
  if (rows !== lines || outcomes !== lines) wrong('I2', `${lines} lines, ${rows} rows, ${outcomes} outcomes`);
}

/** I5, I6 and I10 as the destination applies a row. */
export function checkApply(
  oracle: Oracle,
  syncId: string,
  epoch: number,
  operation: string,
  key: string,
): void {
  const wrong: Wrong = (invariant, message) => {
    oracle.violations.push({ invariant, message: `${syncId} epoch ${epoch}: ${message}` });
  };
  const place = placeOf(oracle.account, syncId);
  if (epoch < place.highestEpoch) wrong('I6', `applied ${key} after epoch ${place.highestEpoch} had applied`);
  if ((place.records.get(key)?.epoch ?? 0) > epoch) wrong('I5', `${key} went back`);
  if (operation !== 'delete') return;
  const known = oracle.epochs.get(epochName(syncId, epoch));
  if (known === undefined) {
    wrong('I10', 'a delete of an epoch that was never extracted');
    return;
  }
  if (known.modelKeys.has(key)) wrong('I10', `deleted ${key}, which has a row in the model`);
  const deleted = new Set(place.deletes.get(epoch)).add(key).size;
  if (!known.approved && deleted > known.definition.guards.maxDeletes) {
    wrong('I10', `${deleted} deletes without an approval`);
  }
}

/** I9: requests in any window of the account's rate. */
export function checkRate(oracle: Oracle, rate: { readonly requests: number; readonly perMs: number }): void {
  const sent = oracle.account.sentAt.toSorted((a, b) => a - b);
  for (let first = 0; first + rate.requests < sent.length; first += 1) {
    const spanMs = (sent[first + rate.requests] ?? 0) - (sent[first] ?? 0);
    if (spanMs >= rate.perMs) continue;
    oracle.violations.push({ invariant: 'I9', message: `${rate.requests + 1} requests within ${spanMs} ms` });
    return;
  }
}

/** I11: sealed and unfinished, but nothing is queued that could finish it. */
export function checkQueued(oracle: Oracle, syncId: string, isQueued: (epoch: number) => boolean): void {
  const { ports } = oracle;
  const item = ports.state.peek({ partition: SYNC_PARTITION, sort: syncId });
  if (item === undefined) return;
  const sync = syncOf(item, syncId);
  if (sync.phase !== 'loading' || sync.cut === undefined) return;
  const run = runOf(ports.state.peek(runKey(syncId, sync.epoch)) ?? {}, syncId, sync.epoch);
  if (run.sealed === undefined || isQueued(sync.epoch)) return;
  for (let batch = 0; batch < sync.cut.batches; batch += 1) {
    const shard = ports.state.peek(shardKey(syncId, sync.epoch, Math.floor(batch / sync.cut.shardBatches)));
    if (shard?.[`b${batch % sync.cut.shardBatches}`] !== undefined) continue;
    const message = `${syncId} epoch ${sync.epoch}: sealed, batch ${batch} is open, nothing is queued`;
    oracle.violations.push({ invariant: 'I11', message });
    return;
  }
}

/** I7 and I8 at the end: everything has come to rest, and the destination holds what the model says. */
export function checkRest(oracle: Oracle, definition: Sync, rows: readonly ModelRow[]): void {
  const { ports, account } = oracle;
  const { syncId } = definition;
  const wrong: Wrong = (invariant, message) => {
    oracle.violations.push({ invariant, message: `${syncId}: ${message}` });
  };
  const item = ports.state.peek({ partition: SYNC_PARTITION, sort: syncId });
  if (item === undefined) {
    wrong('I8', 'never ran');
    return;
  }
  const sync = syncOf(item, syncId);
  if (sync.phase !== 'idle') {
    wrong('I8', `still ${sync.phase} in epoch ${sync.epoch}`);
    return;
  }
  if (sync.snapshotEpoch !== sync.epoch) wrong('I8', `epoch ${sync.epoch} did not commit`);
  const failed = new Set(failureRecords(ports, sync).map((record) => record.row_key));
  const { records } = placeOf(account, syncId);
  const keys = new Set<string>();
  for (const row of rows) {
    const key = rowKey(row, definition.model.primaryKey);
    if (key === null) continue;
    keys.add(key);
    if (failed.has(key)) continue;
    const { fields } = records.get(key) ?? {};
    if (fields?.name !== row.name || fields?.score !== row.score) {
      wrong('I7', `${key} is ${JSON.stringify(fields)}, the model says ${row.name} ${row.score}`);
    }
  }
  if (removedPolicy(definition) !== 'delete') return;
  for (const key of records.keys()) {
    if (!keys.has(key) && !failed.has(key)) wrong('I7', `${key} has left the model and is still there`);
  }
}

function failureRecords(ports: MemoryPorts, sync: SyncState): readonly FailureRecord[] {
  if (sync.failures === null) return [];
  const read = (key: string): string => Buffer.from(ports.objects.bytes(key) ?? '').toString('utf8');
  const { entries } = JSON.parse(read(sync.failures.manifest)) as { entries: { url: string }[] };
  return entries
    .flatMap(({ url }) => read(ports.objects.keyOf(url)).split('\n'))
    .filter((text) => text !== '')
    .map((text) => JSON.parse(text) as FailureRecord);
}
