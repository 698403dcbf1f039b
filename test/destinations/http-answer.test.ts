/** What answers mean: docs/destinations/http.md as a table. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../../shared/core/fault.ts';
import type { Outcome } from '../../shared/core/outcomes.ts';
import type { Operation } from '../../shared/core/row.ts';
import { type AnswerRules, readAnswer } from '../../shared/destinations/http-answer.ts';

const ROWS = ['a', 'b', 'c'].map((key) => ({ key, fields: {} }));
const RULES: AnswerRules = {
  answers: 'status',
  namesRecord: false,
  dedupes: false,
  repeatable: true,
  nowMs: 0,
  scrub: (text) => text,
};

type Given = {
  readonly status: number;
  readonly body?: unknown;
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly operation?: Operation;
  readonly rules?: Partial<AnswerRules>;
};

function read({ status, body, text, headers = {}, operation = 'upsert', rules }: Given): readonly Outcome[] {
  const answer = { status, headers, body: text ?? (body === undefined ? '' : JSON.stringify(body)) };
  const request = { operation, matchOn: 'id', rows: ROWS, idempotencyKey: 'k' };
  return readAnswer(answer, request, { ...RULES, ...rules });
}

/** `a+ b- c?`: accepted, rejected, deferred. */
const short = (outcomes: readonly Outcome[]): string =>
  outcomes.map(({ key, is }) => `${key}${{ accepted: '+', rejected: '-', deferred: '?' }[is]}`).join(' ');

const rows = { answers: 'rows' } as const;
const OUTCOMES: readonly [string, Given, string][] = [
  ['2xx without a body', { status: 204 }, 'a+ b+ c+'],
  ['2xx with text', { status: 200, text: 'ok' }, 'a+ b+ c+'],
  ['2xx with JSON that names nothing', { status: 200, body: { id: 7 } }, 'a+ b+ c+'],
  ['202', { status: 202 }, 'a+ b+ c+'],
  ['silence where rows are promised', { status: 200, rules: rows }, 'a? b? c?'],
  ['other JSON where rows are promised', { status: 200, body: { id: 7 }, rules: rows }, 'a? b? c?'],
  ['207 without rows', { status: 207, body: {} }, 'a? b? c?'],
  ['broken JSON', { status: 200, text: '{"results":[{"key":"a"' }, 'a? b? c?'],
  [
    'an empty promise of JSON',
    { status: 200, text: 'x', headers: { 'content-type': 'application/json' } },
    'a? b? c?',
  ],
  ['a packed answer', { status: 200, text: 'x', headers: { 'content-encoding': 'gzip' } }, 'a? b? c?'],
  ['200 that says ok: false', { status: 200, body: { ok: false } }, 'a? b? c?'],
  ['200 that says success: false', { status: 200, body: { success: false } }, 'a? b? c?'],
  [
    'results in another order',
    {
      status: 200,
      body: {
        results: [
          { key: 'c', status: 'accepted' },
          { key: 'a', status: 'rejected' },
        ],
      },
    },
    'a- b? c+',
  ],
  ['results that are empty', { status: 200, body: { results: [] } }, 'a? b? c?'],
  [
    'results with foreign keys',
    { status: 200, body: { results: [{ key: 'z', status: 'accepted' }] } },
    'a? b? c?',
  ],
  ['results of another shape', { status: 200, body: { results: [null, 1, 'a', ['a'], {}] } }, 'a? b? c?'],
  ['an unknown status', { status: 200, body: { results: [{ key: 'a', status: 'maybe' }] } }, 'a? b? c?'],
  [
    'a contradiction',
    {
      status: 200,
      body: {
        results: [
          { key: 'a', status: 'accepted' },
          { key: 'a', status: 'rejected' },
        ],
      },
    },
    'a? b? c?',
  ],
  ['207 with results', { status: 207, body: { results: [{ key: 'b', status: 'accepted' }] } }, 'a? b+ c?'],
  ['failed by key', { status: 200, body: { failed: [{ key: 'b', error: 'no' }] } }, 'a+ b- c+'],
  ['failed by index', { status: 200, body: { failed: [{ index: 2, error: 'no' }] } }, 'a+ b+ c-'],
  ['none failed, where rows are promised', { status: 200, body: { failed: [] }, rules: rows }, 'a+ b+ c+'],
  ['failed with an index beyond', { status: 200, body: { failed: [{ index: 3 }] } }, 'a? b? c?'],
  ['failed with a foreign key', { status: 200, body: { failed: [{ key: 'z' }, { key: 'a' }] } }, 'a- b? c?'],
  ['failed that names nothing', { status: 200, body: { failed: [{ error: 'no' }] } }, 'a? b? c?'],
  ['207 with failed', { status: 207, body: { failed: [{ key: 'a' }] } }, 'a- b? c?'],
  ['400 that names rows', { status: 400, body: { failed: [{ index: 0 }] } }, 'a- b? c?'],
  ['422 with results', { status: 422, body: { results: [{ key: 'b', status: 'accepted' }] } }, 'a? b+ c?'],
  ['409', { status: 409 }, 'a? b? c?'],
  [
    '409 to an insert where the server dedupes',
    { status: 409, operation: 'insert', rules: { dedupes: true } },
    'a? b? c?',
  ],
  ['404 of a record', { status: 404, rules: { namesRecord: true } }, 'a- b- c-'],
  [
    '404 of a record to delete',
    { status: 404, operation: 'delete', rules: { namesRecord: true } },
    'a+ b+ c+',
  ],
];

