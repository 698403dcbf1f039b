/**
 * What `tailrace doctor` asks of a loader, the only function that may read its account's secret:
 * `{ verb: check, targets: [{ object, options? }] }`, by a direct call. Who may call is decided by
 * `lambda:InvokeFunction` on the loader; nothing of the answer is a value of the secret.
 */
import * as z from 'zod';
import { CHECK_TARGETS_MAX } from '../shared/core/limits.ts';
import { type AccountFindings, checkAccount } from '../shared/engine/check-account.ts';
import type { LoaderPorts } from '../shared/ports.ts';
import type { Call } from './entry.ts';

const checkRequestSchema = z.strictObject({
  verb: z.literal('check'),
  targets: z
    .array(
      z.strictObject({ object: z.string().max(1024), options: z.record(z.string(), z.json()).default({}) }),
    )
    .max(CHECK_TARGETS_MAX),
});
export type CheckRequest = z.input<typeof checkRequestSchema>;

/** An event of a queue has records, and a check has a verb. */
export const isCheckRequest = (event: object): event is CheckRequest =>
  (event as { verb?: unknown }).verb === 'check';

/** Throws when the request is not one. */
export function checkOf(ports: LoaderPorts, event: CheckRequest, { signal }: Call): Promise<AccountFindings> {
  const { targets } = checkRequestSchema.parse(event);
  return checkAccount(ports.account, ports.destination, { targets, signal });
}
