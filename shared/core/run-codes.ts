/**
 * The codes with which a run or a sync ends, is held or is paused: one table, from which every list of such codes
 * derives. `docs/faults.md` has the same rows, for whoever is on call. A run may end with any other Fault's code too:
 * what no property tells apart is in the document alone.
 */

/**
 * `failed` before anything was sent, `fenced` (given up, perhaps half-way), `discarded` (a hold), `hold`, `pause` (an end
 * after which no run starts); or the kind of the Fault that ends the run, before or while it sends.
 */
type Kind = 'failed' | 'fenced' | 'discarded' | 'hold' | 'pause' | 'config' | 'transient';

/** Which people a sync or an account needs. */
export type Help = 'miscount' | 'credentials' | 'storm';

export type RunCodeFacts = {
  readonly kind: Kind;
  /** What happened, as the end of a sentence; owners read it, so no words of a vendor and no name. */
  readonly says: string;
  /** For whoever is on call. */
  readonly remedy: string;
  /** A person asked for it: no trouble, nobody has to be told, and only a person ends it. */
  readonly isAskedFor?: true;
  /** The engine tries again by itself, and those who run it are alarmed when that does not help. */
  readonly isRetried?: true;
  /** A new version of the definition resumes the sync: it may have mended the reason. */
  readonly isMendedByEdit?: true;
  readonly help?: Help;
};

