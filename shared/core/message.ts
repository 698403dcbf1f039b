/**
 * What travels through SQS: a pointer to one batch, never rows. Identity is (epoch, shard, ordinal), never the
 * MessageId. The destination and the fields come from the frozen definition, never from the message.
 */
import * as z from 'zod';
import { SYNC_ID } from './names.ts';

export const batchMessageSchema = z.strictObject({
  /** Format version; a loader handles this one and the one before it, so a deploy may happen mid-run. */
  v: z.literal(1),
  syncId: z.string().regex(SYNC_ID),
  epoch: z.int().positive(),
  shard: z.int().nonnegative(),
  /** Position of the batch within its shard, 0 to 63. */
  ordinal: z.int().min(0).max(63),
});

export type BatchMessage = z.infer<typeof batchMessageSchema>;

/** express: runs of few batches, so that they do not wait behind a first sync; bulk: everything else. */
export type Lane = 'express' | 'bulk';
