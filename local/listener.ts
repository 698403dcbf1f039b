/**
 * One port for all services: a request says in its signature's credential scope which service it is meant for, and
 * its access key says who is asking. Signatures are not verified; keys are checked, and the port is on the loopback
 * interface only. A service that is not here answers 501, so nothing ever travels on to the real AWS.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Caller } from './iam/caller.ts';
import { notImplemented, type Service, ServiceError, sendError } from './wire.ts';

export type Listener = {
  /** `http://127.0.0.1:<port>` */
  readonly endpoint: string;
  /** Calls so far: `<service>.<action>` -> times. */
  readonly calls: Readonly<Record<string, number>>;
  close(): Promise<void>;
};

export type ListenerSettings = {
  /** 0 takes any free port. */
  readonly port: number;
  /** Asked per request, so that services may be added after the port is known. */
  readonly services: ReadonlyMap<string, Service>;
  callerOf(accessKey: string): Caller | undefined;
};

/** Longer than the SDK keeps an idle socket, or a request could meet a socket that is just being closed. */
const KEEP_ALIVE_MS = 120_000;

export async function startListener(settings: ListenerSettings): Promise<Listener> {
  const calls: Record<string, number> = {};
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 }, (request, response) => {
    void answer(settings, calls, request, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(settings.port, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    calls,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const SCOPE = /Credential=([A-Z0-9]+)\/\d{8}\/[a-z0-9-]+\/([a-z0-9-]+)\/aws4_request/;

async function answer(
  settings: ListenerSettings,
  calls: Record<string, number>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let protocol: Service['protocol'] = 'json';
  try {
    rejectForeignHost(request);
    const [, accessKey = '', signingName = ''] = SCOPE.exec(request.headers.authorization ?? '') ?? [];
    const service = settings.services.get(signingName);
    if (service !== undefined) protocol = service.protocol;
    const caller = settings.callerOf(accessKey);
    if (caller === undefined)
      throw new ServiceError('UnrecognizedClientException', 'no local role has this access key', 403);
    if (service === undefined) throw notImplemented(`service ${signingName}`);
    const count = (action: string): void => {
      const name = `${signingName}.${action}`;
      calls[name] = (calls[name] ?? 0) + 1;
    };
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    await service.handle({ request, response, url, caller, count });
  } catch (error) {
    sendError(response, protocol, asServiceError(error, request));
    // An unread body would be taken for the next request on this socket.
    if (!request.complete) request.resume();
  }
}

/** A page in a browser must not reach these services through a name that resolves to 127.0.0.1. */
function rejectForeignHost(request: IncomingMessage): void {
  const host = (request.headers.host ?? '').replace(/:\d+$/, '');
  if (host !== '127.0.0.1' && host !== 'localhost')
    throw new ServiceError('ForbiddenHost', `host ${host} is not served here; use 127.0.0.1`, 403);
}

function asServiceError(error: unknown, request: IncomingMessage): ServiceError {
  if (error instanceof ServiceError) return error;
  // The caller died, gave up, or the stack is stopping: what it asked for may be half gone, and nobody waits for it.
  if (request.socket.destroyed) return new ServiceError('RequestAborted', 'the caller went away');
  console.error('local stack: unexpected', error);
  return new ServiceError(
    'InternalServerError',
    error instanceof Error ? error.message : 'unknown error',
    500,
  );
}
