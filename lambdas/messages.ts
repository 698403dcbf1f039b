/**
 * A pointer as it comes from a queue. One of a later version of the code goes back; what was not sent by us is dropped.
 * Both leave a line in the log.
 */
import type { SQSRecord } from 'aws-lambda';
import type { LambdaTelemetry } from '../shared/aws/powertools-telemetry.ts';
import { type BatchMessage, readMessage } from '../shared/core/message.ts';

/** Undefined for what is to be dropped; throws for what is to come again. */
export function messageOf(telemetry: LambdaTelemetry, record: SQSRecord): BatchMessage | undefined {
  const read = readMessage(record.body);
  if (typeof read === 'object') return read;
  const requestId = record.messageId;
  if (read === 'later') {
    // Around a deploy, or after one was taken back: dropped, its batch would be missing until the run is fenced.
    telemetry.log('warn', 'message_of_a_later_version', { requestId });
    throw new Error('again');
  }
  telemetry.log('error', 'message_refused', { requestId });
  telemetry.count('messages_refused', 1);
  return undefined;
}
