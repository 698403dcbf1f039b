/** What operators read of `Attention Changed`: who needs somebody, since when and why; and who no longer does. */
import { type Attention, attentionSchema, NEEDS, type Need, type NeedKind, whoOf } from './attention.ts';
import type { Said } from './operator-said.ts';

type Words = {
  readonly isSo: (who: string, need: Need) => string;
  readonly isOver: (who: string) => string;
  readonly runbook: string;
};

const WORDS: Readonly<Record<NeedKind, Words>> = {
  runs_overdue: {
    isSo: (who, { since, code }) => `${who} has not committed since ${minute(since)}: ${code}`,
    isOver: (who) => `${who} is not overdue any more`,
    runbook: 'runs-overdue',
  },
  syncs_rejecting: {
    isSo: (who, { since }) => `too many rows of ${who} are not at their destination, since ${minute(since)}`,
    isOver: (who) => `most rows of ${who} are at their destination again`,
    runbook: 'rows-rejected',
  },
  budgets_starved: {
    isSo: (who, { since, code }) =>
      `account ${who} may send far less than its rate, since ${minute(since)}: ${code}`,
    isOver: (who) => `account ${who} is not held far below its rate any more`,
    runbook: 'budget-starving',
  },
};

/** Throws ZodError for a detail that is not ours. */
export function attentionSaid(detail: unknown): Said {
  const attention = attentionSchema.parse(detail);
  const { needs, over } = attention;
  const starts = needs.map((need) => WORDS[need.what].isSo(whoOf(need), need));
  const ends = over.map((need) => WORDS[need.what].isOver(whoOf(need)));
  const [only = '', ...others] = [...starts, ...ends];
  const isOne = others.length === 0 && attention.more.needs + attention.more.over === 0;
  return {
    title: isOne ? capital(only) : counted(attention),
    ...(isOne ? {} : { why: listed(attention, starts, ends), isShort: true }),
    ...(needs.length === 0 ? {} : { look: [lookAt(needs)], runbook: headings(needs) }),
  };
}

function counted({ needs, over, more }: Attention): string {
  const [here, gone] = [needs.length + more.needs, over.length + more.over];
  if (gone === 0) return `${here} syncs or accounts need somebody`;
  if (here === 0) return `${gone} syncs or accounts no longer need anybody`;
  return `${here} newly in need of somebody, ${gone} no longer`;
}

const listed = (
  { more }: Attention,
  starts: readonly string[],
  ends: readonly string[],
): readonly string[] => [
  ...starts,
  ...(more.needs > 0 ? [`and ${more.needs} more`] : []),
  ...ends.map((line) => `over: ${line}`),
  ...(more.over > 0 ? [`over: and ${more.over} more`] : []),
];

const lookAt = ([first, ...others]: readonly Need[]): string =>
  others.length === 0 && first !== undefined && 'syncId' in first ? `status ${first.syncId}` : 'status';

const headings = (needs: readonly Need[]): readonly string[] =>
  NEEDS.filter((what) => needs.some((need) => need.what === what)).map((what) => WORDS[what].runbook);

/** `2026-01-05 00:00 UTC` */
const minute = (at: number): string => `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;

/** Names of syncs stay as they are written. */
const capital = (line: string): string =>
  line.replace(/^(too|most|account) /, (word) => word.charAt(0).toUpperCase() + word.slice(1));
