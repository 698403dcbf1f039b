/** A pointer as it comes from a queue: anything else was not sent by us, and is dropped with a line in the log. */
import type { SQSRecord } from 'aws-lambda';
import type { LambdaTelemetry } from '../shared/aws/powertools-telemetry.ts';
import { type BatchMessage, batchMessageSchema } from '../shared/core/message.ts';

export function messageOf(telemetry: LambdaTelemetry, record: SQSRecord): BatchMessage | undefined {
  const parsed = batchMessageSchema.safeParse(jsonOf(record.body));
  if (parsed.success) return parsed.data;
  telemetry.log('error', 'message_refused', { requestId: record.messageId });
  telemetry.count('messages_refused', 1);
  return undefined;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
