/**
 * The `http` destination: any URL. One request, one call: JSON rows out, one outcome per row back.
 * Page: docs/destinations/http.md. It does not retry, with one exception that the contract allows: a 401 renews an
 * OAuth token once.
 */
import { Fault } from '../core/fault.ts';
import { CONNECTIONS_MAX, REQUEST_ROWS_MAX } from '../core/limits.ts';
import type { Outcome } from '../core/outcomes.ts';
import type { Operation, Row } from '../core/row.ts';
import type { Context, Destination, HttpResponse, Idempotency, WriteRequest } from './destination.ts';
import { readAnswer, throwForStatus } from './http-answer.ts';
import { credentials, forgetToken, signatureHeader } from './http-auth.ts';
import { matchText, type RequestPlan, requestBody, requestPlan, requestUrl } from './http-request.ts';
import { type HttpSettings, type HttpTarget, httpSettingsSchema, httpTargetSchema } from './http-settings.ts';
import { scrubber } from './scrub.ts';

export const http: Destination<HttpSettings, HttpTarget> = {
  kind: 'calls',
  name: 'http',
  settings: httpSettingsSchema,
  target: httpTargetSchema,
  operations,
  limits: ({ requestBytesMax }) => ({
    requestRowsMax: REQUEST_ROWS_MAX,
    requestBytesMax,
    requestsInFlightMax: CONNECTIONS_MAX,
  }),
  check,
  write,
};

/** Without `operations` in the settings: all four; an insert can be repeated only where the server dedupes. */
function operations(settings: HttpSettings): Partial<Record<Operation, Idempotency>> {
  const given = Object.entries(settings.operations ?? {}).filter(([, value]) => value !== undefined);
  if (settings.operations !== undefined) return Object.fromEntries(given);
  return {
    insert: settings.dedupes ? 'keyed' : 'unsafe',
    update: 'idempotent',
    upsert: 'idempotent',
    delete: 'idempotent',
  };
}

async function write(
  ctx: Context<HttpSettings>,
  target: HttpTarget,
  request: WriteRequest,
): Promise<readonly Outcome[]> {
  const plan = requestPlan(target, request);
  const url = urlOf(ctx.settings, target, plan, request);
  if (url === undefined) return request.rows.map(pathRejection);
  const body = requestBody(target, plan.body, request.rows);
  const headers = {
    ...ctx.settings.headers,
    accept: 'application/json',
    [ctx.settings.idempotencyHeader.toLowerCase()]: request.idempotencyKey,
  };
  const { answer, sensitive } = await authorised(ctx, { method: plan.method, url, headers, body });
  return readAnswer(answer, request, {
    answers: target.answers ?? ctx.settings.answers,
    namesRecord: plan.namesRecord,
    dedupes: ctx.settings.dedupes,
    repeatable: operations(ctx.settings)[request.operation] !== 'unsafe',
    nowMs: ctx.clock.now(),
    scrub: scrubber(sensitive),
  });
}

function urlOf(
  settings: HttpSettings,
  target: HttpTarget,
  plan: RequestPlan,
  { rows, matchOn }: WriteRequest,
): string | undefined {
  const row = plan.namesRecord ? rows[0] : undefined;
  return requestUrl(
    settings,
    target,
    plan,
    row === undefined ? undefined : { key: row.key, match: matchText(row, matchOn) },
  );
}

function pathRejection({ key }: Row): Outcome {
  const reason = 'the value that names the record is empty or dots and cannot be part of a URL';
  return { key, is: 'rejected', code: 'path_value_refused', reason };
}

type Call = {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
};
type Exchange = { readonly answer: HttpResponse; readonly sensitive: readonly unknown[] };

/** One exchange; when it used an OAuth token and got a 401, one more with a new token. */
async function authorised(ctx: Context<HttpSettings>, call: Call): Promise<Exchange> {
  const first = await exchange(ctx, call);
  if (first.answer.status !== 401 || !forgetToken(ctx, first.token)) return first;
  const second = await exchange(ctx, call);
  if (second.answer.status === 401) forgetToken(ctx, second.token);
  return second;
}

async function exchange(
  ctx: Context<HttpSettings>,
  { method, url, headers, body }: Call,
): Promise<Exchange & { token?: string }> {
  const proof = await credentials(ctx);
  const signature = await signatureHeader(ctx, body ?? '');
  const answer = await ctx.http.send(
    {
      method,
      url,
      headers: {
        ...headers,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...signature,
        ...proof.headers,
      },
      ...(body === undefined ? {} : { body }),
      timeoutMs: ctx.settings.timeoutMs,
    },
    ctx.signal,
  );
  const usesSecret = ctx.settings.auth.by !== 'none' || ctx.settings.signature !== undefined;
  const secret = usesSecret ? Object.values(await ctx.secret()) : [];
  const sensitive = [...secret, ...Object.values(proof.headers)];
  return proof.token === undefined ? { answer, sensitive } : { answer, sensitive, token: proof.token };
}

/** Proves address, TLS and credentials by a read-only call: GET of `check.path`, or HEAD of the URL. */
async function check(ctx: Context<HttpSettings>, target: HttpTarget): Promise<void> {
  const { url, check: own } = ctx.settings;
  requestUrl(ctx.settings, target, { path: target.path ?? '{object}' }, { key: 'key', match: 'match' });
  const address = own === undefined ? url : requestUrl(ctx.settings, target, own);
  if (address === undefined) throw new Fault('bug', 'unexpected_path', 'a check path asked for a row');
  const call = { method: own === undefined ? 'HEAD' : 'GET', url: address, headers: {}, body: undefined };
  const { answer } = await authorised(ctx, call);
  const { status } = answer;
  // A URL that only takes POST below it may answer HEAD by any 4xx; what counts is that it knows us.
  if (own === undefined && status >= 400 && status < 500 && ![401, 403, 407, 429].includes(status)) return;
  throwForCheck(answer, ctx.clock.now());
}

function throwForCheck(answer: HttpResponse, nowMs: number): void {
  try {
    throwForStatus(answer, { what: 'the check', nowMs });
  } catch (error) {
    if (!(error instanceof Fault) || error.kind !== 'row') throw error;
    throw new Fault('config', 'check_refused', error.message, {
      remedy: "Give a path that answers 2xx to GET as `check.path` in the account's settings.",
      cause: error,
    });
  }
}
