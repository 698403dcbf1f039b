/**
 * Codes as the owner of a sync reads them. Only words of ours and names of the definition's own get through: what a
 * destination says about a row, its codes included, may repeat a value of it, so it stays in the failure records.
 */
import { DEFINITION_CODES } from './definition-codes.ts';
import { ROW_CODES, STAGE_CODES } from './row-codes.ts';
import { runCodeFacts } from './run-codes.ts';
import type { FailureRecord } from './stage.ts';
import type { Sync } from './sync.ts';

/** Why a row was not delivered, and how many rows share it. */
export type FailureReason = {
  readonly kind: FailureRecord['kind'];
  /** A code of ours; `other` for those of the destination. */
  readonly code: string;
  /** The destination's field, where the reason is about one: a name from the definition. */
  readonly field: string | undefined;
  readonly rows: number;
};

/** What a record says that may be told: its code if it is ours, its field and its check if the definition has them. */
export function tellable(
  { kind, code, reason }: Pick<FailureRecord, 'kind' | 'code'> & { readonly reason?: string | null },
  sync: Sync,
): Omit<FailureReason, 'rows'> {
  const isOurs = kind === 'rejected' ? isDeliveryCode(code) : isInvalidCode(code, sync);
  if (!isOurs) return { kind, code: 'other', field: undefined };
  const [, named] = /^field "([^"]+)": /.exec(reason ?? '') ?? [];
  const field = Object.hasOwn(ROW_CODES, code) ? sync.fields.find(({ to }) => to === named)?.to : undefined;
  return { kind, code, field };
}

/** One reason as a line of a message, without its number of rows. */
export function reasonText({ kind, code, field }: Omit<FailureReason, 'rows'>): string {
  const words = wordsOf(kind, code);
  const about = [KINDS[kind], ...(code === 'other' ? [] : [code]), ...(field === undefined ? [] : [field])];
  return `${words} (${about.join(', ')})`;
}

/** What stopped a run or paused a sync. */
export function stopText(code: string): string {
  const { says, help } = runCodeFacts(code) ?? { says: 'something that its status explains' };
  // Nothing that an owner could mend.
  return help === 'miscount' ? `${says}; the people who run Tailrace are told as well` : says;
}

/** The rule that a definition breaks; what is wrong with a model's SQL has codes of its own. */
export const definitionRule = (code: string): string =>
  Object.hasOwn(DEFINITION_CODES, code)
    ? DEFINITION_CODES[code as keyof typeof DEFINITION_CODES]
    : 'The status of the sync says what is wrong and how to mend it.';

/** A path of a definition without names that its author chose freely (keys of a lookup table are values). */
export const plainPath = (path: string): string =>
  (/^[A-Za-z0-9_.[\]]*(?=$|\[")/.exec(path)?.[0] ?? '').replace(/\.lookup\b.*/, '.lookup');

const KINDS = { rejected: 'rejected', invalid: 'not sent', dead: 'given up' } as const;

const CHECK = 'check:';

function wordsOf(kind: FailureRecord['kind'], code: string): string {
  if (code.startsWith(CHECK)) return `the row does not pass the check "${code.slice(CHECK.length)}"`;
  if (code.startsWith(SQLSTATE)) return 'the database refused the row with this SQLSTATE';
  const known = { ...STAGE_CODES, ...ROW_CODES, ...DELIVERY_CODES }[code];
  return known ?? OTHER[kind];
}

const OTHER = {
  rejected: 'the destination refused the row for a reason of its own, which its failure record has',
  invalid: 'the row could not be mapped',
  dead: 'the batch of the row was given up',
} as const;

const SQLSTATE = 'sqlstate_';
const isDeliveryCode = (code: string): boolean =>
  Object.hasOwn(DELIVERY_CODES, code) || /^sqlstate_[0-9A-Z]{5}$/.test(code);

function isInvalidCode(code: string, { checks }: Sync): boolean {
  if (code.startsWith(CHECK)) return checks.some(({ name }) => `${CHECK}${name}` === code);
  return [ROW_CODES, STAGE_CODES, DELIVERY_CODES].some((codes) => Object.hasOwn(codes, code));
}

/** Codes that the engine and our own destinations give, in plain words. */
const DELIVERY_CODES: Readonly<Record<string, string>> = {
  rejected: 'the destination refused the row and gave no code',
  request_refused: 'the destination refused a request that held this row alone',
  no_answer: 'the destination never said what became of the row',
  unknown_outcome: 'a call was begun and its answer was lost, so nobody knows whether the row arrived',
  no_such_record: 'the destination has no such record, and the mode only updates',
  already_exists: 'the destination has such a record already, and the mode only inserts',
  match_missing: 'the field that names the record (matchOn) is empty',
  character_refused: 'the text holds a character that the destination cannot store',
  path_value_refused: 'the field that names the record cannot be part of an address',
  row_too_large: 'the row is larger than a request of the destination may be',
  stage_line_broken: 'the staged row could not be read',
  mapping_failed: 'the mapping failed on this row',
  crashed_loader: 'the row ended the loader again and again',
  dead_letter: 'the batch of the row could not be loaded',
};
