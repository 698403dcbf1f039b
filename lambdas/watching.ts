/**
 * The watch as the sweep does it: now and then, and what goes wrong with it keeps nothing from being healed. What was seen
 * the time before is kept by the execution environment: people are told of what is seen twice in a row.
 */
import type { LambdaTelemetry } from '../shared/aws/powertools-telemetry.ts';
import { asFault } from '../shared/core/fault.ts';
import { WATCH_EVERY_MS } from '../shared/core/limits.ts';
import { type AttentionPorts, tellAttention } from '../shared/engine/tell-attention.ts';
import { type WatchPorts, watch } from '../shared/engine/watch.ts';
import type { Sight } from '../shared/engine/watch-sight.ts';

export type WatchingPorts = WatchPorts & AttentionPorts & { readonly telemetry: LambdaTelemetry };

/** For one execution environment; a new one looks at once, and looking twice does no harm. Never rejects. */
export function watching(): (ports: WatchingPorts) => Promise<void> {
  let watchedAt = Number.NEGATIVE_INFINITY;
  let seen: Sight | undefined;
  return async (ports) => {
    if (ports.clock.now() - watchedAt < WATCH_EVERY_MS) return;
    watchedAt = ports.clock.now();
    try {
      const before = seen;
      seen = await watch(ports, before);
      await tellAttention(ports, seen, before);
    } catch (error) {
      ports.telemetry.failed(asFault(error));
    }
  };
}
