/** Edits of definitions, from the table's stream: validates what is written now, and brings the schedule in line. */
import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import type { DynamoDBRecord, DynamoDBStreamEvent } from 'aws-lambda';
import { asFault } from '../shared/core/fault.ts';
import { noteSync } from '../shared/engine/note-sync.ts';
import { type ReconcileResult, reconcileSync } from '../shared/engine/reconcile-sync.ts';
import { entry } from './entry.ts';
import { commonPorts, definitionsPort, schedulesPort, warehousePort } from './runtime.ts';
import { targetFaults } from './target-faults.ts';
import { traced } from './traced.ts';

const ports = () => ({
  ...commonPorts(),
  definitions: definitionsPort(),
  schedules: schedulesPort(),
  warehouse: warehousePort(),
});

const processor = new BatchProcessor(EventType.DynamoDBStreams);

export const handler = entry(ports, (built, event: DynamoDBStreamEvent) =>
  processPartialResponse(event, (record: DynamoDBRecord) => reconcile(built, record), processor, {
    processInParallel: false,
    throwOnFullBatchFailure: false,
  }),
);

/** The record only says which sync was edited: what is written now is read again, so the order does not matter. */
async function reconcile(built: ReturnType<typeof ports>, record: DynamoDBRecord): Promise<void> {
  const syncId = record.dynamodb?.Keys?.syncId?.S;
  if (syncId === undefined) return;
  try {
    const { accounts } = built.settings;
    const work = () => reconcileSync(built, { syncId, targetFaults: (sync) => targetFaults(accounts, sync) });
    const result = await traced(built.telemetry, 'reconcile', { syncId }, work, saidOf);
    if (result.is !== 'deleted') await noteSync(built, syncId);
  } catch (error) {
    built.telemetry.failed(asFault(error));
    throw new Error('again');
  }
}

/** Of a refusal its first code; the status item has them all, with path and remedy. */
const saidOf = (result: ReconcileResult): { readonly is: string; readonly code?: string } =>
  result.is === 'refused' && result.faults[0] !== undefined
    ? { is: result.is, code: result.faults[0].code }
    : { is: result.is };
