/**
 * What became of each row, and how the counts of a batch, a shard and a run are kept and compared.
 *
 * A destination answers accepted, rejected or deferred for every key; the engine adds invalid (by us, before
 * sending), skipped (the mode forbids it) and dead. Deferred is never final.
 *
 * Dead: a row that ended its loader again and again, alone in its request; whose call had no answer and was parked;
 * whose staged line or mapping was broken; or whose batch became a dead letter. The first two wait for a change of the
 * row or the mapping, the others are tried by the next run.
 */

/** A destination's answer for one row key. */
export type Outcome =
  | { readonly key: string; readonly is: 'accepted' }
  | { readonly key: string; readonly is: 'rejected'; readonly code: string; readonly reason: string }
  | { readonly key: string; readonly is: 'deferred'; readonly waitMs?: number; readonly reason?: string };

/** Rows of a batch, a shard or a run. `rows` is what was read; the other five must add up to it. */
export type Counts = {
  readonly rows: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly invalid: number;
  readonly skipped: number;
  readonly dead: number;
};

export const NO_ROWS: Counts = { rows: 0, accepted: 0, rejected: 0, invalid: 0, skipped: 0, dead: 0 };

/** How a row can end. */
export const OUTCOMES = ['accepted', 'rejected', 'invalid', 'skipped', 'dead'] as const;

const ORDER = ['rows', ...OUTCOMES] as const;

export function addCounts(a: Counts, b: Counts): Counts {
  return {
    rows: a.rows + b.rows,
    accepted: a.accepted + b.accepted,
    rejected: a.rejected + b.rejected,
    invalid: a.invalid + b.invalid,
    skipped: a.skipped + b.skipped,
    dead: a.dead + b.dead,
  };
}

/** Conservation (I2): every row read has exactly one final outcome. */
export function isConserved(counts: Counts): boolean {
  return counts.rows === counts.accepted + counts.rejected + counts.invalid + counts.skipped + counts.dead;
}

/** One short text per batch in a SHARD item: `rows,accepted,rejected,invalid,skipped,dead`. */
export function packCounts(counts: Counts): string {
  return ORDER.map((name) => counts[name]).join(',');
}

/** The inverse of `packCounts`; throws RangeError on any other text, since state items are ours alone. */
export function unpackCounts(text: string): Counts {
  const parts = text.split(',');
  const numbers = parts.map((part) => (/^\d{1,15}$/.test(part) ? Number(part) : Number.NaN));
  if (numbers.length !== ORDER.length || numbers.some(Number.isNaN)) {
    throw new RangeError(`packed counts must be ${ORDER.length} integers, got ${parts.length} parts`);
  }
  const [rows = 0, accepted = 0, rejected = 0, invalid = 0, skipped = 0, dead = 0] = numbers;
  return { rows, accepted, rejected, invalid, skipped, dead };
}
