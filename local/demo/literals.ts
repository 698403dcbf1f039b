/**
 * What the seed is known to contain, as literals: told by hand from the row numbers in `company.ts` where a kind is placed
 * by number, read once from the tables where md5 decides (which plans, which scores). The demonstration fails when a run
 * comes to anything else, so a kind that no longer occurs, or a count that drifts, is noticed.
 *
 * Of 100,000 customers: 200 have no e-mail, 250 one without @, 100 a blocked domain, 50 an overlong note, 20 keys occur
 * twice, 10 rows have no key, 10 balances are negative, one subscription has an empty key.
 */

/** The first run of a sync: every line of it. */
export type FirstRun = {
  readonly extracted: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly invalid: number;
};

/**
 * What the runs after a change come to together. A cursor cannot tell added from changed, so only diffs name those.
 * Rows that fail again and again are left out: how often depends on how many runs there were.
 */
export type Changes = {
  readonly added?: number;
  readonly changed?: number;
  readonly removed?: number;
  readonly accepted: number;
  readonly rejected: number;
};

export type Literals = {
  readonly first: Readonly<Record<string, FirstRun>>;
  /** 0.5% new customers, 1% with new scores, 0.1% gone, some e-mails mended, some plans changed. */
  readonly change: Readonly<Record<string, Changes>>;
  /** Every tenth customer, seen again; the audience is not concerned. */
  readonly outage: Readonly<Record<string, Changes>>;
};

/** By number of customers. */
export const LITERALS: Readonly<Record<number, Literals>> = {
  100000: {
    first: {
      'customers-to-crm': { extracted: 100_010, accepted: 99_380, rejected: 350, invalid: 280 },
      'companies-to-crm': { extracted: 13_394, accepted: 13_384, rejected: 0, invalid: 10 },
      'subscribers-to-audience': { extracted: 40_001, accepted: 39_780, rejected: 200, invalid: 21 },
      'customers-to-app': { extracted: 100_010, accepted: 99_970, rejected: 10, invalid: 30 },
      'daily-revenue-to-app': { extracted: 2920, accepted: 2920, rejected: 0, invalid: 0 },
    },
    change: {
      'customers-to-crm': { accepted: 1545, rejected: 3 },
      'companies-to-crm': { added: 253, changed: 0, removed: 78, accepted: 331, rejected: 0 },
      'subscribers-to-audience': { added: 0, changed: 253, removed: 200, accepted: 453, rejected: 0 },
      'customers-to-app': { added: 500, changed: 1050, removed: 100, accepted: 1649, rejected: 1 },
    },
    outage: {
      'customers-to-crm': { accepted: 10_000, rejected: 0 },
      'customers-to-app': { added: 0, changed: 10_000, removed: 0, accepted: 10_000, rejected: 0 },
    },
  },
  2000: {
    first: {
      'customers-to-crm': { extracted: 2010, accepted: 1987, rejected: 7, invalid: 16 },
      'companies-to-crm': { extracted: 266, accepted: 266, rejected: 0, invalid: 0 },
      'subscribers-to-audience': { extracted: 801, accepted: 795, rejected: 4, invalid: 2 },
      'customers-to-app': { extracted: 2010, accepted: 1998, rejected: 1, invalid: 11 },
      'daily-revenue-to-app': { extracted: 2551, accepted: 2551, rejected: 0, invalid: 0 },
    },
    change: {
      'customers-to-crm': { accepted: 31, rejected: 0 },
      'companies-to-crm': { added: 5, changed: 0, removed: 2, accepted: 7, rejected: 0 },
      'subscribers-to-audience': { added: 0, changed: 5, removed: 4, accepted: 9, rejected: 0 },
      'customers-to-app': { added: 10, changed: 21, removed: 2, accepted: 33, rejected: 0 },
    },
    outage: {
      'customers-to-crm': { accepted: 200, rejected: 0 },
      'customers-to-app': { added: 0, changed: 200, removed: 0, accepted: 200, rejected: 0 },
    },
  },
};
