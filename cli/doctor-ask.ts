/** Direct calls of functions: the api's verb `check`, and a loader's. What comes back is parsed; a failure is an error. */
import { InvokeCommand } from '@aws-sdk/client-lambda';
import { z } from 'zod';
import type { Clients } from './doctor-subject.ts';

const findingState = z.enum(['ok', 'failed', 'unclear', 'unused']);

const apiAnswerSchema = z.object({
  ok: z.literal(true),
  now: z.number(),
  findings: z.array(
    z.object({
      check: z.enum([
        'tables',
        'connection',
        'statement_timeout',
        'temporary_tables',
        'engine_schema',
        'unload',
        'copy',
        'model',
      ]),
      syncId: z.string().optional(),
      is: findingState,
      code: z.string().optional(),
      value: z.string(),
    }),
  ),
});
export type ApiAnswer = z.infer<typeof apiAnswerSchema>;
export type Finding = ApiAnswer['findings'][number];

const accountFinding = {
  is: findingState,
  code: z.string().optional(),
  value: z.string(),
  remedy: z.string().optional(),
};
const loaderAnswerSchema = z.object({
  account: z.string(),
  destination: z.string(),
  secret: z.object(accountFinding),
  targets: z.array(z.object({ ...accountFinding, object: z.string() })),
});
export type LoaderAnswer = z.infer<typeof loaderAnswerSchema>;

/** Without sync ids: what does not depend on a definition. With them: the model of each. */
export const askApi = (
  { lambda }: Clients,
  apiFunction: string,
  syncIds?: readonly string[],
): Promise<ApiAnswer> =>
  invoked(
    lambda,
    apiFunction,
    { verb: 'check', ...(syncIds === undefined ? {} : { syncIds }) },
    apiAnswerSchema,
  );

/** What a loader finds out about its account. */
export const askLoader = (
  { lambda }: Clients,
  loader: string,
  targets: readonly object[],
): Promise<LoaderAnswer> => invoked(lambda, loader, { verb: 'check', targets }, loaderAnswerSchema);

async function invoked<T>(
  lambda: Clients['lambda'],
  FunctionName: string,
  question: object,
  schema: z.ZodType<T>,
): Promise<T> {
  const answer = await lambda.send(
    new InvokeCommand({ FunctionName, Payload: Buffer.from(JSON.stringify(question)) }),
  );
  const text = Buffer.from(answer.Payload ?? []).toString('utf8');
  if (answer.FunctionError !== undefined) throw named('FunctionFailed');
  const parsed = schema.safeParse(JSON.parse(text));
  if (!parsed.success) throw named('AnswerOfAnotherVersion');
  return parsed.data;
}

const named = (name: string): Error => Object.assign(new Error(name), { name });
