/** Asks the environment's api function and reads its answer; what it refuses becomes a Fault with its words. */
import { InvokeCommand } from '@aws-sdk/client-lambda';
import { z } from 'zod';
import { Fault } from '../shared/core/fault.ts';
import type { Environment } from './environment.ts';
import { principalOf } from './principal.ts';

export type Verb = 'run' | 'status' | 'approve' | 'discard' | 'pause' | 'resume';
export type Question = { readonly verb: Verb; readonly syncId?: string; readonly planHash?: string };

const answerSchema = z.discriminatedUnion('ok', [
  z.looseObject({ ok: z.literal(true) }),
  z.looseObject({
    ok: z.literal(false),
    code: z.string(),
    message: z.string(),
    remedy: z.string().optional(),
  }),
]);

/** The members of an `ok` answer. Throws a `config` Fault when it is refused, a `bug` when the function failed. */
export async function invoke(
  environment: Environment,
  question: Question,
): Promise<Readonly<Record<string, unknown>>> {
  const { lambda, apiFunction } = environment;
  const by = question.verb === 'status' ? undefined : await principalOf(environment);
  const payload = JSON.stringify({ ...question, by });
  const answer = await lambda.send(
    new InvokeCommand({ FunctionName: apiFunction, Payload: Buffer.from(payload) }),
  );
  const text = Buffer.from(answer.Payload ?? []).toString('utf8');
  const parsed = answerSchema.safeParse(parsedJson(text));
  if (answer.FunctionError !== undefined || !parsed.success) {
    throw new Fault('bug', 'api_failed', `the api function failed on ${question.verb}`, {
      remedy: "Look at the api function's log; please report it.",
    });
  }
  if (parsed.data.ok) return parsed.data;
  const { code, message, remedy } = parsed.data;
  throw new Fault('config', code, message, remedy === undefined ? {} : { remedy });
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
