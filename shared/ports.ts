/**
 * Every interface that the use cases need from outside. `shared/aws` implements them for the cloud (and, pointed
 * at local endpoints, for the laptop); `test/memory` implements them in memory for tests and the simulator.
 *
 * A port method that cannot tell whether it took effect throws a transient Fault; the caller must be safe to
 * repeat it. Nothing here retries on its own, except what the SDK does within one call.
 */
import type { DefinitionFault } from './core/fault.ts';
import type { BatchMessage, Lane } from './core/message.ts';
import type { Metric } from './core/metrics.ts';
import type { ItemKey } from './core/names.ts';
import type { OperatorMessage } from './core/operator-message.ts';
import type { OwnerMessage } from './core/owner-message.ts';
import type { FailurePointer } from './core/run.ts';
import type { Column, ExtractionCounts, StageManifest } from './core/stage.ts';
import type { AcceptedDefinition, Schedule } from './core/sync.ts';
import type { AnyDestination, Context } from './destinations/destination.ts';

export type Ports = {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly state: StateStore;
  readonly objects: ObjectStore;
  readonly warehouse: Warehouse;
  readonly queue: Queue;
  readonly definitions: Definitions;
  readonly schedules: Schedules;
  readonly events: Events;
  readonly telemetry: Telemetry;
  readonly settings: StageSettings;
};

/** What a loader has: the warehouse, schedules and definitions are out of its reach. */
export type LoaderPorts = Pick<
  Ports,
  'clock' | 'ids' | 'state' | 'objects' | 'events' | 'telemetry' | 'settings'
> & {
  readonly account: AccountSettings;
  readonly destination: BoundDestination;
};

/** A registered destination with this account's settings, secret and guarded network built in. */
export type BoundDestination = {
  readonly destination: AnyDestination;
  /** The context for one call; `signal` destroys its sockets. */
  context(signal: AbortSignal): Context<unknown>;
  /** Forget the cached secret: it was refused. At most one fetch per refusal. */
  forgetSecret(): void;
};

export type Clock = {
  /** Epoch milliseconds. */
  now(): number;
  /** Resolves after `ms`; rejects at once with the signal's reason when it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
};

export type Ids = {
  /** A short random id, [a-z0-9], unique enough for object names and owners. */
  next(): string;
  /** Uniform in [0, 1): jitter only. */
  random(): number;
};

/** What a stage's settings say to the engine; all times in milliseconds. */
export type StageSettings = {
  readonly environment: string;
  /** Loader's hard timeout + longest linger at a destination + 2 x clock skew. */
  readonly graceMs: number;
  /** How long start-run and fan-out are believed to be at work. */
  readonly extractorLeaseMs: number;
  readonly loaderTimeoutMs: number;
  readonly runStallMs: number;
  readonly breakerOpenMs: number;
  /** How rows leave the warehouse. */
  readonly extraction: 'unload' | 'pages';
  readonly accounts: Readonly<Record<string, AccountSettings>>;
  /** Columns that hold personal data wherever they occur; absent: none. */
  readonly personalColumns?: readonly string[];
};

/** What the engine knows about a destination account without its secret. */
export type AccountSettings = {
  readonly name: string;
  /** Registered destination: `http`, `postgres`, ... */
  readonly destination: string;
  /** At most `requests` per `perMs`, shared by all loaders of the account. */
  readonly rate: { readonly requests: number; readonly perMs: number };
  readonly requestRowsMax: number;
  readonly requestsInFlight: number;
};

// ---------------------------------------------------------------- state

export type Attribute =
  | string
  | number
  | boolean
  | null
  | readonly Attribute[]
  | { readonly [name: string]: Attribute };
export type Item = Readonly<Record<string, Attribute>>;

/** All conditions of an update must hold; a missing attribute satisfies only `absent` and `!=`. */
export type Condition =
  | { readonly attribute: string; readonly is: 'absent' | 'present' }
  | { readonly attribute: string; readonly is: '=' | '!='; readonly value: string | number | boolean }
  | { readonly attribute: string; readonly is: '<' | '<=' | '>' | '>='; readonly value: number | string }
  | { readonly any: readonly Condition[] };

