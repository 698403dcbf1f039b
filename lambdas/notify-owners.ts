/** Tells owners what needs them: about one sync when something happened to it, and about all from time to time. */
import * as z from 'zod';
import { SYNC_ID } from '../shared/core/names.ts';
import { notifyOwner } from '../shared/engine/notify-owner.ts';
import { notifyOwners } from '../shared/engine/notify-owners.ts';
import { entry } from './entry.ts';
import { ownerPorts } from './owner-runtime.ts';

/** An event of the environment's bus; the schedule's input has no detail. */
const eventSchema = z.object({ detail: z.object({ syncId: z.string().regex(SYNC_ID) }).optional() });

export const handler = entry(ownerPorts, async (ports, event: unknown, { signal }) => {
  const { detail } = eventSchema.parse(event);
  if (detail === undefined) {
    const result = await notifyOwners(ports, { signal });
    ports.telemetry.log('info', 'owners_looked_after', result);
    return result;
  }
  const { syncId } = detail;
  const result = await notifyOwner(ports, { syncId });
  ports.telemetry.log('info', 'owner_looked_after', { syncId, ...result });
  return result;
});
