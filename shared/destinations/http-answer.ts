/**
 * What an answer of the `http` destination means: for each row where the body names rows, for the whole request
 * otherwise. The convention, as docs/destinations/http.md tells it to whoever writes the receiving side:
 *
 *   2xx, no results in the body   all accepted (`answers: status`), or all deferred (`answers: rows`, and 207)
 *   { results: [{ key, status, code?, reason?, retryAfterMs? }] }   by key; a row that is not named is deferred
 *   { failed: [{ key or index, error or reason, code? }] }          these rejected; on 2xx all others accepted
 *   { ok: false } or { success: false }, a body that cannot be read   all deferred, whatever the status line says
 *   4xx with results or failed    by row; a row that is not named is deferred
 *
 * "Deferred" for want of a word about the row holds where a repeat is safe; elsewhere such a row gets no outcome.
 * Bodies are never echoed; a row's own reason is, shortened, for the owner of the data.
 */
import { AUTH_REFUSED, Fault, REQUEST_REFUSED, THROTTLED } from '../core/fault.ts';
import { REASON_CHARACTERS_MAX } from '../core/limits.ts';
import type { Outcome } from '../core/outcomes.ts';
import type { Row } from '../core/row.ts';
import type { HttpResponse, WriteRequest } from './destination.ts';
import { retryAfterMs, waitMs } from './retry-after.ts';

export type AnswerRules = {
  readonly answers: 'status' | 'rows';
  /** The URL names one record, so 404 and 410 are about that record. */
  readonly namesRecord: boolean;
  /** The server remembers idempotency keys, and answers 409 while the first call with one is at work. */
  readonly dedupes: boolean;
  /**
   * The operation may be sent again. Where not, a row that the answer leaves open has no outcome: "deferred" would
   * say that it was not taken, and it would be sent twice.
   */
  readonly repeatable: boolean;
  readonly nowMs: number;
  /** Takes known secrets out of a text. */
  readonly scrub: (text: string) => string;
};

/**
 * One outcome per row; none for a row that is left open where a repeat is not safe. Throws the Faults of `throwForStatus` for an answer that is about the request and not about
 * rows.
 */
export function readAnswer(
  answer: HttpResponse,
  request: WriteRequest,
  rules: AnswerRules,
): readonly Outcome[] {
  const { rows, operation } = request;
  const { status } = answer;
  const taken = status >= 200 && status < 300;
  const body = taken || status === 400 || status === 409 || status === 422 ? parsedBody(answer) : undefined;
  const byRow = namedRows(body, rows, taken && status !== 207, rules);
  if (byRow !== undefined) return byRow;
  if (taken) return wholeRequest(body, rows, { ...rules, answers: status === 207 ? 'rows' : rules.answers });
  if (rules.namesRecord && (status === 404 || status === 410)) {
    // A record that is gone already is what a delete asks for; a repeat of it must not fail.
    return operation === 'delete' ? all(rows, accepted) : all(rows, noSuchRecord);
  }
  // An insert's conflict is a record that exists; any other, and one where the server dedupes, is worth a wait.
  if (status === 409 && (operation !== 'insert' || rules.dedupes)) {
    const wait = retryAfterMs(answer.headers['retry-after'], rules.nowMs);
    return all(rows, (key) => deferred(key, 'conflict', wait));
  }
  throwForStatus(answer, { what: 'the destination', nowMs: rules.nowMs, body, scrub: rules.scrub });
  throw new Fault('transient', 'answer_unreadable', `the destination answered with status ${status}`);
}

