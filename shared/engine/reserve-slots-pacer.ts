/**
 * One loader's slots: hands them out at their moments, has the next reserved before the last is used, and leaves out
 * those that have become too late. One pacer per process; slots that a batch leaves over serve the next.
 *
 *   which slots there are: reserve-slots-held.ts · how many to ask for: reserve-slots-appetite.ts ·
 *   when to ask, and what is on its way: reserve-slots-supply.ts · the asking itself: reserve-slots.ts
 */
import { isFast, slotLatenessMs } from '../core/rate.ts';
import type { CallsUnderWay } from './calls-under-way.ts';
import { type SlotNeed, slotAppetite } from './reserve-slots-appetite.ts';
import { heldSlots } from './reserve-slots-held.ts';
import { type Refusal, type SlotSupply, type SupplyPorts, slotSupply } from './reserve-slots-supply.ts';

export type Pacer = Omit<SlotSupply, 'refill' | 'lookAhead'> & {
  /** Waits for the next slot; never past `latestAt`. Calls must not overlap. */
  take(need: SlotNeed): Promise<Taken>;
};

/** A slot is void after `lateAt`, whatever is still to be done before the call. */
export type Taken = { readonly is: 'go'; readonly lateAt: number } | Refusal;

export function slotPacer(ports: SupplyPorts, calls: CallsUnderWay): Pacer {
  const { account, clock } = ports;
  const latenessMs = slotLatenessMs(account);
  const held = heldSlots(latenessMs);
  const appetite = slotAppetite(isFast(account), calls, held);
  const { refill, lookAhead, ...others } = slotSupply(ports, held, appetite);
  const take = async (need: SlotNeed): Promise<Taken> => {
    for (;;) {
      const now = clock.now();
      const slotAt = held.nextAt(now);
      if (slotAt === undefined) {
        const refused = await refill(need);
        if (refused !== undefined) return refused;
        continue;
      }
      if (slotAt >= need.latestAt) return { is: 'busy', freeAt: slotAt };
      lookAhead(need, now);
      if (slotAt <= now) {
        held.use();
        return { is: 'go', lateAt: slotAt + latenessMs };
      }
      await clock.sleep(Math.ceil(slotAt - now), need.signal);
    }
  };
  return { ...others, take };
}