export const RUN_CODES = {
  run_stalled: {
    kind: 'fenced',
    says: 'no batch of it got any further for half an hour',
    remedy:
      'Nothing: another run starts by itself. If it comes again, look under FunctionsFailing and BreakerOpen in the runbook.',
    isRetried: true,
  },
  run_too_old: {
    kind: 'fenced',
    says: 'it was at work for more than ten days',
    remedy:
      'Nothing: another run starts by itself. If it comes again, the account is too slow for the model: raise its `rate`, or send less.',
    isRetried: true,
  },
  extractor_lost: {
    kind: 'fenced',
    says: 'the function that began it ended before the warehouse had the SQL',
    remedy: 'Nothing: another run starts by itself. If it comes again, look under FunctionsFailing.',
    isRetried: true,
  },
  statement_lost: {
    kind: 'fenced',
    says: 'the warehouse does not know its statement any more',
    remedy:
      'Nothing: another run starts by itself. If it comes again, look whether the warehouse was restarted or replaced.',
    isRetried: true,
  },
  definition_deleted: {
    kind: 'fenced',
    says: 'its definition was deleted',
    remedy: 'Nothing. The definition pushed again starts the sync afresh.',
    isAskedFor: true,
  },
  definition_disabled: {
    kind: 'fenced',
    says: 'its definition says enabled: false',
    remedy: 'Nothing. `enabled: true` in the definition lets it run again.',
    isAskedFor: true,
  },
  statement_failed: {
    kind: 'failed',
    says: 'the warehouse could not run the SQL of the model',
    remedy:
      "`tailrace status SYNC` has the warehouse's words. Mend the model, a grant or the warehouse; then `tailrace run SYNC`.",
  },
  statement_aborted: {
    kind: 'failed',
    says: 'the SQL of the model was stopped in the warehouse',
    remedy:
      'Find who or what stopped it: a person, `statement_timeout`, a rule of the workload management. The next tick runs it again.',
  },
  discarded: {
    kind: 'discarded',
    says: 'a person discarded it',
    remedy: 'Nothing: the next tick extracts again.',
  },
  hold_expired: {
    kind: 'discarded',
    says: 'nobody decided in time',
    remedy: 'Nothing was sent. The next tick extracts again, and is held again while its reason lasts.',
  },
  model_refused: {
    kind: 'config',
    says: 'the warehouse refused the SQL of the model',
    remedy:
      "`tailrace status SYNC` has the warehouse's words. Mend the model, or grant what they name; then `tailrace run SYNC`.",
  },
  column_missing: {
    kind: 'config',
    says: 'the model has lost a column that a field reads',
    remedy:
      'Give the model its column back, or take it out of the definition. The run ended instead of emptying the field.',
  },
  column_ambiguous: {
    kind: 'config',
    says: 'the model has two columns of the same name',
    remedy: 'Give each column of the SELECT a name of its own.',
  },
  cursor_type: {
    kind: 'config',
    says: 'the cursor column is not a timestamp',
    remedy: 'Name a `timestamp` or `timestamptz` column, or take `changes: { by: diff }`.',
  },
  key_type: {
    kind: 'config',
    says: 'a column of the primary key has a type that cannot be one',
    remedy: 'Cast it to varchar, an integer or numeric in the model: a key needs one exact text.',
  },
  account_unknown: {
    kind: 'config',
    says: 'the destination account is not there any more',
    remedy: 'Add the account to `infra/environments.ts` and deploy, or name another in the definition.',
  },
  target_invalid: {
    kind: 'config',
    says: 'the destination does not take this place or these options',
    remedy: "Mend `destination` in the definition; the destination's page says what it takes.",
  },
  failure_set_too_large: {
    kind: 'config',
    says: 'more rows are failing than are carried from run to run',
    remedy:
      "Mend the failing rows or leave them out of the model; an extraction by UNLOAD (`extraction: { by: 'unload' }` in the settings) has no such limit.",
  },
  warehouse_refused: {
    kind: 'config',
    says: 'the warehouse refused the connection or the SQL',
    remedy:
      "Check the environment's warehouse settings (workgroup or cluster, database, schema) with `tailrace doctor`.",
  },
  auth_refused: {
    kind: 'config',
    says: 'the destination refused the credentials',
    remedy: 'Put valid ones into the secret: SecretFailing in the runbook.',
    help: 'credentials',
  },
  secret_missing: {
    kind: 'config',
    says: 'the secret of the destination account has no value',
    remedy: 'Put one JSON object there: SecretFailing in the runbook.',
    help: 'credentials',
  },
  secret_invalid: {
    kind: 'config',
    says: 'the secret of the destination account is not one JSON object',
    remedy: "Put one JSON object there, as the destination's page describes.",
    help: 'credentials',
  },
  definition_changed: {
    kind: 'transient',
    says: 'the definition changed while the run was starting',
    remedy: 'Nothing: the next tick takes the new version.',
  },
  aws_unavailable: {
    kind: 'transient',
    says: 'a service of AWS did not answer, or asked for a pause',
    remedy: 'Nothing: it is tried again. If it stays, look at the AWS Health Dashboard and the quotas.',
    isRetried: true,
  },
  model_empty: {
    kind: 'hold',
    says: 'the model has no rows any more',
    remedy:
      'Find out who emptied it. An empty model is meant: `tailrace approve`; otherwise mend it and discard.',
  },
  model_shrank: {
    kind: 'hold',
    says: 'the model has lost a larger share of its rows than `maxShrink` allows',
    remedy: 'Look at the model. It is right: `tailrace approve`; otherwise mend it and discard.',
  },
  too_many_removed: {
    kind: 'hold',
    says: 'more records would be deleted or cleared than `maxDeletes` or `maxDeleteRatio` allows',
    remedy: 'Look which rows have left the model. They should go: `tailrace approve`; otherwise discard.',
  },
  check_broken: {
    kind: 'hold',
    says: 'more rows break a check than its `whenMoreThan` allows',
    remedy:
      'Look at the rows that break it. Sending them does no harm: `tailrace approve`; otherwise mend them and discard.',
  },
  too_long_to_send: {
    kind: 'hold',
    says: 'its rows cannot be sent within ten days at the rate of the account',
    remedy:
      'Send less, or raise the `rate` of the account and deploy; then discard. Approved, it is given up after ten days of sending.',
  },
  failure_storm: {
    kind: 'pause',
    says: 'the destination refused so many rows that going on made no sense',
    remedy:
      'Look at the reasons: RowsRejected in the runbook. A new version of the definition resumes the sync, or `tailrace resume SYNC`.',
    isMendedByEdit: true,
    help: 'storm',
  },
  counts_do_not_add_up: {
    kind: 'pause',
    says: 'the counts of a run did not add up',
    remedy: 'CommitMismatch in the runbook: keep the evidence, then `tailrace resume SYNC`.',
    help: 'miscount',
  },
  failures_not_recorded: {
    kind: 'pause',
    says: 'failed rows were not all recorded',
    remedy: 'CommitMismatch in the runbook: keep the evidence, then `tailrace resume SYNC`.',
    help: 'miscount',
  },
  stage_miscounted: {
    kind: 'pause',
    says: 'the staged rows are not as many as were counted',
    remedy: 'CommitMismatch in the runbook: keep the evidence, then `tailrace resume SYNC`.',
    help: 'miscount',
  },
  paused_by_operator: {
    kind: 'pause',
    says: 'an operator paused the sync',
    remedy: '`tailrace resume SYNC`, when whoever paused it agrees.',
    isAskedFor: true,
  },
} as const satisfies Readonly<Record<string, RunCodeFacts>>;

export type RunCode = keyof typeof RUN_CODES;

/** The codes of some kinds: `RunCodeOf<'hold'>`. */
export type RunCodeOf<K extends Kind> = {
  [Code in RunCode]: (typeof RUN_CODES)[Code]['kind'] extends K ? Code : never;
}[RunCode];

/** What is known of a code that was read from the state, an event or a Fault; undefined for any other. */
export const runCodeFacts = (code: string): RunCodeFacts | undefined =>
  Object.hasOwn(RUN_CODES, code) ? RUN_CODES[code as RunCode] : undefined;

/** A person asked for this end, or this pause. */
export const isAskedFor = (code: string): boolean => runCodeFacts(code)?.isAskedFor === true;

/** Which help is needed, if it is one of the kinds that have a place of their own in gauges and in the runbook. */
export const helpFor = (code: string): Help | undefined => runCodeFacts(code)?.help;
