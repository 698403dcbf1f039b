/** What many histories came to: sums, faults by class, and which faults hit a sync in which phase. */
import { FAULT_NAMES, type FaultName } from './fault-rates.ts';
import type { History } from './simulate.ts';

export type Tally = {
  seeds: number;
  runs: number;
  batches: number;
  commits: number;
  fired: number;
  readonly faults: Partial<Record<FaultName, number>>;
  /** By `<fault> <phase>`. */
  readonly pairs: Record<string, number>;
};

export const tally = (): Tally => ({
  ...{ seeds: 0, runs: 0, batches: 0, commits: 0, fired: 0 },
  faults: {},
  pairs: {},
});

export function addTo(sums: Tally, { runs, batches, commits, faults, pairs }: History): void {
  sums.seeds += 1;
  sums.runs += runs;
  sums.batches += batches;
  sums.commits += commits;
  for (const name of FAULT_NAMES) {
    const times = faults[name] ?? 0;
    if (times === 0) continue;
    sums.fired += times;
    sums.faults[name] = (sums.faults[name] ?? 0) + times;
  }
  for (const [pair, times] of Object.entries(pairs)) sums.pairs[pair] = (sums.pairs[pair] ?? 0) + times;
}

/** What both came to. */
export function added(a: Tally, b: Tally): Tally {
  const record = (left: Record<string, number>, right: Record<string, number>): Record<string, number> => {
    const sum = { ...left };
    for (const [name, times] of Object.entries(right)) sum[name] = (sum[name] ?? 0) + times;
    return sum;
  };
  return {
    seeds: a.seeds + b.seeds,
    runs: a.runs + b.runs,
    batches: a.batches + b.batches,
    commits: a.commits + b.commits,
    fired: a.fired + b.fired,
    faults: record(a.faults, b.faults),
    pairs: record(a.pairs, b.pairs),
  };
}
