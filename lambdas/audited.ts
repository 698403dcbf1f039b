/** Around what a person asks for: the audit is told before it is done, and what came of it. */

import type { Operation, OperationVerb } from '../shared/core/audit-record.ts';
import { asFault } from '../shared/core/fault.ts';
import { announceAnswered, announceAsked } from '../shared/engine/announce-operation.ts';
import type { Ports } from '../shared/ports.ts';
import type { ApiAnswer } from './api-answers.ts';

/** The part of a request that is kept. */
export type Asked = {
  readonly verb: string;
  readonly syncId?: string | undefined;
  readonly planHash?: string | undefined;
  readonly by?: string | undefined;
};

/** Gives what `work` gives; looking at something is not recorded. Throws `audit_unavailable` before anything is done. */
export async function audited(
  ports: Pick<Ports, 'clock' | 'events' | 'telemetry'>,
  { verb, syncId, planHash, by }: Asked,
  requestId: string,
  work: () => Promise<ApiAnswer>,
): Promise<ApiAnswer> {
  if (!isVerb(verb) || syncId === undefined) return work();
  const operation: Operation = { requestId, verb, syncId, planHash, by: by ?? null, at: ports.clock.now() };
  await announceAsked(ports, operation);
  try {
    const answer = await work();
    await announceAnswered(ports, operation, answerOf(answer));
    return answer;
  } catch (error) {
    await announceAnswered(ports, operation, { ok: false, code: asFault(error).code });
    throw error;
  }
}

const VERBS: readonly string[] = ['run', 'approve', 'discard', 'pause', 'resume'] satisfies OperationVerb[];
const isVerb = (verb: string): verb is OperationVerb => VERBS.includes(verb);

function answerOf(answer: ApiAnswer): {
  readonly ok: boolean;
  readonly code?: string;
  readonly epoch?: number;
} {
  if (!answer.ok) return { ok: false, code: answer.code };
  const { epoch } = answer;
  return { ok: true, ...(typeof epoch === 'number' ? { epoch } : {}) };
}
