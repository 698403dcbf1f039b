/**
 * After a flip: failure sets of earlier runs, to which nothing points any more, are marked so that they may expire. Only
 * here, and only below the epoch that flipped: a set that SYNC may still point to is never marked, so it stays however
 * long its sync sleeps. What a crash leaves unmarked stays too, which costs storage and nothing else.
 */
import { asFault } from '../core/fault.ts';
import { SUPERSEDED_IN_FLIGHT, SUPERSEDED_RUNS_MAX } from '../core/limits.ts';
import { keptPrefix } from '../core/names.ts';
import type { SyncState } from '../core/run.ts';
import type { Ports } from '../ports.ts';

type RetirePorts = Pick<Ports, 'objects' | 'telemetry'>;

/**
 * `before`: SYNC as it was just before the flip, which tells how far back there is something to look for. Never throws: a
 * run that has flipped is committed, whatever becomes of older sets.
 */
export async function retireFailures(
  ports: RetirePorts,
  { syncId, epoch }: Pick<SyncState, 'syncId' | 'epoch'>,
  before?: SyncState,
): Promise<void> {
  const oldest = Math.max(1, firstToLookAt(before), epoch - SUPERSEDED_RUNS_MAX);
  try {
    for (let old = oldest; old < epoch; old += 1) await retireRun(ports, syncId, old);
  } catch (error) {
    ports.telemetry.log('warn', 'failures_not_retired', { syncId, epoch, code: asFault(error).code });
  }
}

/** The last flip's run, if it left a failure set; else the first one that ended otherwise since. */
function firstToLookAt(before: SyncState | undefined): number {
  if (before === undefined) return 1;
  return before.failures === null ? before.snapshotEpoch + 1 : before.snapshotEpoch;
}

async function retireRun({ objects }: RetirePorts, syncId: string, epoch: number): Promise<void> {
  let under: Promise<void>[] = [];
  for await (const { key } of objects.list(keptPrefix(syncId, epoch))) {
    under.push(objects.supersede(key));
    if (under.length < SUPERSEDED_IN_FLIGHT) continue;
    await Promise.all(under);
    under = [];
  }
  await Promise.all(under);
}
