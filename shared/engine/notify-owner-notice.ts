/** The NOTICE item of a sync: what its owner has been told and when a message was last begun. No run depends on it. */
import { noticeItemSchema } from '../core/state-items.ts';
import type { Item } from '../ports.ts';

export type Notice = {
  /** Grows with every write; 0: there is no item. */
  readonly rev: number;
  /** When a message about trouble was last begun, epoch milliseconds. */
  readonly triedAt?: number | undefined;
  /** When the message that all is well was last begun. */
  readonly healTriedAt?: number | undefined;
  /** Fingerprint of the state that was last looked at in full. */
  readonly looked?: string | undefined;
  readonly told?: Told | undefined;
};

/** Trouble that the owner knows of, or was about to be told of. */
export type Told = {
  readonly at: number;
  /** Fingerprint of what was said. */
  readonly signature: string;
  /** False from the claim until the topic has taken the message. */
  readonly sure: boolean;
  /** All of it is over only after a commit of this epoch or a later one. */
  readonly healsAt: number;
  readonly rows: boolean;
  /** Rows without a key were among them. */
  readonly unkeyed: boolean;
};

/** Throws ZodError on an item that is not ours. */
export function noticeOf(item: Item | undefined): Notice {
  return item === undefined ? { rev: 0 } : noticeItemSchema.parse(item);
}
