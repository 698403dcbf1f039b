/**
 * Every metric of the engine: what it counts, and by what. A metric is billed once for each distinct set of
 * dimensions, so there are two: the environment, and with it the destination account where somebody looks at accounts
 * one by one. Syncs and runs are named in log lines and events.
 *
 * A `gauge` is how many there are at the moment when the watch looks, told only when there are any: an alarm on one
 * ends when the condition has ended, and a healthy environment is not billed for zeros. The others are counts.
 */

/** The namespace of the engine's metrics. */
export const METRIC_NAMESPACE = 'Tailrace';

export type MetricMeaning = {
  readonly by: 'environment' | 'account';
  readonly is: 'count' | 'gauge';
  readonly says: string;
};

export const METRICS = {
  rows_accepted: { by: 'account', is: 'count', says: 'rows that the destination took' },
  rows_rejected: { by: 'account', is: 'count', says: 'rows that the destination refused' },
  rows_invalid: { by: 'account', is: 'count', says: 'rows that were refused here, before sending' },
  rows_skipped: { by: 'account', is: 'count', says: 'rows that the mode forbids to send' },
  rows_dead: { by: 'account', is: 'count', says: 'rows recorded as dead by a loader' },
  rows_deferred: { by: 'account', is: 'count', says: 'rows put off to a later request' },
  requests_sent: { by: 'account', is: 'count', says: 'requests to the destination, answered or not' },
  requests_bisected: { by: 'account', is: 'count', says: 'requests refused as a whole and halved' },
  throttled: { by: 'account', is: 'count', says: 'answers that said: too fast' },
  transport_faults: { by: 'account', is: 'count', says: 'requests without an answer' },
  slots_void: { by: 'account', is: 'count', says: 'call slots that came too late to be used' },
  batches_interrupted: { by: 'account', is: 'count', says: 'batches handed back before they were done' },
  answers_for_strangers: { by: 'account', is: 'count', says: 'answers for rows that nobody asked about' },
  breaker_opened: { by: 'account', is: 'count', says: 'breakers opened' },
  breaker_closed: { by: 'account', is: 'count', says: 'breakers closed' },

  dead_letters: { by: 'environment', is: 'count', says: 'batches given up by the loaders' },
  errors: { by: 'environment', is: 'count', says: 'log lines of level error' },
  messages_refused: { by: 'environment', is: 'count', says: 'messages in a lane that were not ours' },
  run_stop_requested: { by: 'environment', is: 'count', says: 'runs that a loader asked to stop' },
  extraction_ms: {
    by: 'environment',
    is: 'count',
    says: 'time from the start of runs to the end of their SQL',
  },

  runs_overdue: {
    by: 'environment',
    is: 'gauge',
    says: 'syncs whose last commit is older than it should be',
  },
  runs_held: { by: 'environment', is: 'gauge', says: 'runs that wait for a person' },
  syncs_miscounted: { by: 'environment', is: 'gauge', says: 'syncs paused because counts did not add up' },
  syncs_rejecting: { by: 'environment', is: 'gauge', says: 'syncs with too many rows that did not arrive' },
  statements_failing: {
    by: 'environment',
    is: 'gauge',
    says: 'syncs whose extraction failed twice in a row',
  },
  secrets_failing: {
    by: 'environment',
    is: 'gauge',
    says: 'syncs and accounts whose credentials are missing or refused',
  },
  definitions_refused: { by: 'environment', is: 'gauge', says: 'definitions whose last edit was refused' },
  breakers_open: { by: 'environment', is: 'gauge', says: 'accounts that nothing is sent to for now' },
  budgets_starved: { by: 'environment', is: 'gauge', says: 'accounts held far below their rate' },
} as const satisfies Readonly<Record<string, MetricMeaning>>;

export type Metric = keyof typeof METRICS;
export type Gauge = { [Name in Metric]: (typeof METRICS)[Name]['is'] extends 'gauge' ? Name : never }[Metric];
