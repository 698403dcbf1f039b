/**
 * What became of each line of a batch in this invocation. A line's outcome is final and set once. The gap-free
 * prefix (every line before it is final) is where an interrupted batch goes on, with the counts of what is before.
 */
import { addCounts, type Counts, NO_ROWS } from '../core/outcomes.ts';

const PENDING = 0;
export const ACCEPTED = 1;
export const REJECTED = 2;
export const INVALID = 3;
export const SKIPPED = 4;
export const DEAD = 5;
export type Final = 1 | 2 | 3 | 4 | 5;

export type Ledger = {
  /** Adds a line; gives its index. Offsets are bytes from the start of the batch's range. */
  add(start: number, end: number): number;
  /** False when the line was final already: the second answer for a row counts nothing. */
  finish(index: number, outcome: Final): boolean;
  isPending(index: number): boolean;
  start(index: number): number;
  end(index: number): number;
  lines(): number;
  /** Where the last line ends; `from` before the first. */
  readTo(): number;
  /** The first pending line, where it starts, and the counts of everything before it, earlier receives included. */
  prefix(): { readonly index: number; readonly offset: number; readonly counts: Counts };
};

const CAPACITY_START = 1024;

/** `from` and `before`: offset and counts of the resume point. */
export function ledgerFrom(from: number, before: Counts = NO_ROWS): Ledger {
  const starts: number[] = [];
  const ends: number[] = [];
  let outcomes = new Uint8Array(CAPACITY_START);
  const sums = [0, 0, 0, 0, 0, 0];
  let passed = 0;
  const readTo = (): number => ends[ends.length - 1] ?? from;
  return {
    add: (start, end) => {
      const index = starts.length;
      if (index === outcomes.length) outcomes = grown(outcomes);
      starts.push(start);
      ends.push(end);
      return index;
    },
    finish: (index, outcome) => {
      if (outcomes[index] !== PENDING) return false;
      outcomes[index] = outcome;
      return true;
    },
    isPending: (index) => outcomes[index] === PENDING,
    start: (index) => starts[index] ?? readTo(),
    end: (index) => ends[index] ?? readTo(),
    lines: () => starts.length,
    readTo,
    prefix: () => {
      for (; passed < starts.length; passed += 1) {
        const outcome = outcomes[passed] ?? PENDING;
        if (outcome === PENDING) break;
        sums[outcome] = (sums[outcome] ?? 0) + 1;
      }
      return {
        index: passed,
        offset: starts[passed] ?? readTo(),
        counts: addCounts(before, countsOf(passed, sums)),
      };
    },
  };
}

function countsOf(rows: number, sums: readonly number[]): Counts {
  const [, accepted = 0, rejected = 0, invalid = 0, skipped = 0, dead = 0] = sums;
  return { rows, accepted, rejected, invalid, skipped, dead };
}

function grown(outcomes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(outcomes.length * 2);
  larger.set(outcomes);
  return larger;
}
