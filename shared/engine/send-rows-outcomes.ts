/**
 * What an answered call says of each of its rows.
 *
 *   accepted, rejected -> the row has ended · deferred -> later · a key that nobody asked about -> counted, nothing else
 *   no outcome         -> later; in class C its answer is lost
 */
import type { Outcome } from '../core/outcomes.ts';
import { type Delivery, failRow, isFresh } from './load-batch-delivery.ts';
import { ACCEPTED } from './load-batch-ledger.ts';
import type { Group } from './send-rows-group.ts';
import { defer } from './send-rows-split.ts';
import { failUnknown } from './send-rows-unknown.ts';

/** Ends rows, or puts them on `retries`; by key, in whatever order the answers come. */
export function takeOutcomes(d: Delivery, group: Group, outcomes: readonly Outcome[]): void {
  const { rows } = group;
  const deferredAt: number[] = [];
  const waits: number[] = [];
  let byKey: Map<string, number> | undefined;
  const answered = new Uint8Array(rows.length);
  for (let at = 0; at < outcomes.length; at += 1) {
    const outcome = outcomes[at] as Outcome;
    // Most destinations answer in order; a map is made only for those that do not.
    let position: number | undefined = at;
    if (rows[at]?.key !== outcome.key) {
      byKey ??= new Map(rows.map((row, index) => [row.key, index]));
      position = byKey.get(outcome.key);
    }
    if (position === undefined) d.unaskedAnswers += 1;
    else if (answered[position] === 0) {
      answered[position] = 1;
      if (outcome.is === 'deferred') {
        deferredAt.push(position);
        waits.push(outcome.waitMs ?? 0);
      } else finishRow(d, group, position, outcome);
    }
  }
  for (let at = 0; at < rows.length; at += 1) {
    if (answered[at] === 0) silent(d, group, at, deferredAt);
  }
  if (deferredAt.length > 0) defer(d, group, deferredAt, Math.max(0, ...waits.slice(0, WAITS_READ)));
}

/** Only so many waits are compared: they all come from one answer. */
const WAITS_READ = 1000;

/** No outcome for a key is never success. In class C it is a lost answer; elsewhere the row is put off. */
function silent(d: Delivery, group: Group, at: number, deferredAt: number[]): void {
  const line = group.lines[at];
  const index = group.indexes[at];
  if (line === undefined || index === undefined) return;
  const isUnsafe = d.plan.classOf[group.operation] === 'unsafe';
  if (isUnsafe && d.plan.unknowns !== 'resend') failUnknown(d, index, line);
  else deferredAt.push(at);
}

function finishRow(
  d: Delivery,
  { lines, indexes }: Group,
  at: number,
  outcome: Exclude<Outcome, { is: 'deferred' }>,
): void {
  const line = lines[at];
  const index = indexes[at];
  if (line === undefined || index === undefined) return;
  if (outcome.is === 'rejected') {
    const { code, reason } = outcome;
    failRow(d, index, line, { kind: 'rejected', code, reason, isPermanent: true });
    return;
  }
  if (d.ledger.finish(index, ACCEPTED) && isFresh(line)) d.plan.fresh.rows += 1;
}
