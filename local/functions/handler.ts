/**
 * What runs inside an execution environment, whatever kind it is: loads the function's bundle once, then answers one
 * invocation at a time, as Lambda's own runtime does. It sees only the environment variables that the template and the
 * stack give it.
 */
import { pathToFileURL } from 'node:url';

export type Bootstrap = { readonly file: string; readonly exportName: string; readonly functionArn: string };
export type Invocation = { readonly requestId: string; readonly event: string; readonly deadlineAt: number };
export type Answer =
  | { readonly is: 'ready' }
  | { readonly is: 'result'; readonly payload: string }
  | { readonly is: 'error'; readonly payload: string };

/** Loads the bundle; the function it gives never throws. */
export async function loadFunction(
  bootstrap: Bootstrap,
): Promise<(invocation: Invocation) => Promise<Answer>> {
  const handler = await loadHandler(bootstrap);
  return async (invocation) => {
    try {
      const result = await handler(JSON.parse(invocation.event), contextOf(bootstrap, invocation));
      return { is: 'result', payload: JSON.stringify(result ?? null) };
    } catch (error) {
      return { is: 'error', payload: JSON.stringify(describe(error)) };
    }
  };
}

type Handler = (event: unknown, context: object) => unknown;

async function loadHandler({ file, exportName }: Bootstrap): Promise<Handler> {
  const module = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  const found = module[exportName] ?? (module.default as Record<string, unknown> | undefined)?.[exportName];
  if (typeof found !== 'function') throw new Error(`${file} exports no function ${exportName}`);
  return found as Handler;
}

const contextOf = ({ functionArn }: Bootstrap, { requestId, deadlineAt }: Invocation): object => ({
  functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
  functionVersion: '$LATEST',
  invokedFunctionArn: functionArn,
  memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
  awsRequestId: requestId,
  logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
  logStreamName: 'local',
  callbackWaitsForEmptyEventLoop: false,
  getRemainingTimeInMillis: () => deadlineAt - Date.now(),
});

/** Lambda's document for an unhandled error; the cause goes to the log, where Lambda puts it too. */
function describe(error: unknown): object {
  console.error(error);
  if (!(error instanceof Error)) return { errorType: typeof error, errorMessage: String(error), trace: [] };
  return {
    errorType: error.name,
    errorMessage: error.message,
    trace: (error.stack ?? '').split('\n').slice(0, 20),
  };
}
