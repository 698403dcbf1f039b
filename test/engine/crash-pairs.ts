/**
 * Two kills in one history: the second strikes while what the first left behind is being taken up, or long after.
 * `npm run sim -- --crash-pairs` plays every pair of every scenario; `--every 50` plays each fiftieth.
 */
import { Worker } from 'node:worker_threads';
import { play } from './crash-history.ts';
import { SCENARIOS, type Scenario } from './crash-scenarios.ts';
import type { Kill } from './crashing-ports.ts';

export type PairReport = {
  readonly pairs: number;
  readonly scenarios: readonly { readonly name: string; readonly effects: number; readonly pairs: number }[];
  /** At most VIOLATIONS_TOLD_MAX of them. */
  readonly violations: readonly PairViolation[];
  readonly violated: number;
  readonly seconds: number;
};

export type PairViolation = {
  readonly scenario: string;
  readonly kills: readonly Kill[];
  readonly invariant: string;
  readonly message: string;
};

/** Every `step`-th pair of each scenario, from the `from`-th on. */
export type PairShare = { readonly from: number; readonly step: number };

const VIOLATIONS_TOLD_MAX = 20;

/** One pair of `every` is played, on so many threads. */
export async function crashPairs(every: number, threads: number): Promise<PairReport> {
  const startedAt = performance.now();
  const shares = Array.from({ length: threads }, (_, thread): PairShare => {
    return { from: (thread + 1) * every, step: threads * every };
  });
  const played = await Promise.all(shares.map(playShare));
  const violations = played.flatMap((one) => one.violations);
  const scenarios = SCENARIOS.map(({ name }, at) => ({
    name,
    effects: played[0]?.scenarios[at]?.effects ?? 0,
    pairs: played.reduce((sum, one) => sum + (one.scenarios[at]?.pairs ?? 0), 0),
  }));
  return {
    pairs: scenarios.reduce((sum, { pairs }) => sum + pairs, 0),
    scenarios,
    violations: violations.slice(0, VIOLATIONS_TOLD_MAX),
    violated: violations.length,
    seconds: Math.round((performance.now() - startedAt) / 1000),
  };
}

type PairsPlayed = Pick<PairReport, 'scenarios' | 'violations'>;

function playShare(workerData: PairShare): Promise<PairsPlayed> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./crash-pairs-thread.ts', import.meta.url), { workerData });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

export async function playPairs(share: PairShare): Promise<PairsPlayed> {
  const scenarios: { name: string; effects: number; pairs: number }[] = [];
  const violations: PairViolation[] = [];
  for (const scenario of SCENARIOS) {
    const { effects } = await play(scenario, []);
    const pairs = await pairsOf(scenario, effects.length, share, violations);
    scenarios.push({ name: scenario.name, effects: effects.length, pairs });
  }
  return { scenarios, violations };
}

/** The first kill decides how the history goes on, and so which effects the second may strike. */
async function pairsOf(
  scenario: Scenario,
  effects: number,
  { from, step }: PairShare,
  violations: PairViolation[],
): Promise<number> {
  let turn = 0;
  let played = 0;
  for (const first of kills(1, effects)) {
    const after = await play(scenario, [first]);
    for (const second of kills(first.effect + 1, after.effects.length)) {
      turn += 1;
      if (turn < from || (turn - from) % step !== 0) continue;
      played += 1;
      const both = [first, second];
      const [found] = (await play(scenario, both)).violations;
      if (found !== undefined) violations.push({ scenario: scenario.name, kills: both, ...found });
    }
  }
  return played;
}

function* kills(from: number, to: number): Iterable<Kill> {
  for (let effect = from; effect <= to; effect += 1) {
    yield { effect, when: 'before' };
    yield { effect, when: 'after' };
  }
}
