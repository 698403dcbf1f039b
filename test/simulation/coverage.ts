/**
 * Which fault must have hit a sync in which phase, over many histories: every pair but those that cannot be, and those
 * that depend on a rare accident. Each of them is named here with its reason.
 */
import { FAULT_NAMES, type FaultName } from './fault-rates.ts';

export const PHASES = ['idle', 'extracting', 'held', 'loading'] as const;
type Phase = (typeof PHASES)[number];

type Pairs = {
  readonly faults: readonly FaultName[];
  readonly phases: readonly Phase[];
  readonly why: string;
};

/** Seeing one of these means that the reason is wrong, or the engine is. */
const NEVER: readonly Pairs[] = [
  {
    faults: [
      'answeredPartly',
      'hangsAtDestination',
      'jobSlow',
      'lateAtDestination',
      'refusedWhole',
      'throttled',
      'timedOutAfterApplying',
    ],
    phases: ['extracting', 'held'],
    why: 'a request is under way in a run that loads, or was just abandoned; the grace keeps the next run away from it',
  },
  {
    faults: ['emptiedPerMinute', 'tornModelPerMinute'],
    phases: ['extracting', 'held', 'loading'],
    why: 'models are reloaded under syncs at rest only: in the midst of a run nothing of it would be read',
  },
];

/** Accidents that may come, and that some thousands of histories need not have. */
const SELDOM: readonly Pairs[] = [
  {
    faults: ['statementFails', 'statementLost', 'statementSlow'],
    phases: ['idle', 'held', 'loading'],
    why: 'a statement runs in a run that extracts; any other was submitted late, or not cancelled when its run ended',
  },
  {
    faults: ['eventLate'],
    phases: ['idle', 'held', 'loading'],
    why: 'the event is sent when the statement ends: only a run that ended before its statement is further on',
  },
  {
    faults: ['eventLost', 'eventTwice'],
    phases: ['held'],
    why: 'events tell that a statement has ended or that all is settled; a held run is between the two',
  },
  {
    faults: ['eventLost', 'hangsAtDestination', 'refusedWhole', 'timedOutAfterApplying'],
    phases: ['idle'],
    why: 'the run was abandoned in the second or two before its request was answered or its statement ended',
  },
  {
    faults: ['abandonedPerRun', 'pausePerCall'],
    phases: ['held'],
    why: 'a held run makes few calls, of which one in some hundreds sleeps; its cancel comes with a second event',
  },
  {
    faults: ['forgottenPerHold'],
    phases: ['idle', 'held', 'loading'],
    why: 'drawn by the write that holds, which begins while the run extracts; later only when two fan-outs race',
  },
  {
    faults: ['messageRefused'],
    phases: ['idle', 'extracting', 'held'],
    why: 'messages are sent in a run that loads, or by a fan-out that has slept through its end',
  },
  {
    faults: ['messageTwice', 'receiveBurned'],
    phases: ['extracting', 'held'],
    why: 'the message is of a run that was abandoned, and has been hidden for longer than the grace',
  },
];

const namesOf = ({ faults, phases }: Pairs): readonly string[] =>
  faults.flatMap((name) => phases.map((phase) => pairName(name, phase)));

export const pairName = (name: FaultName, phase: string): string => `${name} ${phase}`;

const never = new Set(NEVER.flatMap(namesOf));
const seldom = new Set(SELDOM.flatMap(namesOf));

type Seen = Readonly<Record<string, number>>;

/** From so many histories on, each accident of SELDOM must have been seen, in one of its pairs: some come once in a million. */
const SEEDS_FOR_SELDOM = 200_000;

/** Pairs that should have occurred in so many histories. */
export function uncovered(seen: Seen, seeds: number): readonly string[] {
  const isUnseen = (pair: string): boolean => seen[pair] === undefined;
  const all = FAULT_NAMES.flatMap((name) => PHASES.map((phase) => pairName(name, phase)));
  const accidents = seeds < SEEDS_FOR_SELDOM ? [] : SELDOM.map(namesOf);
  return [
    ...all.filter((pair) => !never.has(pair) && !seldom.has(pair) && isUnseen(pair)),
    ...accidents.filter((pairs) => pairs.every(isUnseen)).flat(),
  ];
}

/** Pairs that have occurred and cannot. */
export const impossible = (seen: Seen): readonly string[] =>
  Object.keys(seen).filter((pair) => never.has(pair));

/** One line per fault, one column per phase; `-` cannot be, and what is in brackets need not. */
export function table(seen: Seen): string {
  const head = ['fault'.padEnd(26), ...PHASES.map((phase) => phase.padStart(11))].join('');
  const cell = (pair: string): string => {
    const times = String(seen[pair] ?? 0);
    return (never.has(pair) ? '-' : seldom.has(pair) ? `(${times})` : times).padStart(11);
  };
  const lines = FAULT_NAMES.map((name) =>
    [name.padEnd(26), ...PHASES.map((phase) => cell(pairName(name, phase)))].join(''),
  );
  return [head, ...lines].join('\n');
}
