/** Codes that say what kind of help a sync needs, for whoever tells people: watch and messages to operators. */
import { AUTH_REFUSED } from './fault.ts';

/** What went in was not what came out: the sync is paused, and somebody who knows the engine looks. */
export const MISCOUNT_CODES: readonly string[] = [
  'counts_do_not_add_up',
  'failures_not_recorded',
  'stage_miscounted',
];

/** The account's credentials are missing, unreadable or refused. */
export const CREDENTIAL_CODES: readonly string[] = [AUTH_REFUSED, 'secret_missing', 'secret_invalid'];

/** Too many fresh rows refused: the sync is paused until a person or a new definition version. */
export const STORM_CODE = 'failure_storm';

/** A person paused the sync; nobody has to be told. */
export const PAUSED_BY_OPERATOR = 'paused_by_operator';
