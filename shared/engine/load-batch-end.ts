/**
 * What is left behind when a delivery ends before its batch: failure object, then the resume point with the counts of
 * everything before it, so that the next delivery neither repeats a count nor loses one.
 */
import { type Delivery, failRow, type Stop } from './load-batch-delivery.ts';
import { AT_FULL_SPEED, ORDERLY } from './load-batch-point.ts';
import { savePoint } from './send-rows-claim.ts';
import { COULD_NOT_WAIT } from './send-rows-split.ts';

export async function endEarly(d: Delivery, stop: Stop): Promise<void> {
  endParts(d);
  const isUnsafe = Object.values(d.plan.classOf).includes('unsafe');
  const { found } = d.point;
  const { index, offset } = d.ledger.prefix();
  if (!stop.isOrderly) {
    // A point of this delivery (one request at a time, or a claim) already says all: it must stand.
    if (index > 0 && found.crashes === ORDERLY && !isUnsafe) await savePoint(d, AT_FULL_SPEED);
    return;
  }
  const isUntouched = index === 0 && !d.isStarted;
  if (isUntouched) return;
  const isStuck = offset === found.offset && found.crashes > ORDERLY;
  await savePoint(d, isStuck ? found.crashes : ORDERLY, { job: d.job, isLast: true });
}

/**
 * Class B: the next delivery groups the lines from the resume point on. From the middle of a request it would make
 * other requests than this one did, with other keys, and the server would take rows twice. So a point lies between
 * requests: what is left of one that was split ends here, and the next run tries it again.
 */
function endParts(d: Delivery): void {
  for (const [index, line] of d.parts) {
    if (d.ledger.isPending(index)) failRow(d, index, line, COULD_NOT_WAIT);
  }
}
