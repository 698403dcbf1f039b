/**
 * Adds to the audit bucket: writes of definitions from their table's stream, what people asked the engine for and ends
 * of runs from the bus, and once a day the runs whose event was lost.
 */
import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import type { DynamoDBRecord, DynamoDBStreamEvent } from 'aws-lambda';
import * as z from 'zod';
import type { LambdaTelemetry } from '../shared/aws/powertools-telemetry.ts';
import { principalSchema } from '../shared/core/changed-by.ts';
import { asFault } from '../shared/core/fault.ts';
import { SYNC_ID } from '../shared/core/names.ts';
import { type AuditPorts, auditOperation, auditRun } from '../shared/engine/audit.ts';
import { auditMissingRuns } from '../shared/engine/audit-missing-runs.ts';
import { auditPorts } from './audit-runtime.ts';
import { auditWrite } from './audit-write.ts';
import { entry } from './entry.ts';

const syncId = z.string().regex(SYNC_ID);
const runSchema = z.object({ syncId, epoch: z.int().positive() });
const operationSchema = z.object({
  requestId: z.string().regex(/^[\w-]{1,64}$/),
  verb: z.enum(['run', 'approve', 'discard', 'pause', 'resume']),
  syncId,
  planHash: z
    .string()
    .regex(/^[0-9a-f]{8,64}$/)
    .optional(),
  by: principalSchema.nullable(),
  at: z.number(),
});
const answerSchema = z.object({
  ok: z.boolean(),
  code: z.string().optional(),
  epoch: z.int().optional(),
});
const busEventSchema = z.object({ 'detail-type': z.string(), detail: z.unknown() });

const processor = new BatchProcessor(EventType.DynamoDBStreams);

export const handler = entry(auditPorts, async (ports, event: unknown, { signal }) => {
  if (isStream(event)) {
    return processPartialResponse(event, (record: DynamoDBRecord) => auditRecord(ports, record), processor, {
      processInParallel: false,
      throwOnFullBatchFailure: false,
    });
  }
  const fromBus = busEventSchema.safeParse(event);
  if (fromBus.success) return auditEvent(ports, fromBus.data['detail-type'], fromBus.data.detail);
  const result = await auditMissingRuns(ports, { signal });
  ports.telemetry.log('info', 'runs_looked_after', result);
  return result;
});

const isStream = (event: unknown): event is DynamoDBStreamEvent =>
  Array.isArray((event as { Records?: unknown } | null)?.Records);

async function auditRecord(ports: ReturnType<typeof auditPorts>, record: DynamoDBRecord): Promise<void> {
  const { S: key = '' } = record.dynamodb?.Keys?.syncId ?? {};
  ports.telemetry.about(SYNC_ID.test(key) ? { syncId: key } : {});
  try {
    await auditWrite(ports, record);
  } catch (error) {
    ports.telemetry.failed(asFault(error));
    throw new Error('again');
  }
}

/** An event of the bus; what is logged names its sync and run. Throws ZodError for one that is not ours. */
export async function auditEvent(
  ports: AuditPorts & { readonly telemetry: LambdaTelemetry },
  type: string,
  detail: unknown,
): Promise<void> {
  if (type === 'Operator Asked' || type === 'Operator Answered') {
    const operation = operationSchema.parse(detail);
    const answer = type === 'Operator Answered' ? answerSchema.parse(detail) : undefined;
    const { epoch } = answer ?? {};
    ports.telemetry.about({ syncId: operation.syncId, ...(epoch === undefined ? {} : { epoch }) });
    return auditOperation(ports, operation, answer);
  }
  const { syncId: id, epoch } = runSchema.parse(detail);
  await auditOne(ports, id, epoch);
  // The event of the run before may have been lost; asking again for what is there writes nothing.
  if (epoch > 1) await auditOne(ports, id, epoch - 1);
}

async function auditOne(
  ports: Parameters<typeof auditEvent>[0],
  syncId: string,
  epoch: number,
): Promise<void> {
  ports.telemetry.about({ syncId, epoch });
  await auditRun(ports, { syncId, epoch });
}
