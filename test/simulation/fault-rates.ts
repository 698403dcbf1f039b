/**
 * What goes wrong in one history, and how often. Per seed each class of fault is off with probability one half,
 * otherwise at a random rate up to its most (a swarm), so that no fault hides behind another.
 */
import type { Random } from '../memory/seeded.ts';

/** The most: per remote call, per message, per statement, per minute, as the name says. */
const MOST = {
  crashPerCall: 0.01,
  lostPerCall: 0.02,
  appliedButFailedPerCall: 0.02,
  slowPerCall: 0.01,
  pausePerCall: 0.002,
  statementFails: 0.2,
  statementSlow: 0.3,
  eventLost: 0.3,
  eventTwice: 0.3,
  eventLate: 0.3,
  tickTwice: 0.3,
  messageTwice: 0.2,
  messageRefused: 0.2,
  receiveBurned: 0.2,
  throttled: 0.15,
  timedOutAfterApplying: 0.1,
  lateAtDestination: 0.3,
  answeredPartly: 0.1,
  refusedWhole: 0.2,
  downPerMinute: 0.03,
  abandonedPerRun: 0.3,
  pausedPerMinute: 0.01,
  editedPerMinute: 0.01,
  emptiedPerMinute: 0.02,
  tornModelPerMinute: 0.02,
} as const;

export type FaultName = keyof typeof MOST;

export type Faults = {
  /** Draws; counts when it fires. Never, once `stop` was called. */
  fires(name: FaultName): boolean;
  /** The same draw before its effect is known to happen: counts nothing. */
  rate(name: FaultName): number;
  stop(): void;
  readonly fired: Readonly<Partial<Record<FaultName, number>>>;
};

export const FAULT_NAMES = Object.keys(MOST) as readonly FaultName[];

export function faultRates(random: Random): Faults {
  const rates = new Map<FaultName, number>();
  for (const name of FAULT_NAMES) {
    rates.set(name, random.chance(0.5) ? MOST[name] * random.next() : 0);
  }
  const fired: Partial<Record<FaultName, number>> = {};
  let stopped = false;
  const rate = (name: FaultName): number => (stopped ? 0 : (rates.get(name) ?? 0));
  return {
    fired,
    rate,
    fires: (name) => {
      if (!random.chance(rate(name))) return false;
      fired[name] = (fired[name] ?? 0) + 1;
      return true;
    },
    stop: () => {
      stopped = true;
    },
  };
}
