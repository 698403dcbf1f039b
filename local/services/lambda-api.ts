/** Lambda: Invoke, waiting for the answer (RequestResponse) or not (Event); GetAccountSettings. */
import { z } from 'zod';
import type { AsyncInvocations } from '../functions/async-invocations.ts';
import type { LocalFunction } from '../functions/function.ts';
import type { Authorizer } from '../iam/authorizer.ts';
import {
  type Exchange,
  notImplemented,
  parseInput,
  readBody,
  type Service,
  ServiceError,
  sendJson,
} from '../wire.ts';

export type Invocable = { readonly target: LocalFunction; readonly later: AsyncInvocations };

const invocationType = z.enum(['RequestResponse', 'Event']);
/** Waits that long for a free environment before it throttles: a laptop has no spare ones. */
const SLOT_MS_MAX = 20_000;

export function lambdaService(functions: readonly Invocable[], authorizer: Authorizer): Service {
  return {
    signingName: 'lambda',
    protocol: 'rest-json',
    async handle(exchange) {
      if (exchange.url.pathname === ACCOUNT_SETTINGS) return accountSettings(exchange, functions, authorizer);
      const [, name] = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/.exec(exchange.url.pathname) ?? [];
      if (name === undefined || exchange.request.method !== 'POST') throw notImplemented('this Lambda call');
      exchange.count('Invoke');
      const found = functionNamed(functions, decodeURIComponent(name));
      authorizer.authorize(exchange.caller, 'lambda:InvokeFunction', found.target.settings.arn);
      const type = parseInput(
        invocationType,
        exchange.request.headers['x-amz-invocation-type'] ?? 'RequestResponse',
      );
      const event = (await readBody(exchange.request)) || '{}';
      if (type === 'Event') {
        found.later.accept(event);
        exchange.response.writeHead(202, { 'content-length': 0 }).end();
      } else await answer(exchange, found.target, event);
    },
  };
}

const ACCOUNT_SETTINGS = '/2016-08-19/account-settings';
/** What an AWS account has unless it is new; nothing here counts against it. */
const CONCURRENT_MAX = 1000;

function accountSettings(exchange: Exchange, functions: readonly Invocable[], authorizer: Authorizer): void {
  exchange.count('GetAccountSettings');
  authorizer.authorize(exchange.caller, 'lambda:GetAccountSettings', '*');
  const reserved = functions.reduce((sum, { target }) => sum + (target.settings.reservedConcurrency ?? 0), 0);
  const AccountLimit = {
    ConcurrentExecutions: CONCURRENT_MAX,
    UnreservedConcurrentExecutions: CONCURRENT_MAX - reserved,
  };
  sendJson(exchange.response, 200, { AccountLimit });
}

async function answer({ response }: Exchange, target: LocalFunction, event: string): Promise<void> {
  await target.slot(AbortSignal.timeout(SLOT_MS_MAX));
  const result = await target.invoke(event);
  if (result === undefined)
    throw new ServiceError('TooManyRequestsException', `${target.settings.logicalId} is busy`, 429);
  response
    .writeHead(200, {
      'content-type': 'application/json',
      'x-amz-executed-version': '$LATEST',
      ...(result.is === 'error' ? { 'x-amz-function-error': 'Unhandled' } : {}),
    })
    .end(result.payload);
}

/** By name, ARN or ARN with a version. */
function functionNamed(functions: readonly Invocable[], given: string): Invocable {
  const found = functions.find(
    ({ target: { settings } }) =>
      given === settings.name || given === settings.arn || given === `${settings.arn}:$LATEST`,
  );
  if (found !== undefined) return found;
  throw new ServiceError('ResourceNotFoundException', `there is no function ${given}`, 404);
}
