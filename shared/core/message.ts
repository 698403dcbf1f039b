/**
 * What travels through SQS: a pointer to one batch, never rows. Identity is (epoch, shard, ordinal), never the
 * MessageId. The destination and the fields come from the frozen definition, never from the message.
 *
 * Around a deploy messages of two versions are under way. A loader reads its own and the one before it; one of a
 * version that is still to come goes back to the queue, for the loaders that will come with it.
 */
import * as z from 'zod';
import { SYNC_ID } from './names.ts';

export const batchMessageSchema = z.strictObject({
  /** Format version. */
  v: z.literal(1),
  syncId: z.string().regex(SYNC_ID),
  epoch: z.int().positive(),
  shard: z.int().nonnegative(),
  /** Position of the batch within its shard, 0 to 63. */
  ordinal: z.int().min(0).max(63),
});

export type BatchMessage = z.infer<typeof batchMessageSchema>;

/** Reads one version of a message as a present one; undefined for what is none of it. */
export type MessageFormat = (value: unknown) => BatchMessage | undefined;

/** By version: the present one, and the one before it. So far there has been one. */
export const MESSAGE_FORMATS: Readonly<Record<number, MessageFormat>> = {
  1: (value) => batchMessageSchema.safeParse(value).data,
};

/** `later`: give it back, a newer version of the code has sent it. `foreign`: not sent by us. */
export function readMessage(body: string, formats = MESSAGE_FORMATS): BatchMessage | 'later' | 'foreign' {
  const value = jsonOf(body);
  const version = versionSchema.safeParse(value).data?.v;
  if (version === undefined) return 'foreign';
  if (version > Math.max(...Object.keys(formats).map(Number))) return 'later';
  return formats[version]?.(value) ?? 'foreign';
}

const versionSchema = z.looseObject({ v: z.int().positive() });

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** express: runs of few batches, so that they do not wait behind a first sync; bulk: everything else. */
export type Lane = 'express' | 'bulk';
