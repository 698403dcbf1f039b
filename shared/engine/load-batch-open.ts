/**
 * What a delivery begins with: the resume point that was found, and everything that is empty as yet.
 */
import { type BatchPiece, laneOf } from '../core/batches.ts';
import { VISIBILITY_PER_TIMEOUT } from '../core/limits.ts';
import type { BatchMessage } from '../core/message.ts';
import type { Cut } from '../core/run.ts';
import type { Item, LoaderPorts } from '../ports.ts';
import type { Deadline, Lifetime } from './load-batch-deadline.ts';
import type { Delivery } from './load-batch-delivery.ts';
import { ledgerFrom } from './load-batch-ledger.ts';
import { type BatchPlan, loaderMemory } from './load-batch-plan.ts';
import { type FoundPoint, ORDERLY, ownerName, pointStore } from './load-batch-point.ts';

export type LoadInput = Lifetime & {
  readonly message: BatchMessage;
  /** 1 for the first receive. */
  readonly receiveCount: number;
  /** When the message was first received by anyone, epoch milliseconds by the queue's clock; absent: not known. */
  readonly firstReceivedAt?: number;
  readonly receivedAt: number;
};

export type Opening = {
  readonly plan: BatchPlan;
  readonly cut: Cut;
  /** SHARD, where it was worth a look. */
  readonly item: Item | undefined;
  readonly found: FoundPoint;
  readonly pieces: readonly BatchPiece[];
  readonly deadline: Deadline;
};

export function openDelivery(ports: LoaderPorts, input: LoadInput, opening: Opening): Delivery {
  const { plan, cut, item, found, pieces, deadline } = opening;
  const { message } = input;
  // Lambda kills it by then.
  const aliveUntil = input.receivedAt + ports.settings.loaderTimeoutMs;
  return {
    ports,
    memory: loaderMemory(ports),
    plan,
    message,
    cut,
    lane: laneOf(cut),
    ledger: ledgerFrom(found.offset, found.counts),
    point: pointStore(ports.state, message, {
      item,
      found,
      owner: plan.isSerial ? ownerName(aliveUntil, ports.ids.next()) : undefined,
      mayHaveCrashed: mayHaveCrashed(ports, input),
    }),
    failures: [],
    deferrals: new Map(found.deferrals > 0 ? [[0, found.deferrals]] : []),
    retries: [],
    parts: new Map(),
    isInOrder: plan.isSerial || found.crashes > ORDERLY,
    stopAt: deadline.stopAt,
    abort: deadline.abort,
    stopping: new AbortController(),
    stop: undefined,
    rangeBytes: pieces.reduce((sum, { from, to }) => sum + to - from, 0),
    unaskedAnswers: 0,
    isStarted: false,
    job: found.job,
  };
}

/**
 * A receive that ends badly keeps its message hidden for a whole visibility timeout; one that was handed back came sooner,
 * as a rule. Half of that time, for clocks that differ.
 */
function mayHaveCrashed({ settings }: LoaderPorts, input: LoadInput): boolean {
  const { receiveCount, firstReceivedAt, receivedAt } = input;
  if (receiveCount < 2) return false;
  const hiddenMs = firstReceivedAt === undefined ? Number.POSITIVE_INFINITY : receivedAt - firstReceivedAt;
  return hiddenMs >= (VISIBILITY_PER_TIMEOUT * settings.loaderTimeoutMs) / 2;
}
