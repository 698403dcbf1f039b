/**
 * What is left behind when a delivery ends before its batch: failure object, then the resume point with the counts of
 * everything before it, so that the next delivery neither repeats a count nor loses one.
 */
import type { Delivery, Stop } from './load-batch-delivery.ts';
import { AT_FULL_SPEED, ORDERLY } from './load-batch-point.ts';
import { savePoint } from './send-rows-claim.ts';

export async function endEarly(d: Delivery, stop: Stop): Promise<void> {
  const isUnsafe = Object.values(d.plan.classOf).includes('unsafe');
  const { found } = d.point;
  const { index, offset } = d.ledger.prefix();
  if (!stop.isOrderly) {
    // A point of this delivery (one request at a time, or a claim) already says all: it must stand.
    if (index > 0 && found.crashes === ORDERLY && !isUnsafe) await savePoint(d, AT_FULL_SPEED);
    return;
  }
  const isUntouched = index === 0 && !d.isStarted && d.point.isWritten();
  if (isUntouched) return;
  const isStuck = offset === found.offset && found.crashes > ORDERLY;
  await savePoint(d, isStuck ? found.crashes : ORDERLY, { job: d.job, isLast: true });
}
