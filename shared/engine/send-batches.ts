/**
 * Sends the pointers of a run's batches. Any repeat sends the same messages: they depend on the frozen cut alone.
 */
import { batchesOf, laneOf } from '../core/batches.ts';
import { Fault } from '../core/fault.ts';
import { SEND_CHUNK_MESSAGES, SEND_RETRY_MS, SEND_TRIES_MAX } from '../core/limits.ts';
import type { BatchMessage, Lane } from '../core/message.ts';
import type { Cut } from '../core/run.ts';
import type { Ports } from '../ports.ts';

export type SendPorts = Pick<Ports, 'clock' | 'ids' | 'queue'>;

/** Throws a transient Fault (`messages_not_taken`, `out_of_time`): repeat the fan-out. */
export async function sendBatches(
  ports: SendPorts,
  run: { readonly syncId: string; readonly epoch: number; readonly account: string; readonly cut: Cut },
  signal: AbortSignal,
): Promise<void> {
  const { syncId, epoch, account, cut } = run;
  const lane = laneOf(cut);
  let chunk: BatchMessage[] = [];
  for (const { shard, ordinal } of batchesOf(cut)) {
    chunk.push({ v: 1, syncId, epoch, shard, ordinal });
    if (chunk.length < SEND_CHUNK_MESSAGES) continue;
    await sendChunk(ports, account, lane, chunk, signal);
    chunk = [];
  }
  await sendChunk(ports, account, lane, chunk, signal);
}

/** The queue takes each message or not; what it did not take is sent again, or a batch would never be loaded. */
async function sendChunk(
  ports: SendPorts,
  account: string,
  lane: Lane,
  messages: readonly BatchMessage[],
  signal: AbortSignal,
): Promise<void> {
  let left = messages;
  for (let turn = 1; left.length > 0; turn += 1) {
    if (signal.aborted) throw new Fault('transient', 'out_of_time', 'the fan-out ran out of time');
    left = await ports.queue.send(account, lane, left);
    if (left.length === 0) return;
    if (turn === SEND_TRIES_MAX) {
      throw new Fault('transient', 'messages_not_taken', `the queue refused ${left.length} messages`);
    }
    await ports.clock.sleep(SEND_RETRY_MS * turn * (1 + ports.ids.random()), signal);
  }
}
