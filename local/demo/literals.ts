/**
 * What the seed is known to contain, as literals: told by hand from the row numbers in `company.ts` where a kind is placed
 * by number, read once from the tables where md5 decides (which plans, which scores). The demonstration fails when a run
 * comes to anything else, so a kind that no longer occurs, or a count that drifts, is noticed.
 *
 * Of 100,000 customers: 200 have no e-mail, 250 one without @, 100 a blocked domain, 50 an overlong note, 20 keys occur
 * twice, 10 rows have no key, 40 balances are negative, one subscription has an empty key.
 */

/** The first run of a sync: every line of it. */
export type FirstRun = {
  readonly extracted: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly invalid: number;
};

/** What the runs after a change come to together; rows that fail again and again are left out. */
export type Changes = {
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  readonly accepted: number;
  readonly rejected: number;
};

export type Literals = {
  readonly first: Readonly<Record<string, FirstRun>>;
  readonly change: Readonly<Record<string, Changes>>;
  readonly outage: Readonly<Record<string, Changes>>;
};

/** By number of customers. */
export const LITERALS: Readonly<Record<number, Literals>> = {
  100000: { first: {}, change: {}, outage: {} },
  2000: { first: {}, change: {}, outage: {} },
};
