/**
 * The run protocol's invariants as functions over what the code cannot see. They are called on state transitions
 * and on each row that the destination applies, and return what is wrong.
 */
import { runKey, SYNC_PARTITION, shardKey } from '../../shared/core/names.ts';
import { unpackCounts } from '../../shared/core/outcomes.ts';
import type { Cut, ResumePoint, SyncState } from '../../shared/core/run.ts';
import type { Sync } from '../../shared/core/sync.ts';
import type { WriteRequest } from '../../shared/destinations/destination.ts';
import { ONE_REQUEST } from '../../shared/engine/load-batch-point.ts';
import type { Item } from '../../shared/ports.ts';
import type { ModelRow } from '../memory/model-table.ts';
import { placeOf, removes } from './destination.ts';
import { checkFlipped, checkRecords, failureRecords } from './invariants-records.ts';
import { type Epoch, epochName, type Oracle, plainSync, type Wrong } from './oracle.ts';

/** Called on every write of a SYNC item. */
export function checkTransition(oracle: Oracle, syncId: string, before: Item | undefined, after: Item): void {
  const was = before === undefined ? undefined : plainSync(before, syncId);
  const is = plainSync(after, syncId);
  const wrong = (invariant: string, message: string): void => {
    oracle.violations.push({ invariant, message: `${syncId} epoch ${is.epoch}: ${message}` });
  };
  checkEpochs(was, is, wrong);
  const isDiscard = was?.phase === 'held' && is.phase === 'idle';
  if (is.epoch !== was?.epoch || isDiscard) oracle.timing.answeredAt.set(syncId, oracle.ports.clock.now());
  checkTogether(was, is, wrong);
  if (was !== undefined && was.generation !== is.generation) forget(oracle, was);
  if (isFlip(was, is)) {
    oracle.flipped.push({ syncId, epoch: is.epoch });
    checkFlip(oracle, is, wrong);
    checkPrompt(oracle, is, wrong);
    checkMoved(oracle, was, is, wrong);
  }
  if (was?.phase !== 'loading' && is.phase === 'loading') checkShrink(oracle, is, wrong);
}

const isFlip = (was: SyncState | undefined, is: SyncState): boolean =>
  was?.phase === 'loading' && is.phase === 'idle' && is.snapshotEpoch === is.epoch;

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
    was.failures?.manifest !== is.failures?.manifest;
  if (!moved) return;
  if (!isFlip(was, is)) wrong('I3', 'watermark, snapshot or failures moved without a flip');
  if (is.snapshotEpoch <= was.snapshotEpoch) wrong('I3', 'a second flip of one epoch');
  if ((is.watermark ?? '') < (was.watermark ?? '')) wrong('I3', 'the watermark went back');
}

/** A new generation has no baseline, and what the last one wrote is nobody's. */
function forget({ account, orphans, lastCounts, timing }: Oracle, { syncId, epoch }: SyncState): void {
  lastCounts.delete(syncId);
  timing.refusedTicks.delete(syncId);
  const left = orphans.get(syncId) ?? new Map();
  for (const key of placeOf(account, syncId).records.keys()) left.set(key, epoch);
  orphans.set(syncId, left);
}

/** I10: rows that an empty model did not have, a later run must still find. */
function checkMoved({ epochs }: Oracle, was: SyncState | undefined, is: SyncState, wrong: Wrong): void {
  const known = epochs.get(epochName(is.syncId, is.epoch));
  if (known?.model.length === 0 && was?.generation === is.generation && was.watermark !== is.watermark) {
    wrong('I10', 'a model without rows moved the watermark');
  }
}

/** I10: an emptied or shrunken model sends nothing, unless a person has approved it. */
function checkShrink({ epochs, lastCounts }: Oracle, { syncId, epoch }: SyncState, wrong: Wrong): void {
  const known = epochs.get(epochName(syncId, epoch));
  const last = lastCounts.get(syncId) ?? 0;
  if (known === undefined || known.approved || last === 0) return;
  const rows = known.model.length;
  const least = last * (1 - known.definition.guards.maxShrink);
  if (rows === 0 || rows < least) wrong('I10', `the model went from ${last} to ${rows} rows, and it sends`);
}

