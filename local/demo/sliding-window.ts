/**
 * How many events lie in the window that ends now, for every event: the judge of a rate limit. A limit holds if no
 * answer is above it, since a fullest window can always be moved until it ends at an event.
 */

/** `add` takes times in ms, never decreasing, and gives the events in (time - windowMs, time]. */
export function rateWindow(windowMs: number): { add(timeMs: number): number } {
  let times: number[] = [];
  let first = 0;
  return {
    add(timeMs) {
      times.push(timeMs);
      while ((times[first] ?? timeMs) <= timeMs - windowMs) first += 1;
      if (first > 10_000) {
        times = times.slice(first);
        first = 0;
      }
      return times.length - first;
    },
  };
}
