/**
 * Pointers from the two lanes of one destination account: reads the batch's bytes, maps, sends, settles. A batch that
 * is not done is handed back with the wait that the use case asks for; never by sending it again. A direct call may
 * ask instead whether the account works.
 */
import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import type { PartialItemFailureResponse } from '@aws-lambda-powertools/batch/types';
import { ChangeMessageVisibilityCommand } from '@aws-sdk/client-sqs';
import type { SQSEvent, SQSRecord } from 'aws-lambda';
import { awsCall } from '../shared/aws/aws-fault.ts';
import { asFault } from '../shared/core/fault.ts';
import { VISIBILITY_MS_MAX } from '../shared/core/limits.ts';
import type { AccountFindings } from '../shared/engine/check-account.ts';
import { loadBatch } from '../shared/engine/load-batch.ts';
import { type CheckRequest, checkOf, isCheckRequest } from './check-request.ts';
import { type Call, entry } from './entry.ts';
import { loaderPorts } from './loader-runtime.ts';
import { messageOf } from './messages.ts';
import { laneUrl, sqs } from './runtime.ts';
import { traced } from './traced.ts';

type LoaderRuntime = ReturnType<typeof loaderPorts>;

const processor = new BatchProcessor(EventType.SQS);

type Answer = PartialItemFailureResponse | AccountFindings;

export const handler = entry(
  loaderPorts,
  (ports, event: SQSEvent | CheckRequest, call): Promise<Answer> =>
    isCheckRequest(event) ? checkOf(ports, event, call) : loadAll(ports, event, call),
);

const loadAll = (ports: LoaderRuntime, event: SQSEvent, call: Call): Promise<PartialItemFailureResponse> =>
  processPartialResponse(event, (record: SQSRecord) => load(ports, record, call), processor, {
    processInParallel: false,
    throwOnFullBatchFailure: false,
  });

async function load(ports: LoaderRuntime, record: SQSRecord, call: Call): Promise<void> {
  const message = messageOf(ports.telemetry, record);
  if (message === undefined) return;
  const receivedAt = ports.clock.now();
  const receiveCount = Number(record.attributes.ApproximateReceiveCount);
  const firstReceivedAt = Number(record.attributes.ApproximateFirstReceiveTimestamp);
  try {
    const { deadlineAt, signal } = call;
    const received = { message, receiveCount, firstReceivedAt, receivedAt };
    const { syncId, epoch, shard, ordinal } = message;
    const batch = { syncId, epoch, shard, ordinal, receiveCount, account: ports.account.name };
    const result = await traced(ports.telemetry, 'load_batch', batch, () =>
      loadBatch(ports, { ...received, deadlineAt, signal }),
    );
    if (result.is === 'done') return;
    await hide(record, result.afterMs);
  } catch (error) {
    ports.telemetry.failed(asFault(error));
  }
  throw new Error('again');
}

/** Makes the message visible again after a wait; SQS counts whole seconds, at most twelve hours from the receipt. */
async function hide(record: SQSRecord, afterMs: number): Promise<void> {
  const seconds = Math.ceil(Math.min(Math.max(0, afterMs), VISIBILITY_MS_MAX - RECEIPT_AGE_MS_MAX) / 1000);
  const command = new ChangeMessageVisibilityCommand({
    QueueUrl: laneUrl(record.eventSourceARN),
    ReceiptHandle: record.receiptHandle,
    VisibilityTimeout: seconds,
  });
  await awsCall('ChangeMessageVisibility in a lane', () => sqs().send(command));
}

/** Lambda's longest timeout: no receipt is older than that while its handler runs. */
const RECEIPT_AGE_MS_MAX = 900_000;
