/**
 * A loader at work on one batch message: step 5 of docs/protocol.md.
 *
 *   SYNC says another epoch or phase   -> drop
 *   settled before (second receive on) -> repeat what follows a settle: roll-up, announcement
 *   class C, another is at work on it  -> again when that one can no longer be alive
 *   every row final                    -> failure object, settle, roll-up: done
 *   anything in the way                -> failure object, resume point, again after a while
 * Before it returns nothing is in flight: each request has ended or its socket is destroyed, since a frozen
 * environment must not send later.
 */
import { batchRange, shardCount } from '../core/batches.ts';
import { asFault, Fault } from '../core/fault.ts';
import type { BatchMessage } from '../core/message.ts';
import { shardKey } from '../core/names.ts';
import { isConserved, OUTCOMES } from '../core/outcomes.ts';
import type { LoaderPorts } from '../ports.ts';
import { startDeadline } from './load-batch-deadline.ts';
import { count, type Delivery, type Stop, stopDelivery } from './load-batch-delivery.ts';
import { endEarly } from './load-batch-end.ts';
import { type HandBack, handBackMs } from './load-batch-hand-back.ts';
import { type LoadInput, type Opening, openDelivery } from './load-batch-open.ts';
import { type BatchPlan, batchPlan } from './load-batch-plan.ts';
import { foundPoint, ownedUntil } from './load-batch-point.ts';
import { groupsOf } from './load-batch-source.ts';
import { readBatch } from './read-batch.ts';
import { sendRows } from './send-rows.ts';
import { flushFailures } from './send-rows-claim.ts';
import { completeShard, settleBatch } from './settle-batch.ts';
import { requestStop } from './storm.ts';
import { readSync, sendingSince } from './sync-state.ts';

/** `again`: change the message's visibility to `afterMs` and report it as a failure. */
export type LoadResult =
  | { readonly is: 'done' }
  | { readonly is: 'again'; readonly afterMs: number; readonly code: string };

/** Throws transient Faults of the state table and the bucket: the message comes back by itself. */
export async function loadBatch(ports: LoaderPorts, input: LoadInput): Promise<LoadResult> {
  const { message, receiveCount } = input;
  const { syncId, epoch, shard, ordinal } = message;
  const sync = await readSync(ports.state, syncId);
  if (sync === undefined || sync.epoch !== epoch || sync.phase !== 'loading') return { is: 'done' };
  const { cut } = sync;
  if (cut === undefined) throw new Fault('bug', 'cut_missing', `${syncId} is loading without a cut`);
  const plan = await planOrStop(ports, message);
  const times = { receivedAt: input.receivedAt, sendingSince: sendingSince(sync) };
  if (plan === undefined) {
    return handBack(ports, { ...times, stop: { code: 'run_stopped', afterMs: 0 }, gotOn: false });
  }
  // A repeated fan-out makes first receives too: only where sending twice does no harm they need no look.
  const mustLook = receiveCount > 1 || plan.isSerial;
  const item = mustLook ? await ports.state.read(shardKey(syncId, epoch, shard)) : undefined;
  if (item?.[`b${ordinal}`] !== undefined) {
    await completeShard(ports, message, cut, item);
    return { is: 'done' };
  }
  const ownedMs = ownedUntil(item, ordinal) - ports.clock.now();
  if (plan.isSerial && ownedMs > 0) {
    return handBack(ports, { ...times, stop: { code: 'batch_owned', afterMs: ownedMs }, gotOn: false });
  }
  return deliver(ports, input, { plan, cut, item, times });
}

/** A definition that cannot work here stops its run: every batch of it would fail the same way. */
async function planOrStop(ports: LoaderPorts, message: BatchMessage): Promise<BatchPlan | undefined> {
  try {
    return await batchPlan(ports, message.syncId, message.epoch);
  } catch (error) {
    const fault = asFault(error);
    if (fault.kind !== 'config') throw error;
    await requestStop(ports, message, { code: fault.code, message: fault.message, pause: false });
    return undefined;
  }
}

type Begun = Pick<Opening, 'plan' | 'cut' | 'item'> & {
  readonly times: Pick<HandBack, 'receivedAt' | 'sendingSince'>;
};

async function deliver(ports: LoaderPorts, input: LoadInput, begun: Begun): Promise<LoadResult> {
  const { plan, cut, item, times } = begun;
  const { shard, ordinal } = input.message;
  const pieces = batchRange(cut, plan.manifest, shard, ordinal);
  const found = foundPoint(item, ordinal);
  const deadline = startDeadline(ports, input);
  const d = openDelivery(ports, input, { plan, cut, item, found, pieces, deadline });
  const groups = groupsOf(d, readBatch(ports.objects, pieces, found.offset, d.abort));
  try {
    await sendRows(d, groups);
  } catch (error) {
    const { code, kind } = asFault(error);
    // A read that our own deadline ended is no fault.
    if (d.abort.aborted) stopDelivery(d, { code: 'deadline', afterMs: 0, isOrderly: true });
    else logFault(d, error);
    stopDelivery(d, { code, afterMs: 1000, isOrderly: kind !== 'bug' });
  } finally {
    await groups.return(undefined);
    deadline.end();
  }
  count(d, 'answers_for_strangers', d.unaskedAnswers);
  if (d.stop === undefined) return settle(d);
  return interrupted(d, d.stop, times);
}

async function settle(d: Delivery): Promise<LoadResult> {
  const { index, counts } = d.ledger.prefix();
  if (index !== d.ledger.lines() || !isConserved(counts)) {
    throw new Fault('bug', 'batch_not_conserved', 'a batch ended with rows that have no outcome');
  }
  await flushFailures(d, index);
  await settleBatch(d.ports, d.message, d.cut, counts);
  for (const outcome of OUTCOMES) count(d, `rows_${outcome}`, counts[outcome]);
  return { is: 'done' };
}

async function interrupted(d: Delivery, stop: Stop, times: Begun['times']): Promise<LoadResult> {
  const { message, ports } = d;
  const { shard, ordinal, syncId, epoch } = message;
  if (stop.run !== undefined) await requestStop(ports, message, stop.run);
  await endEarly(d, stop);
  const fields = { syncId, epoch, shard, ordinal, code: stop.code, shards: shardCount(d.cut) };
  ports.telemetry.log('debug', 'batch_interrupted', fields);
  count(d, 'batches_interrupted', 1);
  return handBack(ports, { ...times, stop, gotOn: d.ledger.prefix().index > 0 });
}

function handBack(ports: LoaderPorts, back: HandBack): LoadResult {
  return { is: 'again', afterMs: handBackMs(ports, back), code: back.stop.code };
}

function logFault(d: Delivery, error: unknown): void {
  const { syncId, epoch, shard, ordinal } = d.message;
  const { code, kind } = asFault(error);
  d.ports.telemetry.log(kind === 'bug' ? 'error' : 'warn', 'batch_failed', {
    syncId,
    epoch,
    shard,
    ordinal,
    code,
  });
}