/** I1, I2 and I12 at the flip: what was extracted is applied by this epoch, or recorded. */
function checkFlip(oracle: Oracle, sync: SyncState, wrong: Wrong): void {
  const { ports, account, epochs } = oracle;
  const { syncId, epoch } = sync;
  const known = epochs.get(epochName(syncId, epoch));
  const extracted = known?.extracted;
  if (known === undefined || extracted === undefined) {
    wrong('I1', 'flipped without an extraction');
    return;
  }
  const failed = new Set(failureRecords(ports, sync).map((record) => record.row_key));
  const { records } = placeOf(account, syncId);
  const isInsert = known.definition.destination.mode === 'insert';
  for (const { k: key, o: change } of extracted.lines) {
    if (key === null || failed.has(key)) continue;
    if (change === 'i') wrong('I12', `invalid key ${key} is not in the failure set`);
    else if (change === 'c' && isInsert) continue;
    else if (!isDone(change, records.get(key), epoch)) {
      wrong('I1', `${change} ${key} is neither applied nor in the failure set`);
    }
  }
  for (const { row_key: key } of extracted.carried) {
    if (!failed.has(key)) wrong('I12', `carried key ${key} is not in the failure set`);
  }
  checkCounts(oracle, sync, extracted.lines.length, wrong);
  checkFlipped(oracle, sync, known, wrong);
  oracle.lastCounts.set(syncId, known.model.length);
}

/** I8: a complete run flips within so long, unless something goes wrong meanwhile. */
const FLIP_MS_MAX = 5 * 60_000;

function checkPrompt({ ports, settledAt, timing }: Oracle, sync: SyncState, wrong: Wrong): void {
  const completeAt = settledAt.get(epochName(sync.syncId, sync.epoch));
  if (completeAt === undefined) return;
  const waitedMs = ports.clock.now() - Math.max(completeAt, timing.disturbedAt);
  if (waitedMs > FLIP_MS_MAX) wrong('I8', `complete, and flipped after ${waitedMs} ms without any fault`);
}

/** Called on every write of an item of the run. */
export function noteSettled(
  { ports, settledAt }: Oracle,
  run: string,
  before: Item | undefined,
  after: Item,
): void {
  if (settledParts(after) > settledParts(before ?? {})) settledAt.set(run, ports.clock.now());
}

/** Batches that are settled, and the seal. */
const settledParts = (item: Item): number =>
  Object.keys(item).filter((name) => name === 'sealed' || /^b\d+$/.test(name)).length;

/** A removed record is gone, or emptied by this epoch; any other was written by it. */
function isDone(
  change: string,
  record: { readonly fields: Readonly<Record<string, unknown>>; readonly epoch: number } | undefined,
  epoch: number,
): boolean {
  if (change !== 'r') return record?.epoch === epoch;
  return record === undefined || (record.epoch === epoch && record.fields.name === null);
}

