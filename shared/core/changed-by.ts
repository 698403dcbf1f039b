/**
 * Who wrote a definition: a claim that the writer leaves in the item, since a table's stream does not say it. The claim
 * names the content that it is about, so an edit by something that leaves none is not taken for an edit by the last
 * person who did. It is no proof: whoever may write the item may write the claim. CloudTrail's data events are proof.
 */
import * as z from 'zod';
import { fingerprintOf } from './accept.ts';
import { PRINCIPAL_CHARACTERS_MAX } from './limits.ts';

/** Attributes of the item that are no part of the definition. */
const BESIDE = ['item', 'changedBy'];

/** As AWS tells a caller: an ARN of a user, a role's session, or an account. */
export const principalSchema = z
  .string()
  .max(PRINCIPAL_CHARACTERS_MAX)
  .regex(/^arn:[a-z-]+:(iam|sts)::\d{12}:[\w+=,.@:/-]+$/);

const changedBySchema = z.object({
  principal: principalSchema,
  /** Epoch milliseconds, by the writer's clock. */
  at: z.number().nonnegative(),
  /** Fingerprint of the definition that was written. */
  of: z.string(),
});
export type ChangedBy = z.infer<typeof changedBySchema>;

type Item = Readonly<Record<string, unknown>>;

/** The definition in an item, as it is fingerprinted and checked. */
export function definitionIn(item: Item): Item {
  return Object.fromEntries(Object.entries(item).filter(([name]) => !BESIDE.includes(name)));
}

/** The claim to write beside a definition; undefined when the writer does not know who they are. */
export function changedBy(
  definition: Item,
  principal: string | undefined,
  at: number,
): ChangedBy | undefined {
  return principal === undefined ? undefined : { principal, at, of: fingerprintOf(definitionIn(definition)) };
}

/** Who made `after` of `before`, if the writer said so: a claim about this content that was not there before. */
export function authorOf(before: Item | undefined, after: Item): ChangedBy | undefined {
  const claim = changedBySchema.safeParse(after.changedBy);
  if (!claim.success || claim.data.of !== fingerprintOf(definitionIn(after))) return undefined;
  const isOld = fingerprintOf(before?.changedBy) === fingerprintOf(after.changedBy);
  return isOld ? undefined : claim.data;
}
