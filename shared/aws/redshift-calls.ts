/**
 * Data API calls as the engine sees them: the SDK retries throttles; the three "too many at once" answers it does not,
 * so they are retried here, briefly, and everything else becomes a Fault. Error texts of a warehouse quote values of
 * rows, so quoted texts are taken out before anyone sees them.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from '../core/fault.ts';
import { REASON_CHARACTERS_MAX } from '../core/limits.ts';
import { awsFault, nameOf } from './aws-fault.ts';

const CROWDED: ReadonlySet<string> = new Set([
  'ActiveStatementsExceededException',
  'ActiveSessionsExceededException',
  'ActiveWaitingRequestsExceededException',
]);
/** About ten seconds in all: a fan-out or a start has that much, and the next tick has more. */
const TRIES_MAX = 6;
const FIRST_WAIT_MS = 200;

/**
 * Runs one call. Throws `transient` Faults for a warehouse that is crowded, paused or out of reach, `config` Faults for
 * a refused request, and what `awsFault` says about the rest.
 */
export async function redshiftCall<T>(what: string, call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      if (!CROWDED.has(nameOf(error))) throw redshiftFault(what, error);
      if (attempt === TRIES_MAX) {
        throw new Fault('transient', 'warehouse_crowded', `${what}: ${nameOf(error)}`, { cause: error });
      }
      // Jitter only; nothing is decided by it.
      await sleep(FIRST_WAIT_MS * 2 ** (attempt - 1) * (0.5 + Math.random() / 2));
    }
  }
}

function redshiftFault(what: string, error: unknown): Fault {
  const name = nameOf(error);
  const message = error instanceof Error ? error.message : '';
  if (UNAVAILABLE.test(message) || name === 'DatabaseConnectionException') return unavailable(what);
  if (name === 'ResourceNotFoundException') {
    return new Fault('config', 'result_expired', `${what}: the statement or its result is gone`, {
      remedy: 'Results are kept for a day; the next run extracts again.',
      cause: error,
    });
  }
  if (name === 'ValidationException') {
    return new Fault('config', 'warehouse_refused', `${what}: ${withoutValues(message)}`, {
      remedy: "Check the environment's warehouse settings: workgroup or cluster, database, schema.",
      cause: error,
    });
  }
  return awsFault(what, error);
}

/** A warehouse that is not there now: paused, resuming, being patched, out of reach. */
const UNAVAILABLE =
  /\b(?:is paused|resuming|not available|unavailable|timed out|could not connect|connection (?:to|was|refused|reset|closed))\b/i;

const unavailable = (what: string): Fault =>
  new Fault('transient', 'warehouse_unavailable', `${what}: the warehouse is paused or out of reach`, {
    remedy: 'Resume it, or check that it accepts connections; the next tick tries again.',
  });

/** What a failed statement says, as a Fault: `config` unless the warehouse was away or two writers met. */
export function statementFault(code: string, error: string | undefined, path: string): Fault {
  const text = error ?? '';
  if (UNAVAILABLE.test(text)) return unavailable('statement');
  if (/1023|serializable|conflict/i.test(text)) {
    return new Fault('transient', 'warehouse_conflict', 'two transactions of the warehouse met');
  }
  return new Fault('config', code, withoutValues(text) || 'the warehouse refused the statement', {
    path,
    remedy: 'Run the SQL in the warehouse as the engine’s user; a missing grant says so there.',
  });
}

/** Texts in single quotes may be values of rows. */
export const withoutValues = (text: string): string =>
  text
    .replace(/\s+/g, ' ')
    .replace(/'(?:[^']|'')*'?/g, "'…'")
    .slice(0, REASON_CHARACTERS_MAX);
