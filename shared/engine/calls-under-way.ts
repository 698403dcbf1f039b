/**
 * The calls of one loader process that are under way, and how many of the slots to come it has calls for. A loader that
 * waits for answers cannot use its slots; reserved all the same they are void, and other loaders had use for them.
 */
import type { Clock } from '../ports.ts';
import type { Slots } from './reserve-slots.ts';

export type CallsUnderWay = {
  /** Counts a call until it ends; ends with it, and throws what it throws. */
  track(call: Promise<unknown>): Promise<unknown>;
  /**
   * How many of `slots` can be used one after the other, while at most `callsMax` calls are under way and those of
   * `before` start first. By how long calls took so far; all of them before the first answer.
   */
  usable(slots: Slots, before: Slots | undefined, callsMax: number): number;
  /** False before the first answer. */
  isKnown(): boolean;
};

/** Weight of the newest call in the averages. */
const NEWEST = 0.1;

export function callsUnderWay(clock: Pick<Clock, 'now'>): CallsUnderWay {
  const starts = new Set<{ readonly at: number }>();
  let mean: number | undefined;
  let deviation = 0;

  const took = (durationMs: number): void => {
    const off = durationMs - (mean ?? durationMs);
    mean = (mean ?? durationMs) + NEWEST * off;
    deviation += NEWEST * (Math.abs(off) - deviation);
  };
  return {
    isKnown: () => mean !== undefined,
    track: async (call) => {
      const start = { at: clock.now() };
      starts.add(start);
      try {
        return await call;
      } finally {
        starts.delete(start);
        took(clock.now() - start.at);
      }
    },
    usable: (slots, before, callsMax) => {
      if (mean === undefined) return slots.count;
      const durationMs = mean + deviation;
      // As they began, so they are expected to end: one after the other.
      const ends = [...[...starts].map(({ at }) => at), ...momentsOf(before)].map((at) => at + durationMs);
      let ended = 0;
      let usable = 0;
      for (const at of momentsOf(slots)) {
        while ((ends[ended] ?? Number.POSITIVE_INFINITY) <= at) ended += 1;
        if (ends.length - ended >= callsMax) return usable;
        ends.push(at + durationMs);
        usable += 1;
      }
      return usable;
    },
  };
}

function* momentsOf(slots: Slots | undefined): Iterable<number> {
  for (let at = 0; at < (slots?.count ?? 0); at += 1) yield (slots?.startAt ?? 0) + at * (slots?.stepMs ?? 0);
}