const FAULTS: readonly [Given, string, string, number | undefined][] = [
  [{ status: 400 }, 'row', 'request_refused', undefined],
  [{ status: 402 }, 'row', 'request_refused', undefined],
  [{ status: 406 }, 'row', 'request_refused', undefined],
  [{ status: 409, operation: 'insert' }, 'row', 'request_refused', undefined],
  [{ status: 413 }, 'row', 'request_refused', undefined],
  [{ status: 415 }, 'row', 'request_refused', undefined],
  [{ status: 422 }, 'row', 'request_refused', undefined],
  [{ status: 401 }, 'config', 'auth_refused', undefined],
  [{ status: 403 }, 'config', 'auth_refused', undefined],
  [{ status: 404 }, 'config', 'endpoint_refused', undefined],
  [{ status: 405 }, 'config', 'endpoint_refused', undefined],
  [{ status: 410 }, 'config', 'endpoint_refused', undefined],
  [{ status: 408 }, 'transient', 'try_again', undefined],
  [{ status: 425 }, 'transient', 'try_again', undefined],
  [{ status: 429 }, 'transient', 'throttled', undefined],
  [{ status: 429, headers: { 'retry-after': '7' } }, 'transient', 'throttled', 7000],
  [
    { status: 429, headers: { 'retry-after': 'Thu, 01 Jan 1970 00:00:09 GMT' } },
    'transient',
    'throttled',
    9000,
  ],
  [{ status: 429, headers: { 'retry-after': '9999999' } }, 'transient', 'throttled', 86_400_000],
  [{ status: 529 }, 'transient', 'throttled', undefined],
  [{ status: 503, headers: { 'retry-after': '3' } }, 'transient', 'throttled', 3000],
  [{ status: 503 }, 'transient', 'server_error', undefined],
  [{ status: 500 }, 'transient', 'server_error', undefined],
  [{ status: 502 }, 'transient', 'server_error', undefined],
  [{ status: 504 }, 'transient', 'server_error', undefined],
  [{ status: 501 }, 'config', 'endpoint_refused', undefined],
];

describe('an answer', () => {
  for (const [name, given, expected] of OUTCOMES) {
    test(`${name}: ${expected}`, () => assert.equal(short(read(given)), expected));
  }

  for (const [given, kind, code, retryAfter] of FAULTS) {
    test(`${given.status} ${given.operation ?? ''} ${given.headers?.['retry-after'] ?? ''} is ${kind} ${code}`, () => {
      assert.throws(
        () => read(given),
        (error) =>
          error instanceof Fault &&
          error.kind === kind &&
          error.code === code &&
          error.retryAfterMs === retryAfter,
      );
    });
  }
});

