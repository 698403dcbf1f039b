/** A tick of a sync's schedule: acquires the sync and submits its extraction. Nothing waits for the warehouse. */
import * as z from 'zod';
import { SYNC_ID } from '../shared/core/names.ts';
import { startRun } from '../shared/engine/start-run.ts';
import { entry } from './entry.ts';
import { commonPorts, definitionsPort, warehousePort } from './runtime.ts';
import { traced } from './traced.ts';

/** As the schedule's input says; Scheduler fills in the time. */
const tickSchema = z.object({
  syncId: z.string().regex(SYNC_ID),
  scheduledAt: z.iso.datetime({ offset: true }).transform((text) => Date.parse(text)),
});

export const handler = entry(
  () => ({ ...commonPorts(), definitions: definitionsPort(), warehouse: warehousePort() }),
  async (ports, event: unknown, { requestId: owner }) => {
    const tick = tickSchema.parse(event);
    const { syncId } = tick;
    return traced(ports.telemetry, 'start_run', { syncId }, () => startRun(ports, { ...tick, owner }));
  },
);
