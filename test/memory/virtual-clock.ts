/**
 * A clock that only moves when told to, and everything that waits on it. Between two timers all promises are let
 * run to their end, so a history depends on the timers' times and order alone, never on the machine.
 */
import type { Clock } from '../../shared/ports.ts';

export type VirtualClock = Clock & {
  /**
   * Calls `action` at `atMs` (now, if that has passed). It gives `false` when it has set nothing going: then the
   * clock need not wait for what follows from it.
   */
  schedule(atMs: number, action: () => unknown): void;
  /** Lets everything due until `untilMs` happen, in order; ends with the clock at `untilMs`. */
  runUntil(untilMs: number): Promise<void>;
  /** Runs until `done()` holds or the clock reaches `untilMs`; true when it held. */
  runWhile(untilMs: number, done: () => boolean): Promise<boolean>;
};

type Timer = { readonly at: number; readonly order: number; readonly action: () => unknown };

export function virtualClock(startMs = Date.UTC(2026, 0, 5)): VirtualClock {
  let now = startMs;
  let order = 0;
  const timers: Timer[] = [];
  const schedule = (at: number, action: () => unknown): void => {
    order += 1;
    push(timers, { at: Math.max(at, now), order, action });
  };
  const runWhile = async (untilMs: number, done: () => boolean): Promise<boolean> => {
    for (let isQuiet = false; ; ) {
      if (!isQuiet) {
        await settled();
        if (done()) return true;
      }
      const next = timers[0];
      if (next === undefined || next.at > untilMs) {
        now = Math.max(now, untilMs);
        return done();
      }
      pop(timers);
      now = next.at;
      isQuiet = next.action() === false;
    }
  };
  return {
    now: () => now,
    sleep: (ms, signal) => sleepUntil(schedule, now + ms, signal),
    schedule,
    runWhile,
    runUntil: async (untilMs) => {
      await runWhile(untilMs, () => false);
    },
  };
}

/** Immediates run after every microtask: when one fires, nothing else can happen without a timer. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function sleepUntil(
  schedule: VirtualClock['schedule'],
  atMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = (): void => reject(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    schedule(atMs, () => {
      if (signal?.aborted) return false;
      signal?.removeEventListener('abort', onAbort);
      resolve();
      return true;
    });
  });
}

const before = (a: Timer, b: Timer): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

function push(heap: Timer[], timer: Timer): void {
  let index = heap.push(timer) - 1;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = heap[parent] as Timer;
    if (!before(timer, above)) break;
    heap[index] = above;
    index = parent;
  }
  heap[index] = timer;
}

function pop(heap: Timer[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let index = 0;
  for (;;) {
    let child = 2 * index + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1] as Timer, heap[child] as Timer)) child += 1;
    if (!before(heap[child] as Timer, last)) break;
    heap[index] = heap[child] as Timer;
    index = child;
  }
  heap[index] = last;
}
