/**
 * Every alarm: how urgent it is and what it says. Alarms are symptoms; what each means, what to look at, what to do and
 * what not to do is in `docs/runbook.md`, under the heading that its description names. A test holds the two together.
 */

/** critical: somebody gets up for it. warning: somebody looks at it in the morning. */
export type Severity = 'critical' | 'warning';

export const ALARMS = {
  RunsOverdue: {
    severity: 'critical',
    says: 'A sync has not committed when its schedule says it should have.',
  },
  CommitMismatch: {
    severity: 'critical',
    says: 'What went into a run is not what came out; the sync is paused and nothing has moved.',
  },
  SecretFailing: {
    severity: 'critical',
    says: 'Credentials of a destination account are missing or refused.',
  },
  ErrorsLogged: {
    severity: 'critical',
    says: 'The engine met something that should not be; the saved query "Faults by code" names it and its last run.',
  },
  FunctionsFailing: {
    severity: 'critical',
    isToldAlone: true,
    says: 'Functions crash, time out or end with an error, again and again.',
  },
  SweepSilent: {
    severity: 'critical',
    isToldAlone: true,
    says: 'The sweep does not run: nothing is healed, and most other alarms are blind.',
  },
  EventsGivenUp: {
    severity: 'critical',
    says: 'An event was given up: a start, a statement end, an edit, a record.',
  },
  EvidenceLost: {
    severity: 'critical',
    isToldAlone: true,
    says: 'An event was given up and could not even be kept as evidence.',
  },
  DeadLettersStuck: { severity: 'critical', says: 'Dead letters lie in their queue and are not buried.' },
  LoopDropped: { severity: 'critical', says: 'Lambda took a chain of calls for an endless loop and cut it.' },
  RunHeld: { severity: 'warning', says: 'A run is held until somebody approves or discards it.' },
  RowsRejected: { severity: 'warning', says: 'Too many rows of a sync are not at their destination.' },
  DeadLetters: {
    severity: 'warning',
    says: 'A batch was given up; its rows are tried again by the next run.',
  },
  BreakerOpen: { severity: 'warning', says: 'Nothing is sent to a destination account for now.' },
  BudgetStarving: { severity: 'warning', says: 'A destination account lets us send far less than its rate.' },
  DefinitionRefused: { severity: 'warning', says: 'The last edit of a definition cannot work.' },
  StatementsFailing: { severity: 'warning', says: 'The extraction of a sync has failed twice in a row.' },
  ExtractorThrottled: { severity: 'warning', says: 'Functions that extract are refused concurrency.' },
  LoaderThrottled: { severity: 'warning', says: 'A loader is refused concurrency.' },
  StagingGrowing: { severity: 'warning', says: 'The staging bucket is larger than its limit.' },
  CostHigh: { severity: 'warning', says: 'The estimated cost of the last day is above its limit.' },
} as const satisfies Readonly<Record<string, Meaning>>;

type Meaning = {
  readonly severity: Severity;
  readonly says: string;
  /** Told by itself as well: while it is on others are blind, and a composite that is on already would hide it. */
  readonly isToldAlone?: true;
};

export type AlarmId = keyof typeof ALARMS;

/** The one that tells, for each severity. */
export const COMPOSITES = {
  critical: { id: 'Critical', says: 'Something needs somebody now.' },
  warning: { id: 'Warning', says: 'Something should be looked at soon.' },
} as const satisfies Readonly<Record<Severity, { readonly id: string; readonly says: string }>>;

/** The heading of an alarm in the runbook: `RunsOverdue` -> `runs-overdue`. */
export const runbookHeading = (id: string): string =>
  id.replace(/(?<=[a-z])[A-Z]/g, (letter) => `-${letter}`).toLowerCase();

/** What an alarm's description says. */
export const describe = (id: string, says: string): string =>
  `${says} What to do: docs/runbook.md#${runbookHeading(id)}`;
