/**
 * What a destination is: a value. The engine owns batching, pacing, retry, memory and deadlines; a destination
 * maps one request's worth of rows to one call and answers for every key.
 *
 * Rules of the contract, each a test in `test/destinations/contract.ts`:
 * - one outcome per key, in any order, identity by key and never by position; silence is deferred, never success;
 * - a refusal that names no row throws Fault('row', 'request_refused'), and the engine halves the request;
 * - too fast is Fault('transient', 'throttled', ..., { retryAfterMs }); credentials refused is
 *   Fault('config', 'auth_refused'); transport faults and 5xx are transient;
 * - a destination does not sleep, retry, batch, pace, remember, or read the environment;
 * - when `ctx.signal` aborts, its sockets are destroyed before `write` rejects.
 */
import type { ZodType } from 'zod';
import type { Outcome } from '../core/outcomes.ts';
import type { Operation, Row } from '../core/row.ts';

/** A: `idempotent`, natural upsert or delete by external id. B: `keyed`, the server dedupes by our key. C: `unsafe`. */
export type Idempotency = 'idempotent' | 'keyed' | 'unsafe';

/** What no account's own `requestRowsMax` and `requestsInFlight` may exceed; synth refuses one that does. */
export type DestinationLimits = {
  readonly requestRowsMax: number;
  readonly requestBytesMax: number;
  readonly requestsInFlightMax: number;
};

/** `ms`: how long a call that was given up may still take effect at the most. `by`: the setting that says so. */
export type Lingering = { readonly ms: number; readonly by: string };

export type Context<Settings> = {
  readonly settings: Settings;
  /** The account's secret, parsed JSON object; cached by the engine, fetched again after `auth_refused`. */
  secret(): Promise<Readonly<Record<string, unknown>>>;
  /** Something costly kept between calls of one account in one environment: a pool, a token. */
  keep<T>(name: string, open: () => T): T;
  /** Guarded HTTP: the only way out for destinations whose wire is HTTP. */
  readonly http: HttpClient;
  /** Refuses hosts that the account's settings do not list and that are not public. For wires that are not HTTP. */
  readonly network: NetworkGuard;
  readonly clock: { now(): number };
  readonly signal: AbortSignal;
};

export type NetworkGuard = {
  /**
   * The address to connect to, resolved and checked once; a `config` Fault (`address_refused`) otherwise.
   * `listed`: the account's settings list this exact host and port, so a plain wire is permitted.
   */
  resolve(
    host: string,
    port: number,
  ): Promise<{ readonly address: string; readonly family: 4 | 6; readonly listed?: boolean }>;
};

export type HttpRequest = {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly timeoutMs: number;
};
export type HttpResponse = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** At most RESPONSE_BYTES_MAX. */
  readonly body: string;
};
/** No redirects, no cookies, guarded addresses; throws transient Faults for transport errors. */
export type HttpClient = { send(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> };

export type WriteRequest = {
  readonly operation: Operation;
  /** The destination field that names a record. */
  readonly matchOn: string;
  readonly rows: readonly Row[];
  /** The same for a repeat of the same rows: derived from (sync, epoch, batch, offset, rows). */
  readonly idempotencyKey: string;
};

export type Destination<Settings = unknown, Target = unknown> = {
  readonly kind: 'calls';
  readonly name: string;
  /** The account, from the environment's settings: host, options. Never a secret. */
  readonly settings: ZodType<Settings>;
  /** The place in it: `{ object, ...options }` of a definition's destination. */
  readonly target: ZodType<Target>;
  /** Only the operations that it supports. `settings` may widen or narrow them. */
  operations(settings: Settings): Partial<Record<Operation, Idempotency>>;
  limits(settings: Settings): DestinationLimits;
  /**
   * Where the account's settings bound it; synth refuses what is longer than the environment's `timing.lingerMs`. Without it only
   * who runs the other end can say, and `timing.lingerMs` must hold for it too.
   */
  lingering?(settings: Settings): Lingering;
  /** Read-only proof that settings, secret and target work; throws a Fault that says what does not. */
  check(ctx: Context<Settings>, target: Target): Promise<void>;
  /** The fields it accepts, where it can tell. */
  describe?(ctx: Context<Settings>, target: Target): Promise<readonly TargetField[]>;
  write(ctx: Context<Settings>, target: Target, request: WriteRequest): Promise<readonly Outcome[]>;
};

export type TargetField = { readonly name: string; readonly type: string; readonly required: boolean };

/** The second contract: a bulk API that takes rows as a job and answers for them later. */
export type JobDestination<Settings = unknown, Target = unknown> = Omit<
  Destination<Settings, Target>,
  'kind' | 'write'
> & {
  readonly kind: 'jobs';
  submit(ctx: Context<Settings>, target: Target, request: WriteRequest): Promise<{ readonly jobId: string }>;
  poll(
    ctx: Context<Settings>,
    target: Target,
    job: { readonly jobId: string; readonly request: WriteRequest },
  ): Promise<
    | { readonly done: false; readonly waitMs: number }
    | { readonly done: true; readonly outcomes: readonly Outcome[] }
  >;
};

// biome-ignore lint/suspicious/noExplicitAny: a registry holds destinations of every settings and target type
export type AnyDestination = Destination<any, any> | JobDestination<any, any>;