export type Update = {
  readonly when?: readonly Condition[];
  readonly set?: Item;
  /** `if_not_exists`: the first writer wins. */
  readonly setIfAbsent?: Item;
  /** Adds to a number that must exist (guard it with a condition). */
  readonly add?: Readonly<Record<string, number>>;
  readonly remove?: readonly string[];
};

/** Decisions rest on strongly consistent reads and conditional writes only. */
export type StateStore = {
  read(key: ItemKey): Promise<Item | undefined>;
  /** Creates the item if the conditions allow it. `item` is the item after the write, or, refused, as it is. */
  update(
    key: ItemKey,
    update: Update,
  ): Promise<
    | { readonly applied: true; readonly item: Item }
    | { readonly applied: false; readonly item: Item | undefined }
  >;
  /** All items of a partition in sort order, strongly consistent; each carries its key as `partition`, `sort`. */
  list(partition: string): AsyncIterable<Item & { readonly partition: string; readonly sort: string }>;
};

// ---------------------------------------------------------------- objects

/** The staging bucket. Objects are written once and never changed. */
export type ObjectStore = {
  put(key: string, body: string | Uint8Array): Promise<void>;
  /** Undefined when there is no such object. Only for small objects (manifests, definitions). */
  get(key: string): Promise<string | undefined>;
  /** Bytes [from, to) of an object, streamed; `to` beyond the end is allowed. */
  range(key: string, from: number, to: number, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  list(prefix: string): AsyncIterable<{ readonly key: string; readonly bytes: number }>;
  /** Lets an object expire that nothing points to any more. Once or again, there or not: it changes nothing else. */
  supersede(key: string): Promise<void>;
  /** `s3://bucket/key`, as manifests name it. */
  url(key: string): string;
  /** The inverse of `url`; throws a `bug` Fault for a foreign bucket. */
  keyOf(url: string): string;
};

// ---------------------------------------------------------------- warehouse

export type ExtractionRequest = {
  readonly definition: AcceptedDefinition;
  readonly epoch: number;
  readonly columns: readonly Column[];
  readonly watermark: string | null;
  readonly snapshotEpoch: number;
  readonly failures: FailurePointer | null;
  readonly dirty: readonly number[];
};

export type StatementStatus = {
  readonly state: 'running' | 'finished' | 'failed' | 'aborted' | 'unknown';
  readonly code?: string;
  readonly reason?: string;
};

export type Warehouse = {
  /** Columns of the model, without reading rows. `config` Fault when the SQL fails. */
  describe(sql: string): Promise<readonly Column[]>;
  /** Starts the extraction of one epoch, idempotent by (sync, epoch): a repeat gives the same statement. */
  submit(request: ExtractionRequest): Promise<{ readonly statementId: string }>;
  status(statementId: string): Promise<StatementStatus>;
  /** The counts of a finished extraction. */
  counts(statementId: string, request: ExtractionRequest): Promise<ExtractionCounts>;
  /**
   * Brings the stage and the carried records into the staging bucket and returns their manifests: reads what
   * UNLOAD left, or pages the results and writes the same layout. Safe to repeat; `progress` after each page.
   */
  stage(
    statementId: string,
    request: ExtractionRequest,
    counts: ExtractionCounts,
    signal: AbortSignal,
  ): Promise<{ readonly stage: StageManifest; readonly carried: StageManifest }>;
  cancel(statementId: string): Promise<void>;
  /**
   * Drops what the engine keeps in the warehouse for a sync that was deleted, idempotent by (sync, epoch): the sync's last
   * epoch, so a late repeat never drops what a sync of the same name has made since. A transient Fault while it goes on.
   */
  forget(syncId: string, epoch: number): Promise<void>;
};

/** What a run needs of the warehouse, tried without one. Each method throws the Fault that a run would meet. */
export type WarehouseProbe = {
  /** Submits, watches, reads and cancels one statement; who the engine is there, and its time limit (0: none). */
  identity(): Promise<{ readonly user: string; readonly statementTimeoutMs: number }>;
  /** Makes and drops a temporary table. */
  temporaryTables(): Promise<void>;
  /** Makes and drops a table in the engine's own schema. */
  engineSchema(probeId: string): Promise<void>;
  /** Unloads one row into the staging bucket and reads its manifest; false when rows are paged. */
  unload(probeId: string): Promise<boolean>;
  /** Loads what `unload` left. */
  copy(probeId: string): Promise<void>;
};

// ---------------------------------------------------------------- queue, definitions, events, telemetry

export type Queue = {
  /** Sends to the account's lane, at most ten a call inside; returns the messages that were not taken. */
  send(account: string, lane: Lane, messages: readonly BatchMessage[]): Promise<readonly BatchMessage[]>;
};

export type Definitions = {
  /** The last good version, or undefined when the sync has none or is deleted. */
  accepted(syncId: string): Promise<AcceptedDefinition | undefined>;
  /** The item as people wrote it (untrusted, any shape, also what JSON has no form for), or undefined when it was deleted. */
  written(syncId: string): Promise<Readonly<Record<string, unknown>> | undefined>;
  /** Replaces the accepted version; refused (false) when another writer has stored a higher version. */
  accept(syncId: string, accepted: AcceptedDefinition): Promise<boolean>;
  forget(syncId: string): Promise<void>;
  /** The status item beside the definition: where the author sees why it was refused. */
  setStatus(syncId: string, status: DefinitionStatus): Promise<void>;
  status(syncId: string): Promise<DefinitionStatus | undefined>;
};

export type DefinitionStatus = {
  readonly state: 'accepted' | 'refused' | 'deleted';
  /** The version that runs now; 0 when none does. */
  readonly version: number;
  /** Epoch milliseconds. */
  readonly at: number;
  /** Fingerprint of the written item that this answers. */
  readonly answers: string;
  readonly faults: readonly DefinitionFault[];
};

/** One schedule per sync in the environment's schedule group; always written whole. */
export type Schedules = {
  put(syncId: string, schedule: Schedule, enabled: boolean): Promise<void>;
  /** No error when there is none. */
  remove(syncId: string): Promise<void>;
};

/** What the engine tells the world; ids travel here, never in metric dimensions. No row values, ever. */
export type EngineEvent = {
  readonly type:
    | 'Run Settled'
    | 'Run Committed'
    | 'Run Held'
    | 'Run Fenced'
    | 'Run Failed'
    | 'Run Discarded'
    | 'Sync Paused'
    | 'Sync Resumed'
    | 'Breaker Opened'
    | 'Breaker Closed'
    | 'Definition Accepted'
    | 'Definition Refused'
    | 'Attention Changed'
    | 'Operator Asked'
    | 'Operator Answered';
  readonly detail: Readonly<Record<string, Attribute>>;
};
export type Events = { publish(event: EngineEvent): Promise<void> };

export type Telemetry = {
  /** Fields are ids, codes, counts and times only. */
  log(
    level: 'debug' | 'info' | 'warn' | 'error',
    code: string,
    fields: Readonly<Record<string, Attribute>>,
  ): void;
  /** A metric of the environment; `account` counts only where the metric is kept by account. */
  count(metric: Metric, value: number, account?: string): void;
};

/** Where whoever runs the environment listens: the topic of its alarms. */
export type OperatorTopic = { publish(message: OperatorMessage): Promise<void> };

/** Where owners of syncs listen, each by a filter on the attribute `owner`. */
export type OwnerTopic = { publish(message: OwnerMessage): Promise<void> };

/** The audit bucket: what was written once is never changed. */
export type AuditLog = {
  /** `there`: somebody, or an earlier try, has written it before; what is there stays. */
  put(key: string, body: string): Promise<'written' | 'there'>;
  /** Names of objects under a prefix that come after the given one, in order. */
  names(prefix: string, after: string): AsyncIterable<string>;
};
