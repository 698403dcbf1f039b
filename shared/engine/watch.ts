/**
 * Looks at every sync and every account every five minutes, and says how many are not as they should be: gauges for alarms,
 * and a log line for each, which names it. It changes nothing, and no run depends on it. What no event of its own tells
 * is told by `tellAttention`, from what was seen here.
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
import { NEEDS_OF_ACCOUNT, NEEDS_OF_SYNC } from '../core/attention.ts';
import { AUTH_REFUSED, asFault } from '../core/fault.ts';
import {
  FRESHNESS_TOLD_MS,
  OVERDUE_MS,
  REJECTED_ROWS_MIN,
  REJECTED_SHARE_MAX,
  SILENCE_MS_MAX,
  STARVED_SHARE,
  TROUBLE_RUNS_MIN,
} from '../core/limits.ts';
import type { Gauge } from '../core/metrics.ts';
import { breakerKey, budgetKey, SYNC_PARTITION } from '../core/names.ts';
import { fullRate } from '../core/rate.ts';
import type { SyncState } from '../core/run.ts';
import { helpFor } from '../core/run-codes.ts';
import { awsScheduleExpression, nextFire } from '../core/schedule.ts';
import type { AcceptedDefinition } from '../core/sync.ts';
import type { AccountSettings, DefinitionStatus, Ports } from '../ports.ts';
import { budgetOf, slotMs } from './account-rate.ts';
import { syncOf } from './sync-state.ts';
import { type Look, lookAround, type Sight } from './watch-sight.ts';

export type WatchPorts = Pick<Ports, 'clock' | 'state' | 'definitions' | 'telemetry' | 'settings'>;

/**
 * `before`: what the look before this one saw, if it is known. Throws what listing the syncs threw; one that cannot be
 * read does not hide the others.
 */
export async function watch(ports: WatchPorts, before?: Sight): Promise<Sight> {
  const look = lookAround(ports.telemetry, ports.clock.now());
  const tellsFreshness = before === undefined || hourOf(before.at) !== hourOf(look.sight.at);
  for await (const { sort, partition: _, ...item } of ports.state.list(SYNC_PARTITION)) {
    const isRead = await guarded(ports, { syncId: sort }, () => {
      const sync = syncOf(item, sort);
      return watchSync(ports, sync, look, tellsFreshness);
    });
    if (!isRead) for (const what of NEEDS_OF_SYNC) look.lasts(what, sort);
  }
  for (const account of Object.values(ports.settings.accounts)) {
    const { name } = account;
    const isRead = await guarded(ports, { account: name }, () => watchAccount(ports, account, look));
    if (!isRead) for (const what of NEEDS_OF_ACCOUNT) look.lasts(what, name);
  }
  for (const [gauge, value] of Object.entries(look.sight.gauges)) {
    ports.telemetry.count(gauge as Gauge, value);
  }
  return look.sight;
}

/** False when it could not be looked at. */
async function guarded(
  { telemetry }: WatchPorts,
  who: Readonly<Record<string, string>>,
  read: () => Promise<void>,
): Promise<boolean> {
  try {
    await read();
    return true;
  } catch (error) {
    const { kind, code } = asFault(error);
    telemetry.log(kind === 'bug' ? 'error' : 'warn', 'watch_failed', { ...who, code });
    return false;
  }
}

const hourOf = (at: number): number => Math.floor(at / FRESHNESS_TOLD_MS);

async function watchSync(
  ports: WatchPorts,
  sync: SyncState,
  look: Look,
  tellsFreshness: boolean,
): Promise<void> {
  const { syncId, epoch } = sync;
  const accepted = await ports.definitions.accepted(syncId);
  const status = await ports.definitions.status(syncId);
  if (status?.state === 'refused') {
    const [fault] = status.faults;
    look.found('definitions_refused', { syncId, ...(fault === undefined ? {} : { code: fault.code }) });
  }
  if (accepted === undefined) return;
  if (tellsFreshness) {
    ports.telemetry.log('info', 'sync_freshness', { syncId, at: sync.committedAt ?? 0 });
  }
  for (const [gauge, code] of ailments(sync)) look.found(gauge, { syncId, epoch, code });
  if (hasManyFailures(sync)) look.lasts('syncs_rejecting', syncId);
  const now = ports.clock.now();
  const since = dueSince(sync, status);
  if (!isLate(accepted, sync.committedAt ?? 0, now)) return;
  // Neither an attempt nor a pause nor an edit ends it: a commit does.
  look.lasts('runs_overdue', syncId);
  if (sync.phase === 'idle' && sync.paused === undefined && isLate(accepted, since, now)) {
    look.found('runs_overdue', { syncId, epoch, code: sync.trouble?.code ?? 'no_run', at: since });
  }
}

/** What its state alone says; the reason as a code. */
function ailments(sync: SyncState): readonly (readonly [Gauge, string])[] {
  const { phase, hold, paused, trouble } = sync;
  const all: (readonly [Gauge, string])[] = [];
  if (phase === 'held') all.push(['runs_held', hold?.reasons[0]?.code ?? 'held']);
  const help = paused && helpFor(paused.code);
  if (paused && help === 'miscount') all.push(['syncs_miscounted', paused.code]);
  if (paused && help === 'storm') all.push(['syncs_rejecting', paused.code]);
  else if (hasManyFailures(sync)) all.push(['syncs_rejecting', 'failure_set']);
  if (trouble === undefined) return all;
  if (helpFor(trouble.code) === 'credentials') all.push(['secrets_failing', trouble.code]);
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

/** The tick after `since` should have brought a commit by now. */
function isLate({ sync: { enabled, schedule } }: AcceptedDefinition, since: number, now: number): boolean {
  if (!enabled) return false;
  const { expression, timezone } = awsScheduleExpression(schedule);
  const due = nextFire(expression, timezone, new Date(since));
  return due !== undefined && now > due.getTime() + OVERDUE_MS;
}

async function watchAccount(ports: WatchPorts, account: AccountSettings, look: Look): Promise<void> {
  const { name } = account;
  const now = ports.clock.now();
  const breaker = await ports.state.read(breakerKey(name));
  const code = typeof breaker?.code === 'string' ? breaker.code : 'open';
  if (breaker?.state === 'open' || breaker?.state === 'probing') {
    look.found('breakers_open', { account: name, code });
    if (code === AUTH_REFUSED) look.found('secrets_failing', { account: name, code });
  }
  const budget = budgetOf(await ports.state.read(budgetKey(name)));
  const silenceMs = budget.nextFreeAt - now;
  if (silenceMs > SILENCE_MS_MAX) {
    look.found('budgets_starved', { account: name, code: 'told_to_wait', waitMs: silenceMs });
  } else if (1000 / slotMs(account, budget, now) < STARVED_SHARE * fullRate(account)) {
    look.found('budgets_starved', { account: name, code: 'rate_cut' });
  }
}
