/** The last batch of a run is settled: counts are checked and the run is committed, or fenced. */
import * as z from 'zod';
import { SYNC_ID } from '../shared/core/names.ts';
import { finishRun } from '../shared/engine/finish-run.ts';
import { entry } from './entry.ts';
import { commonPorts } from './runtime.ts';
import { traced } from './traced.ts';

/** `Run Settled` on the environment's bus. */
const settledSchema = z.object({
  detail: z.object({ syncId: z.string().regex(SYNC_ID), epoch: z.int().positive() }),
});

export const handler = entry(commonPorts, async (ports, event: unknown) => {
  const { syncId, epoch } = settledSchema.parse(event).detail;
  return traced(ports.telemetry, 'finish_run', { syncId, epoch }, () => finishRun(ports, { syncId, epoch }));
});
