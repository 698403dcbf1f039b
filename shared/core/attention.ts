/**
 * Who needs somebody and is told by no event of its own: found by the watch, kept until it is over, told to operators by
 * `Attention Changed`. Ids, codes and times only.
 */
import * as z from 'zod';

/** What it is, by the name of its gauge; what is told first comes first. */
export const NEEDS = ['runs_overdue', 'syncs_rejecting', 'budgets_starved'] as const;
export type NeedKind = (typeof NEEDS)[number];

/** Whom each can be about. */
export const NEEDS_OF_SYNC = ['runs_overdue', 'syncs_rejecting'] as const satisfies readonly NeedKind[];
export const NEEDS_OF_ACCOUNT = ['budgets_starved'] as const satisfies readonly NeedKind[];

const about = { what: z.enum(NEEDS), code: z.string(), since: z.number() };
export const needSchema = z.union([
  z.object({ ...about, syncId: z.string() }),
  z.object({ ...about, account: z.string() }),
]);
/** `since`: epoch milliseconds; of an overdue sync its last commit, resume or edit, otherwise when it was first seen. */
export type Need = z.infer<typeof needSchema>;

/** Detail of `Attention Changed`: who has come to need somebody, who no longer does, and how many more of each. */
export const attentionSchema = z.object({
  needs: z.array(needSchema),
  over: z.array(needSchema),
  more: z.object({ needs: z.number(), over: z.number() }),
});
export type Attention = z.infer<typeof attentionSchema>;

export const whoOf = (need: Need): string => ('syncId' in need ? need.syncId : need.account);

/** A sync may be called as an account is; what it is about tells them apart. */
export const needKey = (what: NeedKind, who: string): string => `${what} ${who}`;
export const keyOf = (need: Need): string => needKey(need.what, whoOf(need));
