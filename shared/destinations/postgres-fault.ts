/**
 * What a PostgreSQL error means for the run. By SQLSTATE (appendix A of its manual), never by message: messages
 * quote values.
 */
import { AUTH_REFUSED, Fault, REQUEST_REFUSED } from '../core/fault.ts';
import { transportFault } from './transport-fault.ts';

/** Takes anything that the driver threw and the host; gives a Fault. A refusal of rows is `request_refused`. */
export function postgresFault(error: unknown, host: string): Fault {
  const state = sqlState(error);
  if (state === undefined) return driverFault(error, host);
  if (isTransient(state)) {
    return new Fault('transient', transientCode(state), `${host} answered ${described(state)}`);
  }
  if (isOfTheData(state)) {
    const refusal: Refusal = { state, reason: refusalReason(error, state) };
    return new Fault('row', REQUEST_REFUSED, `${host} refused the rows: ${refusal.reason}`, {
      cause: refusal,
    });
  }
  if (state.startsWith('28')) {
    return new Fault('config', AUTH_REFUSED, `${host} refuses the login: ${described(state)}`, {
      remedy: "Check user and password in the account's secret, and the server's rules for this network.",
    });
  }
  const remedy = CONFIG[state] ?? CONFIG[state.slice(0, 2)];
  if (remedy !== undefined) {
    return new Fault('config', 'statement_refused', `${host} refuses the statement: ${described(state)}`, {
      remedy,
    });
  }
  return new Fault('bug', 'statement_failed', `${host} answered ${described(state)}`);
}

/** The cause of a `row` Fault: what the server's error said, without the values that it quoted. */
export type Refusal = { readonly state: string; readonly reason: string };

/** `unique_violation (23505), constraint customers_email_key`: the schema's words, never a value. */
function refusalReason(error: unknown, state: string): string {
  const from = (name: string): string => {
    const value: unknown = Reflect.get(Object(error), name);
    return typeof value === 'string' && value !== '' ? `, ${name} ${value}` : '';
  };
  return `${described(state)}${from('constraint')}${from('column')}`;
}

/** Five characters, for an error that the server sent. */
function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('severity' in error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code) ? error.code : undefined;
}

/** Connection, resources, operator, rollback, system: the same statement may work later. */
const TRANSIENT_CLASSES = ['08', '53', '57', '40', '58'];
/** lock_not_available, and a standby that has not become the primary yet. */
const TRANSIENT_STATES = ['55P03', '25006'];
const isTransient = (state: string): boolean =>
  TRANSIENT_CLASSES.includes(state.slice(0, 2)) || TRANSIENT_STATES.includes(state);

function transientCode(state: string): string {
  if (state === '57014') return 'statement_timeout';
  if (state === '40P01') return 'deadlock';
  if (state === '53300') return 'too_many_connections';
  return 'server_unavailable';
}

/** Bad values, broken constraints, two rows of one record, a view's check, a value too long, a trigger's refusal. */
const DATA_CLASSES = ['22', '23', '21', '44', '54', 'P0'];
const isOfTheData = (state: string): boolean => DATA_CLASSES.includes(state.slice(0, 2));

const CONFIG: Readonly<Record<string, string>> = {
  '3D': "Check `database` in the account's settings.",
  '3F': 'Check the schema in `destination.object`.',
  '0A': 'Write to a plain table.',
  '42501': 'Grant SELECT, INSERT, UPDATE and DELETE on the table to the user of the secret.',
  '42P01': 'Check `destination.object`: there is no such table.',
  '42703': 'Check `fields`: the table has no such column.',
  '42P10': 'Create a unique index on exactly the column of `matchOn`.',
  '42804': 'The table has changed while the sync ran; the next run reads it again.',
  '42809': 'Write to a plain table.',
  '42846': 'A column has a type that text cannot become; use another column.',
  '42883': 'The column of `matchOn` has a type without equality; use another column.',
  '428C9': 'Leave out columns that the server generates.',
};

const WORDS: Readonly<Record<string, string>> = {
  '21000': 'cardinality_violation',
  '22001': 'string_data_right_truncation',
  '22003': 'numeric_value_out_of_range',
  '22007': 'invalid_datetime_format',
  '22008': 'datetime_field_overflow',
  '22021': 'character_not_in_repertoire',
  '22P02': 'invalid_text_representation',
  '22P05': 'untranslatable_character',
  '23502': 'not_null_violation',
  '23503': 'foreign_key_violation',
  '23505': 'unique_violation',
  '23514': 'check_violation',
  '23P01': 'exclusion_violation',
  '28000': 'invalid_authorization_specification',
  '28P01': 'invalid_password',
  '40001': 'serialization_failure',
  '40P01': 'deadlock_detected',
  '42501': 'insufficient_privilege',
  '42703': 'undefined_column',
  '42P01': 'undefined_table',
  '42P10': 'invalid_column_reference',
  '53300': 'too_many_connections',
  '55P03': 'lock_not_available',
  '57014': 'query_canceled',
  '57P01': 'admin_shutdown',
  '57P03': 'cannot_connect_now',
  P0001: 'raise_exception',
};

const described = (state: string): string =>
  WORDS[state] === undefined ? `SQLSTATE ${state}` : `${WORDS[state]} (${state})`;

/** The driver's own errors carry no code; their texts are constants of the library. */
function driverFault(error: unknown, host: string): Fault {
  const message = error instanceof Error ? error.message : '';
  if (message.includes('does not support SSL')) {
    return new Fault('config', 'tls_refused', `${host} does not speak TLS`, {
      remedy: 'Turn TLS on at the server; sslmode disable is for hosts under `allow` only.',
    });
  }
  if (/timeout expired|timeout exceeded/i.test(message)) {
    return new Fault('transient', 'timeout', `${host} did not take the connection in time`);
  }
  if (/Connection terminated|not queryable|connection error/i.test(message)) {
    return new Fault('transient', 'connection_cut', `${host} cut the connection`);
  }
  return transportFault(error, host);
}
