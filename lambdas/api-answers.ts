/** What the api function answers; refusals of the use cases in words that an operator can act on. */

/** `ok: true` with what the verb gives, or why not: `code` for programs, message and remedy for people. */
export type ApiAnswer =
  | ({ readonly ok: true } & Readonly<Record<string, unknown>>)
  | { readonly ok: false; readonly code: string; readonly message: string; readonly remedy: string };

export function refusal(code: string): ApiAnswer {
  const [message, remedy] = REFUSALS[code] ?? [`the engine refused it: ${code}`, 'See docs/runbook.md.'];
  return { ok: false, code, message, remedy };
}

/** By code; docs/faults.md lists them. */
export const REFUSALS: Readonly<Record<string, readonly [message: string, remedy: string]>> = {
  sync_id_invalid: [
    'that is not the id of a sync: small letters, digits and dashes, beginning with a letter, 48 at most',
    '`tailrace status` lists those that are there.',
  ],
  request_invalid: [
    'the request is not one of the verbs, or something in it is not what the verb takes',
    'Verbs: run, status, approve, discard, pause, resume, check.',
  ],
  sync_unknown: ['no sync has that id', '`tailrace status` lists those that are there.'],
  no_definition: ['there is no accepted definition of this sync', 'Push one, or read its status item.'],
  disabled: ['the definition says enabled: false', 'Set enabled to true in the definition.'],
  paused: ['the sync is paused', 'Resume it first.'],
  run_active: [
    'a run of this sync is under way or held',
    'See its status; wait, approve or discard, or pause it.',
  ],
  not_yet: [
    'the last run ended a moment ago, and what it sent may still be on its way',
    '`tailrace status` with its id says from when on; the schedule starts it by itself.',
  ],
  stale_tick: ['a newer tick has already been taken', 'Nothing to do.'],
  contended: ['somebody else changed this sync at the same moment', 'Try again.'],
  not_held: ['no run of this sync is held', 'Read its status.'],
  another_plan: [
    'the held plan is another one',
    'Read the status again and name the hash that you see there.',
  ],
  expired: ['the hold has expired', 'The run is being discarded; the next tick starts a new one.'],
  not_paused: ['the sync is not paused', 'Nothing to do.'],
};
