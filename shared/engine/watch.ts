/**
 * Looks at every sync and every account every minute, and says how many are not as they should be: gauges for alarms,
 * and a log line for each, which names it. It changes nothing, and nothing depends on it.
 *
 *   runs_overdue         idle, and its last commit is older than the schedule allows
 *   runs_held            a guard objected, a person decides
 *   syncs_miscounted     paused: what went in was not what came out
 *   syncs_rejecting      paused by a failure storm, or too much of the model is in the failure set
 *   statements_failing   the last runs ended before anything could be sent
 *   secrets_failing      the account's credentials are missing or refused
 *   definitions_refused  the last edit cannot work; the version before it runs
 *   breakers_open        nothing is sent to the account
 *   budgets_starved      the account may send far less than its rate
 */
import { AUTH_REFUSED, asFault } from '../core/fault.ts';
import {
  FRESHNESS_TOLD_MS,
  OVERDUE_MS,
  REJECTED_ROWS_MIN,
  REJECTED_SHARE_MAX,
  SILENCE_MS_MAX,
  STARVED_SHARE,
  TROUBLE_RUNS_MIN,
  WATCH_MS,
} from '../core/limits.ts';
import type { Gauge } from '../core/metrics.ts';
import { breakerKey, budgetKey, SYNC_PARTITION } from '../core/names.ts';
import type { SyncState } from '../core/run.ts';
import { awsScheduleExpression, nextFire } from '../core/schedule.ts';
import type { AcceptedDefinition } from '../core/sync.ts';
import { CREDENTIAL_CODES, MISCOUNT_CODES, STORM_CODE } from '../core/trouble-codes.ts';
import type { AccountSettings, Attribute, DefinitionStatus, Ports } from '../ports.ts';
import { budgetOf, fullRate, slotMs } from './adapt-rate.ts';
import { syncOf } from './sync-state.ts';

export type WatchPorts = Pick<Ports, 'clock' | 'state' | 'definitions' | 'telemetry' | 'settings'>;

/** How many of each; gauges that are zero are left out. */
export type Watched = Partial<Record<Gauge, number>>;

/** Throws what listing the syncs threw; one that cannot be read does not hide the others. */
export async function watch(ports: WatchPorts): Promise<Watched> {
  const watched: Watched = {};
  const found = (gauge: Gauge, fields: Readonly<Record<string, Attribute>>): void => {
    watched[gauge] = (watched[gauge] ?? 0) + 1;
    ports.telemetry.log('warn', 'needs_attention', { ...fields, kind: gauge });
  };
  for await (const { sort, partition: _, ...item } of ports.state.list(SYNC_PARTITION)) {
    await guarded(ports, { syncId: sort }, () => watchSync(ports, syncOf(item, sort), found));
  }
  for (const account of Object.values(ports.settings.accounts)) {
    await guarded(ports, { account: account.name }, () => watchAccount(ports, account, found));
  }
  for (const [gauge, value] of Object.entries(watched)) ports.telemetry.count(gauge as Gauge, value);
  return watched;
}

type Found = (gauge: Gauge, fields: Readonly<Record<string, Attribute>>) => void;

async function guarded(
  { telemetry }: WatchPorts,
  who: Readonly<Record<string, string>>,
  look: () => Promise<void>,
): Promise<void> {
  try {
    await look();
  } catch (error) {
    const { kind, code } = asFault(error);
    telemetry.log(kind === 'bug' ? 'error' : 'warn', 'watch_failed', { ...who, code });
  }
}

async function watchSync(ports: WatchPorts, sync: SyncState, found: Found): Promise<void> {
  const { syncId, epoch } = sync;
  const accepted = await ports.definitions.accepted(syncId);
  const status = await ports.definitions.status(syncId);
  if (status?.state === 'refused') {
    const [fault] = status.faults;
    found('definitions_refused', { syncId, ...(fault === undefined ? {} : { code: fault.code }) });
  }
  if (accepted === undefined) return;
  if (ports.clock.now() % FRESHNESS_TOLD_MS < WATCH_MS) {
    ports.telemetry.log('info', 'sync_freshness', { syncId, at: sync.committedAt ?? 0 });
  }
  for (const [gauge, code] of ailments(sync)) found(gauge, { syncId, epoch, code });
  const since = dueSince(sync, status);
  if (isOverdue(sync, accepted, since, ports.clock.now())) {
    found('runs_overdue', { syncId, epoch, code: sync.trouble?.code ?? 'no_run', at: since });
  }
}

/** What its state alone says; the reason as a code. */
function ailments(sync: SyncState): readonly (readonly [Gauge, string])[] {
  const { phase, hold, paused, trouble } = sync;
  const all: (readonly [Gauge, string])[] = [];
  if (phase === 'held') all.push(['runs_held', hold?.reasons[0]?.code ?? 'held']);
  if (paused !== undefined && MISCOUNT_CODES.includes(paused.code))
    all.push(['syncs_miscounted', paused.code]);
  if (paused?.code === STORM_CODE) all.push(['syncs_rejecting', paused.code]);
  else if (hasManyFailures(sync)) all.push(['syncs_rejecting', 'failure_set']);
  if (trouble === undefined) return all;
  if (CREDENTIAL_CODES.includes(trouble.code)) all.push(['secrets_failing', trouble.code]);
  if (trouble.ended === 'failed' && trouble.runs >= TROUBLE_RUNS_MIN) {
    all.push(['statements_failing', trouble.code]);
  }
  return all;
}

/** The failure set against the whole model: what a reader of the destination misses, however little changed last time. */
function hasManyFailures({ failures, lastCount }: SyncState): boolean {
  const count = failures?.count ?? 0;
  return count >= REJECTED_ROWS_MIN && count > lastCount * REJECTED_SHARE_MAX;
}

/** From then on ticks count: the last commit, resume or edit. */
const dueSince = (sync: SyncState, status: DefinitionStatus | undefined): number =>
  Math.max(sync.committedAt ?? 0, sync.resumedAt ?? 0, status?.at ?? 0);

/** A run at work is on its way, a held one has its own alarm, a paused one is meant to wait. */
function isOverdue(
  sync: SyncState,
  { sync: { enabled, schedule } }: AcceptedDefinition,
  since: number,
  now: number,
): boolean {
  if (sync.phase !== 'idle' || sync.paused !== undefined || !enabled) return false;
  const { expression, timezone } = awsScheduleExpression(schedule);
  const due = nextFire(expression, timezone, new Date(since));
  return due !== undefined && now > due.getTime() + OVERDUE_MS;
}

async function watchAccount(ports: WatchPorts, account: AccountSettings, found: Found): Promise<void> {
  const { name } = account;
  const now = ports.clock.now();
  const breaker = await ports.state.read(breakerKey(name));
  const code = typeof breaker?.code === 'string' ? breaker.code : 'open';
  if (breaker?.state === 'open' || breaker?.state === 'probing') {
    found('breakers_open', { account: name, code });
    if (code === AUTH_REFUSED) found('secrets_failing', { account: name, code });
  }
  const budget = budgetOf(await ports.state.read(budgetKey(name)));
  const silenceMs = budget.nextFreeAt - now;
  if (silenceMs > SILENCE_MS_MAX) {
    found('budgets_starved', { account: name, code: 'told_to_wait', waitMs: silenceMs });
  } else if (1000 / slotMs(account, budget, now) < STARVED_SHARE * fullRate(account)) {
    found('budgets_starved', { account: name, code: 'rate_cut' });
  }
}
