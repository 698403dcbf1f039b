/**
 * Class C: a call was begun and its answer is lost. The sync says what becomes of its rows: `resend` them (they may
 * arrive twice), `mark` them rejected, or `park` them as dead for a person. Marked and parked rows are not tried
 * again before their value changes.
 */
import type { FailedLine } from './fail-rows.ts';
import { type Delivery, failRow } from './load-batch-delivery.ts';

export function failUnknown(d: Delivery, index: number, line: FailedLine): void {
  failRow(d, index, line, {
    kind: d.plan.unknowns === 'mark' ? 'rejected' : 'dead',
    code: 'unknown_outcome',
    reason: 'the answer to the call was lost, and the destination cannot tell whether it took effect',
    isPermanent: true,
    isPerhapsHeld: true,
  });
}
