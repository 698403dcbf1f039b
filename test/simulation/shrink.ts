/**
 * Makes a failing history smaller: takes away classes of faults, then the last faults, as long as the same invariant
 * is still broken. What is left is what a person has to read.
 */
import { FAULT_NAMES, type FaultLimits, type FaultName } from './fault-rates.ts';
import { type History, simulate } from './simulate.ts';

export type Shrunk = {
  readonly history: History;
  readonly limits: FaultLimits;
  /** Histories that it took. */
  readonly tries: number;
};

/** `history`: of `seed`, with a violation. */
export async function shrink(history: History): Promise<Shrunk> {
  const broken = history.violations[0]?.invariant;
  let best: Shrunk = { history, limits: {}, tries: 0 };
  let tries = 0;
  const attempt = async (limits: FaultLimits): Promise<boolean> => {
    tries += 1;
    const next = await simulate(history.seed, { limits });
    if (!next.violations.some(({ invariant }) => invariant === broken)) return false;
    best = { history: next, limits, tries };
    return true;
  };
  const without = new Set<FaultName>(FAULT_NAMES.filter((name) => history.faults[name] === undefined));
  for (const name of FAULT_NAMES) {
    if (without.has(name)) continue;
    without.add(name);
    if (!(await attempt({ without: new Set(without) }))) without.delete(name);
  }
  // Fewest faults by halving: with more of them it may well not fail, so this finds a small number, not the least.
  const kept = { without: new Set(without) };
  let [low, high] = [0, total(best.history)];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (await attempt({ ...kept, most: middle })) high = middle;
    else low = middle + 1;
  }
  return { ...best, tries };
}

const total = ({ faults }: History): number => Object.values(faults).reduce((sum, times) => sum + times, 0);

/** What a person reads of a failing seed. */
export function told({ seed, violations, faults, events, brokenAt }: History, limits?: FaultLimits): string {
  const broken = violations.slice(0, 10).map(({ invariant, message }) => `${invariant}: ${message}`);
  const limited =
    limits?.without === undefined
      ? []
      : [`shrunk: without ${[...limits.without].join(',')}; at most ${limits.most ?? 'all'} faults`];
  return [
    `seed ${seed}`,
    ...broken,
    JSON.stringify(faults),
    ...limited,
    ...events.slice(0, brokenAt).slice(-20),
  ].join('\n');
}
