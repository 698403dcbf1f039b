/**
 * What an operator is told when something happens to one sync or one account: which, which run, why, what to do, and where
 * the runbook says more. Alarms count, these messages name. One message when trouble begins and one when it has ended,
 * not one for each run in between. No row value: events have none.
 */
import * as z from 'zod';
import { OPERATOR_LINES_MAX, OWNER_SUBJECT_CHARACTERS_MAX } from './limits.ts';
import { attentionSaid } from './operator-attention.ts';
import type { Said } from './operator-said.ts';
import { helpFor, isAskedFor, runCodeFacts } from './run-codes.ts';

export type OperatorMessage = { readonly subject: string; readonly text: string };

/** An event of the environment's bus; only what is read. */
export const toldEventSchema = z.object({
  'detail-type': z.string(),
  detail: z.record(z.string(), z.unknown()),
});
export type ToldEvent = z.infer<typeof toldEventSchema>;

/** The message for an event, or nothing when nobody has to know. Throws ZodError for an event that is not ours. */
export function operatorMessage(environment: string, event: ToldEvent): OperatorMessage | undefined {
  const said = SAYS[event['detail-type']]?.(event.detail);
  if (said === undefined) return undefined;
  const { title, why = [], isShort = false, look = [], runbook = [] } = said;
  const text = [
    `${title}.`,
    ...listed(why, isShort ? why.length : OPERATOR_LINES_MAX),
    '',
    ...look.map((command) => `  npx tailrace --env ${environment} ${command}`),
    ...[runbook].flat().map((heading) => `What to do: docs/runbook.md#${heading}`),
  ];
  return {
    subject: `[${environment}] ${title}`.slice(0, OWNER_SUBJECT_CHARACTERS_MAX),
    text: text.join('\n').trim(),
  };
}

type Detail = ToldEvent['detail'];

function listed(lines: readonly string[], max: number): readonly string[] {
  const more = lines.length - max;
  const shown = lines.slice(0, max).map((line) => `- ${line}`);
  return more > 0 ? [...shown, `- and ${more} more`] : shown;
}

const run = z.object({ syncId: z.string(), epoch: z.number() });
const ended = run.extend({
  code: z.string(),
  reason: z.string().optional(),
  inARow: z.number().optional(),
  wasHeld: z.boolean().optional(),
});
const held = run.extend({
  planHash: z.string(),
  reasons: z.array(z.object({ code: z.string(), message: z.string() })),
});
const committed = run.extend({ healedRuns: z.number().optional(), dead: z.number().default(0) });
const approval = z.object({
  verb: z.string(),
  ok: z.boolean(),
  syncId: z.string(),
  epoch: z.number().optional(),
  by: z.string().nullable(),
});
const paused = z.object({ syncId: z.string(), code: z.string(), reason: z.string().optional() });
const refused = z.object({
  syncId: z.string(),
  version: z.number(),
  faults: z.array(z.object({ path: z.string(), code: z.string(), message: z.string(), remedy: z.string() })),
});
const accepted = z.object({ syncId: z.string(), version: z.number(), afterRefusal: z.boolean().optional() });
const breaker = z.object({ account: z.string(), code: z.string().optional() });

const SAYS: Readonly<Record<string, (detail: Detail) => Said | undefined>> = {
  'Run Failed': (detail) => badEnd(detail, 'failed before anything was sent', 'statements-failing'),
  'Run Fenced': (detail) => badEnd(detail, 'was given up', 'runs-overdue'),
  'Run Committed': committedRun,
  'Run Held': heldRun,
  'Run Discarded': holdOver,
  'Operator Answered': approvedRun,
  'Sync Paused': pausedSync,
  'Sync Resumed': resumedSync,
  'Definition Refused': refusedDefinition,
  'Definition Accepted': acceptedDefinition,
  'Breaker Opened': openedBreaker,
  'Attention Changed': attentionSaid,
  'Breaker Closed': (detail) => ({ title: `Account ${breaker.parse(detail).account} answers again` }),
};

/** The first of a series only; what follows is counted, and its end is told. An end that was asked for ends a hold. */
function badEnd(detail: Detail, how: string, otherwise: string): Said | undefined {
  const { syncId, epoch, code, reason, inARow, wasHeld } = ended.parse(detail);
  if (inARow === undefined && wasHeld === true) return holdOver(detail);
  if (inARow !== 1) return undefined;
  return {
    title: `Run ${epoch} of ${syncId} ${how}: ${code}`,
    why: [
      ...(reason === undefined ? [] : [reason]),
      'runs after it that end badly are not told one by one; the one that commits is',
    ],
    look: [`status ${syncId}`],
    runbook: runbookOf(code) ?? otherwise,
  };
}

