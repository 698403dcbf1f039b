/**
 * Guarded HTTP/1.1 with a connection pool: the only way out for destinations whose wire is HTTP.
 *
 * Each socket is pinned to an address that the guard has checked; the name is still what TLS verifies. No
 * redirects, no cookies, no decompression, a capped answer, one deadline for the whole exchange. An abort
 * destroys the socket: after `send` has rejected, nothing more leaves this process.
 */
import { Agent, buildConnector, type Dispatcher } from 'undici';
import { Fault } from '../core/fault.ts';
import { CONNECT_MS_MAX, CONNECTIONS_MAX, RESPONSE_BYTES_MAX } from '../core/limits.ts';
import type { HttpClient, HttpRequest, HttpResponse } from './destination.ts';
import { canonicalHost, type UrlGuard } from './network-guard.ts';
import { abortedFault, transportFault } from './transport-fault.ts';

export type ClosableHttpClient = HttpClient & {
  /** Destroys every socket. */
  close(): Promise<void>;
};

/**
 * Takes the account's guard and, where its servers have certificates of a private authority, that authority as
 * PEM text. `send` throws `config` Faults `url_invalid`, `address_refused`, `header_invalid`, `redirect_refused`
 * and `certificate_refused`, and transient ones (`timeout`, `connection_failed`, `connection_cut`, `aborted`).
 */
export function httpClient(guard: UrlGuard, ca?: string): ClosableHttpClient {
  const agent = new Agent({
    connections: CONNECTIONS_MAX,
    pipelining: 1,
    allowH2: false,
    connect: pinnedConnector(guard, ca),
  });
  return {
    send: (request, signal) => send(agent, guard.checkUrl(request.url), request, signal),
    close: () => agent.destroy(),
  };
}

function pinnedConnector(guard: UrlGuard, ca: string | undefined): buildConnector.connector {
  const connect = buildConnector({
    timeout: CONNECT_MS_MAX,
    allowH2: false,
    ...(ca === undefined ? {} : { ca }),
  });
  return (options, callback) => {
    const secure = options.protocol === 'https:';
    const port = Number(options.port) || (secure ? 443 : 80);
    guard.resolve(canonicalHost(options.hostname), port).then(
      // `host` still carries the name: TLS sends and verifies it, while the socket goes to the checked address.
      ({ address }) => connect({ ...options, hostname: address }, callback),
      (error: Error) => callback(error, null),
    );
  };
}

async function send(
  agent: Agent,
  url: URL,
  request: HttpRequest,
  signal: AbortSignal,
): Promise<HttpResponse> {
  const headers = checkedHeaders(request.headers);
  if (signal.aborted) throw abortedFault(url.host);
  const receiver = receive(url);
  const onAbort = (): void => receiver.giveUp(abortedFault(url.host));
  signal.addEventListener('abort', onAbort, { once: true });
  const onTimeout = (): void => receiver.giveUp(timeoutFault(url, request.timeoutMs));
  const timer = setTimeout(onTimeout, request.timeoutMs);
  try {
    const options: Dispatcher.DispatchOptions = {
      origin: url.origin,
      path: url.pathname + url.search,
      method: request.method as Dispatcher.HttpMethod,
      headers,
      body: request.body ?? null,
      headersTimeout: 0,
      bodyTimeout: 0,
    };
    agent.dispatch(options, receiver.handler);
    return await receiver.answer;
  } catch (error) {
    throw transportFault(error, url.host);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

/**
 * Takes an answer straight from the parser: no stream object for each of many small answers. `giveUp` destroys the
 * socket before it rejects; a request that still waits for a socket ends before its first byte is written.
 */
function receive(url: URL) {
  const { promise: answer, resolve, reject } = Promise.withResolvers<HttpResponse>();
  const chunks: Buffer[] = [];
  let bytes = 0;
  let status = 0;
  let headers: HttpResponse['headers'] = {};
  let controller: Dispatcher.DispatchController | undefined;
  let given: Fault | undefined;
  const giveUp = (fault: Fault): void => {
    given = fault;
    controller?.abort(fault);
    reject(fault);
  };
  const finish = (): void => resolve({ status, headers, body: Buffer.concat(chunks).toString('utf8') });
  const handler: Dispatcher.DispatchHandler = {
    onRequestStart: (started) => {
      controller = started;
      if (given !== undefined) started.abort(given);
    },
    onResponseStart: (_controller, code, received) => {
      status = code;
      headers = flat(received);
      if (code >= 300 && code < 400) giveUp(redirectFault(url));
    },
    onResponseData: (current, chunk) => {
      chunks.push(chunk.subarray(0, RESPONSE_BYTES_MAX - bytes));
      bytes += chunk.length;
      if (bytes <= RESPONSE_BYTES_MAX) return;
      finish();
      current.abort(new Error('the answer is cut at its limit'));
    },
    onResponseEnd: finish,
    onResponseError: (_controller, error) => reject(error),
  };
  return { answer, handler, giveUp };
}

function flat(headers: Readonly<Record<string, string | string[] | undefined>>): HttpResponse['headers'] {
  const joined: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) joined[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return joined;
}

function redirectFault(url: URL): Fault {
  return new Fault('config', 'redirect_refused', `${url.host} answered with a redirect`, {
    remedy: 'Write the address that it redirects to; redirects are never followed.',
  });
}

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Control characters (tab included) and what does not fit in one byte. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding control characters is its purpose
const HEADER_VALUE = /^[^\u0000-\u001f\u007f\u0100-\uffff]*$/;

function checkedHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const checked: Record<string, string> = { 'accept-encoding': 'identity' };
  for (const [name, value] of Object.entries(headers)) {
    if (!HEADER_NAME.test(name)) throw headerInvalid('a header name has characters that are not allowed');
    if (!HEADER_VALUE.test(value)) throw headerInvalid(`the value of header ${name} has control characters`);
    if (name.toLowerCase() !== 'accept-encoding') checked[name] = value;
  }
  return checked;
}

function headerInvalid(message: string): Fault {
  return new Fault('config', 'header_invalid', message, {
    remedy: 'Look for line breaks and letters outside Latin-1 in the settings and in the secret.',
  });
}

function timeoutFault(url: URL, timeoutMs: number): Fault {
  return new Fault('transient', 'timeout', `${url.host} gave no answer within ${timeoutMs} ms`);
}
