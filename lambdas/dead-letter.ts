/** Pointers that were given up: evidence, metric, and their rows settled as dead. */
import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import type { SQSEvent, SQSRecord } from 'aws-lambda';
import { asFault } from '../shared/core/fault.ts';
import { buryBatch } from '../shared/engine/bury-batch.ts';
import { entry } from './entry.ts';
import { messageOf } from './messages.ts';
import { type CommonPorts, commonPorts } from './runtime.ts';
import { traced } from './traced.ts';

const processor = new BatchProcessor(EventType.SQS);

export const handler = entry(commonPorts, (ports, event: SQSEvent) =>
  processPartialResponse(event, (record: SQSRecord) => bury(ports, record), processor, {
    processInParallel: false,
    throwOnFullBatchFailure: false,
  }),
);

async function bury(ports: CommonPorts, record: SQSRecord): Promise<void> {
  const message = messageOf(ports.telemetry, record);
  if (message === undefined) return;
  try {
    const { syncId, epoch, shard, ordinal } = message;
    const deliveryId = record.messageId.replaceAll('-', '');
    await traced(ports.telemetry, 'dead_letter', { syncId, epoch, shard, ordinal }, () =>
      buryBatch(ports, { message, deliveryId }),
    );
  } catch (error) {
    ports.telemetry.failed(asFault(error));
    throw new Error('again');
  }
}