const UNSAFE: readonly [string, Given, string][] = [
  ['broken JSON', { status: 200, text: '{"results":[{"key":"a"' }, ''],
  ['silence where rows are promised', { status: 200, rules: { answers: 'rows', repeatable: false } }, ''],
  ['one row named', { status: 200, body: { results: [{ key: 'b', status: 'accepted' }] } }, 'b+'],
  ['an unknown status', { status: 200, body: { results: [{ key: 'a', status: 'maybe' }] } }, ''],
  ['a row put off', { status: 200, body: { results: [{ key: 'a', status: 'deferred' }] } }, 'a?'],
  [
    'a contradiction',
    {
      status: 200,
      body: { results: ['accepted', 'rejected', 'rejected'].map((status) => ({ key: 'a', status })) },
    },
    '',
  ],
  ['a failure of nobody', { status: 200, body: { failed: [{ error: 'no' }, { key: 'c' }] } }, 'c-'],
  ['400 that names one row', { status: 400, body: { failed: [{ key: 'b' }] } }, 'b-'],
  ['200 that says ok: false', { status: 200, body: { ok: false } }, 'a? b? c?'],
];

describe('where a repeat is not safe, only what the answer says is an outcome', () => {
  for (const [name, given, expected] of UNSAFE) {
    test(`${name}: ${expected}`, () => {
      const rules = { repeatable: false, ...given.rules };
      assert.equal(short(read({ ...given, operation: 'insert', rules })), expected);
    });
  }
});

test('reasons and codes of rows are told, shortened to one line', () => {
  const entries = [
    { key: 'a', status: 'rejected', code: 'bad_email', reason: 'no\r\nat\u2028sign' },
    { key: 'b', status: 'rejected', error: { code: 'E7', message: 'x'.repeat(9000) } },
    { key: 'c', status: 'deferred', reason: 'busy', retryAfterMs: 1500 },
  ];
  const [a, b, c] = read({ status: 200, body: { results: entries } });
  assert.deepEqual(a, { key: 'a', is: 'rejected', code: 'bad_email', reason: 'no at sign' });
  assert.deepEqual(b, { key: 'b', is: 'rejected', code: 'E7', reason: `${'x'.repeat(499)}…` });
  assert.deepEqual(c, { key: 'c', is: 'deferred', reason: 'busy', waitMs: 1500 });
});

test('a refusal tells its short code and nothing else of the body', () => {
  const messages = [
    { code: 'invalid_property', message: 'hidden' },
    { error: { code: 'E42', value: 'hidden' } },
    { error: 'hidden with spaces' },
    { hidden: 'hidden' },
  ].map((body) => {
    try {
      return short(read({ status: 422, body }));
    } catch (error) {
      return (error as Error).message;
    }
  });
  assert.deepEqual(
    messages,
    [
      'the destination answered 422',
      'the destination answered 422',
      'the destination answered 422',
      'the destination answered 422',
    ].map((text, index) => [`${text} (invalid_property)`, `${text} (E42)`, text, text][index]),
  );
});

test('any body: every row has one outcome, and none is accepted that the body does not vouch for', () => {
  const entry = fc.record({
    key: fc.constantFrom('a', 'b', 'z', 1),
    status: fc.constantFrom('accepted', 'rejected', 3),
  });
  fc.assert(
    fc.property(fc.array(fc.oneof(entry, fc.jsonValue())), (results) => {
      const outcomes = read({ status: 200, body: { results } });
      const vouched = new Set(results.flatMap((each) => (isAccepted(each) ? [each.key] : [])));
      return (
        outcomes.map(({ key }) => key).join() === 'a,b,c' &&
        outcomes.every(({ key, is }) => is !== 'accepted' || vouched.has(key))
      );
    }),
  );
});

const isAccepted = (each: unknown): each is { key: unknown } =>
  typeof each === 'object' &&
  each !== null &&
  'key' in each &&
  'status' in each &&
  each.status === 'accepted';
