/** The end of a Redshift statement: guards, batches, pointers to the lanes, seal. */
import * as z from 'zod';
import { parseStatementName } from '../shared/core/names.ts';
import { fanOut } from '../shared/engine/fan-out.ts';
import { entry } from './entry.ts';
import { commonPorts, queuePort, warehousePort } from './runtime.ts';
import { traced } from './traced.ts';

/** EventBridge, `Redshift Data Statement Status Change`; only what is read. */
const statementEndSchema = z.object({
  detail: z.object({
    statementName: z.string(),
    statementId: z.string(),
    state: z.enum(['FINISHED', 'FAILED', 'ABORTED']),
  }),
});

const STATEMENT = { FINISHED: 'finished', FAILED: 'failed', ABORTED: 'aborted' } as const;

export const handler = entry(
  () => ({ ...commonPorts(), queue: queuePort(), warehouse: warehousePort() }),
  async (ports, event: unknown, { signal }) => {
    const { statementName, statementId, state } = statementEndSchema.parse(event).detail;
    const run = parseStatementName(ports.settings.environment, statementName);
    if (run === undefined) return { is: 'foreign' as const };
    const work = () => fanOut(ports, { ...run, statementId, statement: STATEMENT[state], signal });
    return traced(ports.telemetry, 'fan_out', { ...run, statementId, state }, work);
  },
);
