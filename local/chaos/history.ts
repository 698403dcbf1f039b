/** What was done and what was seen, in order, with the time; the end of it is printed when something does not hold. */
export type History = {
  note(what: string): void;
  /** The last so many. */
  last(count: number): readonly string[];
};

/** More than anybody reads; a run makes a few hundred. */
const KEPT_MAX = 10_000;

export function startHistory(told: (line: string) => void): History {
  const startedAt = Date.now();
  const lines: string[] = [];
  return {
    note(what) {
      const line = `${((Date.now() - startedAt) / 1000).toFixed(2).padStart(7)} s  ${what}`;
      if (lines.length < KEPT_MAX) lines.push(line);
      told(line);
    },
    last: (count) => lines.slice(-count),
  };
}
