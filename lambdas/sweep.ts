/**
 * Every minute: heals what a lost event, a crash or a closed laptop has left behind. Every few minutes it first looks what
 * a person should know of; what goes wrong with that look keeps nothing from being healed.
 */
import { asFault } from '../shared/core/fault.ts';
import { WATCH_EVERY_MS } from '../shared/core/limits.ts';
import { sweep } from '../shared/engine/sweep.ts';
import { type AttentionPorts, tellAttention } from '../shared/engine/tell-attention.ts';
import { type WatchPorts, watch } from '../shared/engine/watch.ts';
import type { Sight } from '../shared/engine/watch-sight.ts';
import { entry } from './entry.ts';
import { type CommonPorts, commonPorts, definitionsPort, queuePort, warehousePort } from './runtime.ts';
import { traced } from './traced.ts';

/** Kept by the execution environment; a new one looks at once, and looking twice does no harm. */
let watchedAt = Number.NEGATIVE_INFINITY;
/** What was seen then: people are told of what is seen twice in a row. */
let seen: Sight | undefined;

export const handler = entry(
  () => ({
    ...commonPorts(),
    definitions: definitionsPort(),
    queue: queuePort(),
    warehouse: warehousePort(),
  }),
  async (ports, _event: unknown, { requestId: owner, signal }) => {
    await watchNowAndThen(ports);
    return traced(ports.telemetry, 'sweep', {}, () => sweep(ports, { owner, signal }));
  },
);

async function watchNowAndThen(
  ports: WatchPorts & AttentionPorts & Pick<CommonPorts, 'telemetry'>,
): Promise<void> {
  if (ports.clock.now() - watchedAt < WATCH_EVERY_MS) return;
  watchedAt = ports.clock.now();
  try {
    const before = seen;
    seen = await watch(ports);
    await tellAttention(ports, seen, before);
  } catch (error) {
    ports.telemetry.failed(asFault(error));
  }
}