function committedRun(detail: Detail): Said | undefined {
  const { syncId, epoch, healedRuns, dead } = committed.parse(detail);
  const died =
    dead === 0
      ? {}
      : {
          why: [DEAD],
          look: [`status ${syncId}`],
          runbook: 'dead-letters',
        };
  if (healedRuns !== undefined) {
    const before = healedRuns === 1 ? 'one run that did not' : `${healedRuns} runs that did not`;
    const but = dead === 0 ? '' : `; ${givenUp(dead)}`;
    return { title: `${syncId} is mended: run ${epoch} has committed, after ${before}${but}`, ...died };
  }
  if (dead === 0) return undefined;
  return {
    title: `Run ${epoch} of ${syncId} has committed, but ${givenUp(dead)}`,
    ...died,
  };
}

/** Not why: the count holds what came to the dead letters, what was parked and what ended its loader. */
const DEAD =
  'recorded as dead; the failure records say why. Parked rows and rows that ended their loader wait for a change, others are tried by the next run';

const givenUp = (rows: number): string =>
  rows === 1 ? 'one of its rows was given up' : `${rows} of its rows were given up`;

function heldRun(detail: Detail): Said {
  const { syncId, epoch, planHash, reasons } = held.parse(detail);
  return {
    title: `Run ${epoch} of ${syncId} is held and waits for a person`,
    why: reasons.map(({ code, message }) => `${code}: ${message}`),
    look: [`status ${syncId}`, `approve ${syncId} ${planHash}`, `discard ${syncId} ${planHash}`],
    runbook: 'run-held',
  };
}

/** A person discarded it, or nobody decided in time, or what it waited for has been stopped. */
function holdOver(detail: Detail): Said {
  const { syncId, epoch, code } = ended.parse(detail);
  const how = runCodeFacts(code)?.says ?? code;
  return {
    title: `Run ${epoch} of ${syncId}, which was held, is over: ${how}`,
    why: ['nothing of it was sent'],
  };
}

function approvedRun(detail: Detail): Said | undefined {
  const { verb, ok, syncId, epoch, by } = approval.parse(detail);
  if (verb !== 'approve' || !ok) return undefined;
  const run = epoch === undefined ? 'The run' : `Run ${epoch}`;
  return {
    title: `${run} of ${syncId}, which was held, was approved and is being sent`,
    why: by === null ? [] : [`approved by ${by}`],
  };
}

function pausedSync(detail: Detail): Said | undefined {
  const { syncId, code, reason } = paused.parse(detail);
  if (isAskedFor(code)) return undefined;
  return {
    title: `${syncId} was paused by the engine: ${code}`,
    why: reason === undefined ? [] : [reason],
    look: [`status ${syncId}`],
    runbook: runbookOf(code) ?? 'runs-overdue',
  };
}

function resumedSync(detail: Detail): Said | undefined {
  const { syncId, code } = paused.parse(detail);
  return isAskedFor(code) ? undefined : { title: `${syncId} was resumed; it was paused for ${code}` };
}

function refusedDefinition(detail: Detail): Said {
  const { syncId, version, faults } = refused.parse(detail);
  const now = version === 0 ? 'no version of it runs' : `version ${version} goes on running`;
  return {
    title: `The last edit of ${syncId} was refused; ${now}`,
    why: faults.map(({ path, code, message, remedy }) => `${path}: ${message} (${code}); ${remedy}`),
    look: [`status ${syncId}`],
    runbook: 'definition-refused',
  };
}

/** After a refusal only: nobody waits for the others. */
function acceptedDefinition(detail: Detail): Said | undefined {
  const { syncId, version, afterRefusal } = accepted.parse(detail);
  if (afterRefusal !== true) return undefined;
  return { title: `The definition of ${syncId} is in order again; version ${version} runs` };
}

/** A probe that failed opens it again; that has been told. */
function openedBreaker(detail: Detail): Said | undefined {
  const { account, code = 'unknown' } = breaker.parse(detail);
  if (code === 'probe_failed') return undefined;
  return {
    title: `Nothing is sent to account ${account} for now: ${code}`,
    look: ['status'],
    runbook: runbookOf(code) ?? 'breaker-open',
  };
}

function runbookOf(code: string): string | undefined {
  switch (helpFor(code)) {
    case 'miscount':
      return 'commit-mismatch';
    case 'credentials':
      return 'secret-failing';
    case 'storm':
      return 'rows-rejected';
    case undefined:
      return undefined;
  }
}
