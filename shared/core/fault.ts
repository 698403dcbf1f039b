/**
 * The one error class. Its kind is the policy: who acts, and whether the same call may be tried again.
 *
 * - `config`: the owner of the sync (or of the environment) acts; the run stops.
 * - `transient`: nobody acts; wait and try again.
 * - `row`: the owner of the data acts; thrown by a destination it means "this request was refused and the
 *   refusal names no row", and the engine halves the request until the bad row is alone.
 * - `bug`: we act; keep everything, page someone.
 *
 * A message names the value, the limit and the remedy. It never carries a payload or a secret.
 */
export class Fault extends Error {
  readonly kind: FaultKind;
  /** Stable, documented, snake_case. */
  readonly code: string;
  /** What to do about it, one sentence. */
  readonly remedy: string | undefined;
  /** Where in the input: `destination.matchOn`, `fields[2].as.decimal`. */
  readonly path: string | undefined;
  /** How long the other side asked us to wait. */
  readonly retryAfterMs: number | undefined;

  constructor(kind: FaultKind, code: string, message: string, details: FaultDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'Fault';
    this.kind = kind;
    this.code = code;
    this.remedy = details.remedy;
    this.path = details.path;
    this.retryAfterMs = details.retryAfterMs;
  }
}

export type FaultKind = 'config' | 'transient' | 'row' | 'bug';

export type FaultDetails = {
  readonly remedy?: string;
  readonly path?: string;
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
};

/**
 * The codes that the engine's delivery tells apart; every other transient code counts as a transport fault.
 *
 * - `throttled` (transient): the destination said "too fast"; moves the account's budget, never trips the breaker.
 * - `auth_refused` (config): credentials refused; counts towards the breaker.
 * - `request_refused` (row): the whole request refused, no row named; the engine halves it.
 */
export const THROTTLED = 'throttled';
export const AUTH_REFUSED = 'auth_refused';
export const REQUEST_REFUSED = 'request_refused';

/** Anything thrown, as a Fault: an unknown error is a `bug`, never quietly transient. */
export function asFault(error: unknown): Fault {
  if (error instanceof Fault) return error;
  const name = error instanceof Error ? error.name : typeof error;
  return new Fault('bug', 'unexpected_error', `unexpected ${name}`, { cause: error });
}

/** One thing that is wrong with a definition, as its author reads it. */
export type DefinitionFault = {
  /** `fields[2].as.decimal` */
  readonly path: string;
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
};
