/**
 * The statements that the Data API knows: submitted, started, and finished, failed or aborted. Execution is
 * asynchronous; a client token given twice gives the same statement; a statement `WithEvent` announces its end.
 *
 *   SUBMITTED --a place is free--> STARTED --> FINISHED | FAILED
 *   SUBMITTED or STARTED --cancel--> ABORTED
 */
import { randomUUID } from 'node:crypto';
import { asArray, type SubmitInput } from './data-api-input.ts';
import type { Database } from './database.ts';
import type { UnloadStore } from './object-store.ts';
import { dropPages } from './result-pages.ts';
import { runBatch, type SubStatement } from './run-batch.ts';
import type { Statement } from './statement.ts';
import { type StatementEvent, statementEvent } from './statement-event.ts';

export type Statements = {
  submit(input: SubmitInput): Statement;
  find(id: string): Statement | undefined;
  list(): readonly Statement[];
  cancel(statement: Statement): boolean;
  /** One that has ended and its results are gone, as after a day; its token is remembered. */
  vanish(id: string): void;
  /** Waits for running statements and drops their results. */
  close(): Promise<void>;
};

export type StatementSettings = {
  readonly database: Database;
  readonly store: UnloadStore;
  readonly scratch: string;
  onEvent(event: StatementEvent): void;
  /** Asked when a statement is about to run; a reason makes it fail as a warehouse out of reach does. */
  unreachable(): string | undefined;
};

/** A warehouse of this size runs a few at once and queues the others. */
const RUNNING_MAX = 4;
const INTERRUPT_MS = 20;
/** AWS keeps results a day; here the latest are kept. */
const KEPT_MAX = 400;

export function makeStatements(settings: StatementSettings): Statements {
  const known = new Map<string, Statement>();
  const byToken = new Map<string, Statement>();
  const waiting: (() => void)[] = [];
  let running = 0;

  const place = async (): Promise<void> => {
    if (running >= RUNNING_MAX) await new Promise<void>((resolve) => waiting.push(resolve));
    running += 1;
  };
  const leave = (): void => {
    running -= 1;
    waiting.shift()?.();
  };
  const run = async (statement: Statement): Promise<void> => {
    await place();
    try {
      await execute(statement, settings);
    } finally {
      leave();
      statement.updatedAt = Date.now();
      if (statement.input.WithEvent === true) settings.onEvent(statementEvent(statement));
    }
  };

  return {
    submit(input) {
      const before = input.ClientToken === undefined ? undefined : byToken.get(input.ClientToken);
      if (before !== undefined) return before;
      const { promise: ended, resolve } = Promise.withResolvers<void>();
      const statement = newStatement(input, ended);
      known.set(statement.id, statement);
      if (input.ClientToken !== undefined) byToken.set(input.ClientToken, statement);
      forgetOldest(known, byToken, settings.scratch);
      void run(statement).finally(resolve);
      return statement;
    },
    find: (id) => known.get(id.split(':')[0] ?? ''),
    list: () => [...known.values()].toReversed(),
    cancel: (statement) => cancel(statement),
    vanish(id) {
      const statement = known.get(id);
      if (statement === undefined || !isEnded(statement)) return;
      known.delete(id);
      dropResults(statement, settings.scratch);
    },
    async close() {
      for (const statement of known.values()) cancel(statement);
      await Promise.all([...known.values()].map((statement) => statement.ended));
    },
  };
}

function newStatement(input: SubmitInput, ended: Promise<void>): Statement {
  const subs = asArray(input).map((sql): SubStatement => {
    return { sql, status: 'SUBMITTED', rows: 0, durationNanoseconds: 0 };
  });
  const now = Date.now();
  return { id: randomUUID(), input, subs, createdAt: now, updatedAt: now, status: 'SUBMITTED', ended };
}

async function execute(statement: Statement, settings: StatementSettings): Promise<void> {
  if (isEnded(statement)) return;
  statement.status = 'STARTED';
  try {
    const reason = settings.unreachable();
    if (reason !== undefined) throw new Error(reason);
    statement.connection = await settings.database.connect();
    await runBatch(statement.connection, statement.subs, {
      store: settings.store,
      scratch: settings.scratch,
      id: statement.id,
      isCancelled: () => isEnded(statement),
      reasonOf: settings.database.reasonOf,
      parameters: Object.fromEntries(
        (statement.input.Parameters ?? []).map(({ name, value }) => [name, value]),
      ),
    });
    statement.status = 'FINISHED';
  } catch (error) {
    if (isEnded(statement)) return;
    statement.status = 'FAILED';
    statement.error = `ERROR: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    statement.connection?.closeSync();
    delete statement.connection;
  }
}

/** Another part may have cancelled it while it ran, which the compiler cannot see. */
const isEnded = (statement: Statement): boolean =>
  ['ABORTED', 'FAILED', 'FINISHED'].includes(statement.status);

function cancel(statement: Statement): boolean {
  if (isEnded(statement)) return false;
  statement.status = 'ABORTED';
  // An interrupt between two statements is lost, so it is repeated until the connection is gone.
  const again = setInterval(() => statement.connection?.interrupt(), INTERRUPT_MS);
  void statement.ended.then(() => clearInterval(again));
  statement.connection?.interrupt();
  return true;
}

function forgetOldest(known: Map<string, Statement>, byToken: Map<string, Statement>, scratch: string): void {
  if (known.size <= KEPT_MAX) return;
  const oldest = [...known.values()].find(isEnded);
  if (oldest === undefined) return;
  known.delete(oldest.id);
  if (oldest.input.ClientToken !== undefined) byToken.delete(oldest.input.ClientToken);
  dropResults(oldest, scratch);
}

function dropResults({ id, subs }: Statement, scratch: string): void {
  subs.forEach((_, index) => void dropPages(`${scratch}/${id}-${index + 1}`));
}
