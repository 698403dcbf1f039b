/**
 * Reasons to hold a run before anything is sent. Each guard is one pure function; a hold needs one reason.
 */
import { RATE_SHARE, RUN_MS_MAX } from '../core/limits.ts';
import type { Hold, SyncState } from '../core/run.ts';
import type { RunCodeOf } from '../core/run-codes.ts';
import type { ExtractionCounts } from '../core/stage.ts';
import { removedPolicy, type Sync } from '../core/sync.ts';
import type { AccountSettings } from '../ports.ts';

export type GuardFacts = {
  readonly definition: Sync;
  readonly counts: ExtractionCounts;
  /** Rows of the model at the last flip; -1 before the first. */
  readonly lastCount: SyncState['lastCount'];
  readonly account: AccountSettings;
};

export type HoldReason = Hold['reasons'][number] & { readonly code: RunCodeOf<'hold'> };

/** All reasons why a person should look before this run sends; none: it may go. */
export function holdReasons(facts: GuardFacts): readonly HoldReason[] {
  return [emptied(facts), shrunk(facts), deletes(facts), ...checks(facts), tooLong(facts)].filter(
    (reason) => reason !== undefined,
  );
}

function emptied({ counts, lastCount }: GuardFacts): HoldReason | undefined {
  if (counts.modelRows > 0 || lastCount <= 0) return undefined;
  return { code: 'model_empty', message: `the model has no rows; it had ${lastCount}` };
}

function shrunk({ definition, counts, lastCount }: GuardFacts): HoldReason | undefined {
  const { maxShrink } = definition.guards;
  if (lastCount <= 0 || counts.modelRows === 0) return undefined;
  if (counts.modelRows >= lastCount * (1 - maxShrink)) return undefined;
  return {
    code: 'model_shrank',
    message: `the model has ${counts.modelRows} rows; it had ${lastCount}, and maxShrink is ${maxShrink}`,
  };
}

function deletes({ definition, counts, lastCount }: GuardFacts): HoldReason | undefined {
  const { maxDeletes, maxDeleteRatio } = definition.guards;
  if (removedPolicy(definition) === 'ignore' || counts.removed === 0) return undefined;
  // Before a first flip only an abandoned run has sent anything: what it sent is in the model still, or has left it.
  const known = lastCount > 0 ? lastCount : counts.modelRows + counts.removed;
  if (counts.removed <= maxDeletes && counts.removed <= known * maxDeleteRatio) return undefined;
  return {
    code: 'too_many_removed',
    message: `${counts.removed} of ${known} rows left the model; maxDeletes is ${maxDeletes}, maxDeleteRatio ${maxDeleteRatio}`,
  };
}

function checks({ definition, counts }: GuardFacts): readonly HoldReason[] {
  return definition.checks.flatMap((check) => {
    if (check.otherwise !== 'hold') return [];
    const rows = counts.checks.find((one) => one.name === check.name)?.rows ?? 0;
    if (rows <= allowed(check.whenMoreThan, counts.modelRows)) return [];
    const message = `${rows} of ${counts.modelRows} rows break "${check.name}", more than ${check.whenMoreThan}`;
    return [{ code: 'check_broken', message }];
  });
}

/** A number of rows, or a share of the model such as `5%`. */
function allowed(limit: number | string, modelRows: number): number {
  return typeof limit === 'number' ? limit : (modelRows * Number(limit.slice(0, -1))) / 100;
}

/** A run that cannot end within the hard cap would be fenced half-way, again and again. */
function tooLong({ counts, account }: GuardFacts): HoldReason | undefined {
  const requests = Math.ceil(counts.extracted / account.requestRowsMax);
  const sendMs = (requests * account.rate.perMs) / (account.rate.requests * RATE_SHARE);
  if (sendMs <= RUN_MS_MAX) return undefined;
  const days = Math.ceil(sendMs / 86_400_000);
  return {
    code: 'too_long_to_send',
    message: `${counts.extracted} rows take ${days} days at the account's rate, more than ${RUN_MS_MAX / 86_400_000}`,
  };
}
