/** Tells owners what needs them: about one sync when something happened to it, and about all from time to time. */
import * as z from 'zod';
import type { LambdaTelemetry } from '../shared/aws/powertools-telemetry.ts';
import { SYNC_ID } from '../shared/core/names.ts';
import { type NotifyResult, notifyOwner, type OwnerPorts } from '../shared/engine/notify-owner.ts';
import { notifyOwners } from '../shared/engine/notify-owners.ts';
import { entry } from './entry.ts';
import { ownerPorts } from './owner-runtime.ts';

/** An event of the environment's bus, with the run that it is about if it is about one; the schedule's input has no detail. */
const eventSchema = z.object({
  detail: z
    .object({ syncId: z.string().regex(SYNC_ID), epoch: z.int().positive().optional().catch(undefined) })
    .optional(),
});

export const handler = entry(ownerPorts, async (ports, event: unknown, { signal }) => {
  const { detail } = eventSchema.parse(event);
  if (detail !== undefined) return notifyAfter(ports, detail);
  const result = await notifyOwners(ports, { signal });
  ports.telemetry.log('info', 'owners_looked_after', result);
  return result;
});

/** Something has happened to a sync: every line that follows names it, and its run. */
export async function notifyAfter(
  ports: OwnerPorts & { readonly telemetry: LambdaTelemetry },
  { syncId, epoch }: { readonly syncId: string; readonly epoch?: number | undefined },
): Promise<NotifyResult> {
  ports.telemetry.about({ syncId, ...(epoch === undefined ? {} : { epoch }) });
  const result = await notifyOwner(ports, { syncId });
  ports.telemetry.log('info', 'owner_looked_after', result);
  return result;
}