/** I2: every line has one outcome. */
function checkCounts({ ports }: Oracle, { syncId, epoch }: SyncState, lines: number, wrong: Wrong): void {
  const sealed = ports.state.peek(runKey(syncId, epoch))?.sealed as { cut: Cut } | undefined;
  if (sealed === undefined) {
    wrong('I2', 'flipped without a seal');
    return;
  }
  const { cut } = sealed;
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

/** I1 (the run's own definition), I5, I6, I10 and class C as the destination applies a row. */
export function checkApply(
  oracle: Oracle,
  syncId: string,
  epoch: number,
  request: WriteRequest,
  row: WriteRequest['rows'][number],
): void {
  const { key } = row;
  const wrong: Wrong = (invariant, message) => {
    oracle.violations.push({ invariant, message: `${syncId} epoch ${epoch}: ${message}` });
  };
  const place = placeOf(oracle.account, syncId);
  if (epoch < place.highestEpoch) wrong('I6', `applied ${key} after epoch ${place.highestEpoch} had applied`);
  if ((place.records.get(key)?.epoch ?? 0) > epoch) wrong('I5', `${key} went back`);
  const known = oracle.epochs.get(epochName(syncId, epoch));
  if (known === undefined) {
    wrong('I10', 'rows of an epoch that was never extracted');
    return;
  }
  const [, , batch] = request.idempotencyKey.split('.');
  const run = epochName(syncId, epoch);
  if (!oracle.split.has(`${run} ${batch}`)) checkOnce(oracle, known, `${run} ${key}`, wrong);
  if (!removes(request, row)) {
    const source = known.definition.fields.find((field) => field.to === 'source');
    const says = source !== undefined && 'value' in source ? source.value : undefined;
    if (row.fields.source !== says) wrong('I1', `${key} is not mapped by the run's own definition`);
    checkValues(known, row, wrong);
    return;
  }
  if (known.changeOf.get(key) !== 'r') wrong('I1', `removed ${key}, which its run did not extract so`);
  if (known.rowOf.has(key)) wrong('I10', `deleted ${key}, which has a row in the model`);
  const deleted = new Set(place.deletes.get(epoch)).add(key).size;
  const most = deletesMost(oracle, syncId, known);
  if (!known.approved && deleted > most)
    wrong('I10', `${deleted} deletes without an approval, at most ${most}`);
}

/** Of the rows at the last flip; before a first one, of those that are known at all. */
function deletesMost({ lastCounts }: Oracle, syncId: string, { definition, model, changeOf }: Epoch): number {
  const { maxDeletes, maxDeleteRatio } = definition.guards;
  const removed = [...changeOf.values()].filter((change) => change === 'r').length;
  const rows = lastCounts.get(syncId) || model.length + removed;
  return Math.min(maxDeletes, rows * maxDeleteRatio);
}

/** I1: what is applied is what this run has read of this key in the model. */
function checkValues(
  { changeOf, rowOf }: Epoch,
  { key, fields }: WriteRequest['rows'][number],
  wrong: Wrong,
): void {
  const change = changeOf.get(key);
  if (change !== 'a' && change !== 'c') wrong('I1', `applied ${key}, which its run did not extract so`);
  const row = rowOf.get(key);
  const isSame = ['id', 'name', 'score'].every((name) => fields[name] === row?.[name]);
  if (!isSame)
    wrong('I1', `applied ${key} as ${JSON.stringify(fields)}, its run read ${JSON.stringify(row)}`);
}

/** Class B, and class C unless the sync wants unknown calls again: no row takes effect twice in one run. */
function checkOnce({ account, applied }: Oracle, { definition }: Epoch, name: string, wrong: Wrong): void {
  const { idempotency } = account.shape;
  if (idempotency === 'idempotent') return;
  if (idempotency === 'unsafe' && definition.destination.unknowns === 'resend') return;
  if (applied.has(name)) wrong(idempotency === 'keyed' ? 'class B' : 'class C', `${name} took effect twice`);
  applied.add(name);
}

/**
 * I9: requests in any window of the account's rate. Slots are moments by the clock of the loader that has them, so
 * those whose clocks agree keep the window together; where no clock is off that is every loader.
 */
export function checkRate(oracle: Oracle, rate: { readonly requests: number; readonly perMs: number }): void {
  for (const sent of oracle.account.sentAt.values()) {
    for (let first = 0; first + rate.requests < sent.length; first += 1) {
      const spanMs = (sent[first + rate.requests] ?? 0) - (sent[first] ?? 0);
      if (spanMs >= rate.perMs) continue;
      oracle.violations.push({
        invariant: 'I9',
        message: `${rate.requests + 1} requests within ${spanMs} ms`,
      });
      return;
    }
  }
}

/** Called on every write of a SHARD item. */
export function noteSplits({ account, split }: Oracle, run: string, shard: string, item: Item): void {
  if (account.shape.idempotency !== 'keyed') return;
  for (const [name, point] of Object.entries(item)) {
    const crashes = (point as Partial<ResumePoint> | null)?.crashes ?? 0;
    if (crashes >= ONE_REQUEST) split.add(`${run} ${Number(shard)}-${name.slice(1)}`);
  }
}

/** I11: sealed and unfinished, but nothing is queued that could finish it. */
export function checkQueued(oracle: Oracle, syncId: string, isQueued: (epoch: number) => boolean): void {
  const { ports } = oracle;
  const item = ports.state.peek({ partition: SYNC_PARTITION, sort: syncId });
  if (item === undefined || item.phase !== 'loading' || item.cut === undefined) return;
  const { epoch, cut } = plainSync(item, syncId) as SyncState & { readonly cut: Cut };
  if (ports.state.peek(runKey(syncId, epoch))?.sealed === undefined || isQueued(epoch)) return;
  for (let batch = 0; batch < cut.batches; batch += 1) {
    const shard = ports.state.peek(shardKey(syncId, epoch, Math.floor(batch / cut.shardBatches)));
    if (shard?.[`b${batch % cut.shardBatches}`] !== undefined) continue;
    const message = `${syncId} epoch ${epoch}: sealed, batch ${batch} is open, nothing is queued`;
    oracle.violations.push({ invariant: 'I11', message });
    return;
  }
}

/** I13: at most one probe per breaker generation. */
export function checkBreaker(oracle: Oracle, before: Item | undefined, after: Item): void {
  if (after.state !== 'probing' || before?.state !== 'probing') return;
  if (before.generation !== after.generation || before.probeOwner === after.probeOwner) return;
  const message = `two probes were elected in generation ${String(after.generation)}`;
  oracle.violations.push({ invariant: 'I13', message });
}

/** Writes of a run that no batch causes: acquire, statement, cut, seal, flip, record. */
const WRITES_PER_RUN = 6;
/** A point when a message is handed back, and one when it is taken up again. */
const WRITES_PER_HAND_BACK = 2;

/** I14, in histories without faults: what a committed run has written, rate limits apart. */
export function checkWrites(oracle: Oracle): void {
  if (oracle.account.shape.kind === 'jobs' || oracle.account.shape.idempotency === 'unsafe') return;
  for (const { syncId, epoch } of oracle.flipped) {
    const known = oracle.epochs.get(epochName(syncId, epoch));
    const sealed = oracle.ports.state.peek(runKey(syncId, epoch))?.sealed as { cut: Cut } | undefined;
    if (known === undefined || known.isSentTwice || sealed === undefined) continue;
    const { batches, shardBatches } = sealed.cut;
    const shards = Math.ceil(batches / shardBatches);
    const held = known.approved ? 1 : 0;
    const most =
      WRITES_PER_RUN + held + batches + (shards > 1 ? shards : 0) + WRITES_PER_HAND_BACK * known.handBacks;
    const writes = oracle.writes.get(epochName(syncId, epoch)) ?? 0;
    if (writes <= most) continue;
    const message = `${syncId} epoch ${epoch}: ${writes} writes for ${batches} batches, at most ${most}`;
    oracle.violations.push({ invariant: 'I14', message });
  }
}

/** I7 and I8 at the end: everything has come to rest, and the destination holds what the model says. */
export function checkRest(oracle: Oracle, definition: Sync, rows: readonly ModelRow[]): void {
  const { ports } = oracle;
  const { syncId } = definition;
  const wrong: Wrong = (invariant, message) => {
    oracle.violations.push({ invariant, message: `${syncId}: ${message}` });
  };
  const item = ports.state.peek({ partition: SYNC_PARTITION, sort: syncId });
  if (item === undefined) {
    wrong('I8', 'never ran');
    return;
  }
  const sync = plainSync(item, syncId);
  if (sync.phase !== 'idle') {
    wrong('I8', `still ${sync.phase} in epoch ${sync.epoch}`);
    return;
  }
  if (sync.snapshotEpoch !== sync.epoch) wrong('I8', `epoch ${sync.epoch} did not commit`);
  checkRecords(oracle, sync, definition, rows, wrong);
}
