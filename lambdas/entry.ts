/**
 * Around every handler: the request's context in each log line, a signal that fires before Lambda's own timeout does,
 * metrics written at the end, and errors that carry a code out of the function and nothing else.
 */
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import type { LambdaTelemetry } from '../shared/aws/powertools-telemetry.ts';
import { asFault } from '../shared/core/fault.ts';

export type Call = {
  /** Stays the same when Lambda tries an asynchronous event again. */
  readonly requestId: string;
  /** Epoch milliseconds: by then the handler must have written down what it has done. */
  readonly deadlineAt: number;
  /** Aborts at `deadlineAt`, and when the handler has returned: a frozen environment must not send later. */
  readonly signal: AbortSignal;
};

/**
 * A Lambda handler around a use case.
 *
 * @param ports built at the first event and kept for the life of the execution environment
 * @param use gets the event as it came: parsing it is the handler's business
 */
export function entry<Ports extends { readonly telemetry: LambdaTelemetry }, Event, Result>(
  ports: () => Ports,
  use: (ports: Ports, event: Event, call: Call) => Promise<Result>,
): (event: Event, context: Context) => Promise<Result> {
  const kept = once(ports);
  const handle = async (event: Event, context: Context): Promise<Result> => {
    const { telemetry } = kept();
    const deadline = startDeadline(context);
    try {
      return await use(kept(), event, { requestId: context.awsRequestId, ...deadline.call });
    } catch (error) {
      const fault = asFault(error);
      telemetry.failed(fault);
      // The runtime logs what is thrown, message and all.
      throw Object.assign(new Error(fault.code), { name: `Fault.${fault.kind}`, stack: '' });
    } finally {
      deadline.end();
      telemetry.flush();
    }
  };
  const wrapped = middy(handle, NO_EARLY_ANSWER);
  let isReady = false;
  return (event, context) => {
    if (!isReady) wrapped.use(injectLambdaContext(kept().telemetry.logger));
    isReady = true;
    return wrapped(event, context) as Promise<Result>;
  };
}

/**
 * By default middy answers with an error just before Lambda's own timeout. The environment would then live on with the
 * handler's work still going on in it, thawed by the next event long after its hard timeout, which the grace between two
 * runs counts on. Lambda's timeout ends the environment, and what was going on in it.
 */
const NO_EARLY_ANSWER = { timeoutEarlyInMillis: 0 };

/** What is left of a function's time when work must stop: a tenth, at least half a second, at most five. */
const MARGIN_SHARE = 0.1;
const MARGIN_MS_MIN = 500;
const MARGIN_MS_MAX = 5000;

function startDeadline(context: Context): { readonly call: Omit<Call, 'requestId'>; end(): void } {
  const leftMs = context.getRemainingTimeInMillis();
  const marginMs = Math.min(MARGIN_MS_MAX, Math.max(MARGIN_MS_MIN, leftMs * MARGIN_SHARE));
  const workMs = Math.max(0, leftMs - marginMs);
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), workMs);
  return {
    call: { deadlineAt: Date.now() + workMs, signal: controller.signal },
    end: () => {
      clearTimeout(timer);
      controller.abort();
    },
  };
}

export function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