/** Throws the Fault that a status outside 2xx means for a whole request; returns for 2xx. */
export function throwForStatus(
  answer: HttpResponse,
  about: { what: string; nowMs: number; body?: unknown; scrub?: (text: string) => string },
): void {
  const { status, headers } = answer;
  if (status >= 200 && status < 300) return;
  const retryAfter = retryAfterMs(headers['retry-after'], about.nowMs);
  const wait = retryAfter === undefined ? {} : { retryAfterMs: retryAfter };
  const answered = `${about.what} answered ${status}`;
  if (status === 429 || status === 529 || (status === 503 && retryAfter !== undefined)) {
    throw new Fault('transient', THROTTLED, `${answered}: too fast`, wait);
  }
  if (status >= 500 && status !== 501 && status !== 505) {
    throw new Fault('transient', 'server_error', answered, wait);
  }
  if (status === 408 || status === 425) throw new Fault('transient', 'try_again', answered, wait);
  if (status === 401 || status === 403) {
    throw new Fault('config', AUTH_REFUSED, `${answered}: credentials refused`, {
      remedy: "Check the account's secret, and what its user may do.",
    });
  }
  if (CONFIG_STATUSES.has(status)) {
    throw new Fault('config', 'endpoint_refused', `${answered}: this URL or method is not served`, {
      remedy: "Check `url` in the account's settings, and `path` and `method` in the definition's options.",
    });
  }
  const code = errorCode(about.body, about.scrub);
  throw new Fault('row', REQUEST_REFUSED, code === undefined ? answered : `${answered} (${code})`);
}

/** Not found, method not allowed, proxy, gone, not implemented, version: nobody's row is at fault. */
const CONFIG_STATUSES: ReadonlySet<number> = new Set([404, 405, 407, 410, 501, 505]);

// ---------------------------------------------------------------- bodies

const UNREADABLE = Symbol('unreadable');

/** The JSON value, undefined for an empty body or one that is not JSON, UNREADABLE for broken JSON. */
function parsedBody({ headers, body }: HttpResponse): unknown {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') return UNREADABLE;
  const text = body.trim();
  if (text === '') return undefined;
  const says = /[/+]json\b/i.test(headers['content-type'] ?? '');
  if (!says && !text.startsWith('{') && !text.startsWith('[')) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return UNREADABLE;
  }
}

type Members = Readonly<Record<string, unknown>>;
const isMembers = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function wholeRequest(body: unknown, rows: readonly Row[], rules: AnswerRules): readonly Outcome[] {
  if (body === UNREADABLE) return all(rows, (key) => open(key, 'the answer cannot be read', rules));
  if (isMembers(body) && (body.ok === false || body.success === false)) {
    return all(rows, (key) => deferred(key, 'the answer says that it failed'));
  }
  return all(rows, rules.answers === 'rows' ? (key) => open(key, NOT_NAMED, rules) : accepted);
}

/** Outcomes from `results` or `failed`; undefined when the body has neither. */
function namedRows(
  body: unknown,
  rows: readonly Row[],
  othersAccepted: boolean,
  rules: AnswerRules,
): readonly Outcome[] | undefined {
  if (!isMembers(body)) return undefined;
  const { results, failed } = body;
  if (Array.isArray(results)) {
    const named = byKey(
      results.map((entry) => resultOutcome(entry, rules)),
      rules,
    );
    return all(rows, (key) => (named.has(key) ? named.get(key) : open(key, NOT_NAMED, rules)));
  }
  if (!Array.isArray(failed)) return undefined;
  const rejections = failed.map((entry) => failedOutcome(entry, rows, rules));
  const named = byKey(rejections, rules);
  const known = new Set(rows.map(({ key }) => key));
  // A failure that cannot be matched to a row could be any row's: then no other row is known to be taken.
  const allMatched = rejections.every((outcome) => outcome !== undefined && known.has(outcome.key));
  const rest = othersAccepted && allMatched ? accepted : (key: string) => open(key, NOT_NAMED, rules);
  return all(rows, (key) => (named.has(key) ? named.get(key) : rest(key)));
}

/** A key that is named twice with different outcomes is left open. */
function byKey(
  outcomes: readonly (Outcome | undefined)[],
  rules: AnswerRules,
): ReadonlyMap<string, Outcome | undefined> {
  const named = new Map<string, Outcome | undefined>();
  for (const outcome of outcomes) {
    if (outcome === undefined) continue;
    const { key, is } = outcome;
    const same = !named.has(key) || named.get(key)?.is === is;
    named.set(key, same ? outcome : open(key, 'the answer contradicts itself', rules));
  }
  return named;
}

