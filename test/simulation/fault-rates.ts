/**
 * What goes wrong in one history, and how often. Per seed each class of fault is off with probability one half,
 * otherwise at a random rate up to its most (a swarm), so that no fault hides behind another.
 */
import type { Random } from '../memory/seeded.ts';

/** The most: per remote call, per message, per statement, per minute, as the name says. */
const MOST = {
  crashPerCall: 0.02,
  lostPerCall: 0.02,
  appliedButFailedPerCall: 0.02,
  slowPerCall: 0.01,
  pausePerCall: 0.004,
  clockSkew: 0.5,
  statementFails: 0.2,
  statementSlow: 0.3,
  statementLost: 0.2,
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
  jobSlow: 0.5,
  downPerMinute: 0.03,
  abandonedPerRun: 0.3,
  pausedPerMinute: 0.02,
  editedPerMinute: 0.02,
  generationPerMinute: 0.015,
  deletedPerMinute: 0.02,
  deployedPerMinute: 0.05,
  emptiedPerMinute: 0.12,
  tornModelPerMinute: 0.12,
  grownPerMinute: 0.03,
  forgottenPerHold: 0.5,
  hangsAtDestination: 0.05,
} as const;

export type FaultName = keyof typeof MOST;

export const FAULT_NAMES = Object.keys(MOST) as readonly FaultName[];

/** One fault that fired; `syncId`: the sync that it hit, when it was one. */
export type Fired = { readonly name: FaultName; readonly syncId: string | undefined };

export type Faults = {
  /** Draws; counts when it fires. Never, once `stop` was called. */
  fires(name: FaultName, syncId?: string): boolean;
  stop(): void;
  readonly fired: Readonly<Partial<Record<FaultName, number>>>;
  /** How many fired in all. */
  total(): number;
};

export const NO_FAULTS: Faults = { fires: () => false, stop: () => undefined, fired: {}, total: () => 0 };

/** What is left of a history's faults when it is shrunk. */
export type FaultLimits = {
  /** Classes that never fire. */
  readonly without?: ReadonlySet<FaultName>;
  /** After so many no other fires. */
  readonly most?: number;
};

/** A disabled fault still draws, so that taking one away moves the others as little as can be. */
export function faultRates(
  random: Random,
  { without, most = Number.POSITIVE_INFINITY }: FaultLimits = {},
  onFire: (fired: Fired) => void = () => undefined,
): Faults {
  const rates = new Map<FaultName, number>();
  const isCalm = random.chance(CALM_SHARE);
  for (const name of FAULT_NAMES) {
    const rate = random.chance(0.5) ? MOST[name] * random.next() : 0;
    rates.set(name, isCalm || without?.has(name) === true ? 0 : rate);
  }
  const fired: Partial<Record<FaultName, number>> = {};
  let total = 0;
  let stopped = false;
  return {
    fired,
    total: () => total,
    fires: (name, syncId) => {
      if (!random.chance(stopped ? 0 : (rates.get(name) ?? 0)) || total >= most) return false;
      total += 1;
      fired[name] = (fired[name] ?? 0) + 1;
      onFire({ name, syncId });
      return true;
    },
    stop: () => {
      stopped = true;
    },
  };
}

/** Histories without any fault: what a run costs is judged there. */
const CALM_SHARE = 0.03;