function resultOutcome(entry: unknown, rules: AnswerRules): Outcome | undefined {
  if (!isMembers(entry)) return undefined;
  const key = keyText(entry.key);
  if (key === undefined) return undefined;
  if (entry.status === 'accepted') return accepted(key);
  if (entry.status === 'rejected') return rejected(key, entry, rules);
  const isSaid = entry.status === 'deferred' || rules.repeatable;
  return isSaid ? deferred(key, reasonText(entry, rules), waitMs(entry.retryAfterMs)) : undefined;
}

function failedOutcome(entry: unknown, rows: readonly Row[], rules: AnswerRules): Outcome | undefined {
  if (!isMembers(entry)) return undefined;
  const { index } = entry;
  const named = keyText(entry.key);
  const key = named ?? (typeof index === 'number' && Number.isInteger(index) ? rows[index]?.key : undefined);
  return key === undefined ? undefined : rejected(key, entry, rules);
}

/** A number that JSON cannot have changed is taken for the text that we sent. */
function keyText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return Number.isSafeInteger(value) ? String(value) : undefined;
}

const all = (rows: readonly Row[], outcome: (key: string) => Outcome | undefined): readonly Outcome[] =>
  rows.flatMap(({ key }) => outcome(key) ?? []);
const accepted = (key: string): Outcome => ({ key, is: 'accepted' });
const NOT_NAMED = 'the answer does not name this row';
/** Nobody knows whether the row was taken. */
const open = (key: string, reason: string, { repeatable }: AnswerRules): Outcome | undefined =>
  repeatable ? deferred(key, reason) : undefined;
const noSuchRecord = (key: string): Outcome => ({
  key,
  is: 'rejected',
  code: 'no_such_record',
  reason: 'the destination has no record of this name',
});
const deferred = (key: string, reason: string, wait?: number): Outcome =>
  wait === undefined ? { key, is: 'deferred', reason } : { key, is: 'deferred', reason, waitMs: wait };

function rejected(key: string, entry: Members, rules: AnswerRules): Outcome {
  const { error } = entry;
  const own = codeText(entry.code) ?? (isMembers(error) ? codeText(error.code) : undefined);
  const code = own === undefined ? 'rejected' : rules.scrub(own);
  return { key, is: 'rejected', code, reason: reasonText(entry, rules) };
}

/** `reason`, `error`, `error.message` or `message`, whichever is text first; one line, shortened. */
function reasonText(entry: Members, rules: AnswerRules): string {
  const { reason, error, message } = entry;
  const texts = [reason, error, isMembers(error) ? error.message : undefined, message];
  const text = texts.find((candidate) => typeof candidate === 'string' && candidate !== '');
  if (typeof text !== 'string') return 'the destination gave no reason';
  return shortened(rules.scrub(text));
}

function shortened(text: string): string {
  const line = text.toWellFormed().replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ');
  const points = Array.from(line);
  return points.length > REASON_CHARACTERS_MAX
    ? `${points.slice(0, REASON_CHARACTERS_MAX - 1).join('')}…`
    : line;
}

const CODE = /^[A-Za-z0-9_.:-]{1,64}$/;
const codeText = (value: unknown): string | undefined =>
  typeof value === 'string' && CODE.test(value) ? value : undefined;

/** A refusal's short code, if the body has one in a usual place; never any other part of the body. */
function errorCode(body: unknown, scrub: (text: string) => string = () => ''): string | undefined {
  if (!isMembers(body)) return undefined;
  const { code, error } = body;
  const found = codeText(code) ?? codeText(error) ?? (isMembers(error) ? codeText(error.code) : undefined);
  return found === undefined ? undefined : scrub(found);
}
