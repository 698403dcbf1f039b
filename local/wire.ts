/**
 * What the local services share on the wire: an error that every protocol can say, and the three protocols that
 * the SDK's clients speak here: AWS JSON, AWS query (form in, XML out) and REST.
 *
 * An action states its input as a strict zod schema, so a parameter that is not implemented is refused by name
 * instead of being ignored.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { z } from 'zod';
import type { Caller } from './iam/caller.ts';

export class ServiceError extends Error {
  readonly code: string;
  readonly status: number;
  /** More members of the error's document, such as the item of a failed condition. */
  readonly members: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, status = 400, members: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.name = 'ServiceError';
    this.code = code;
    this.status = status;
    this.members = members;
  }
}

/** The clear answer to everything that the engine does not use. */
export const notImplemented = (what: string): ServiceError =>
  new ServiceError(
    'NotImplementedHere',
    `${what} is not implemented here: the local stack has only what Tailrace uses`,
    501,
  );

/** One request to a service; the body is unread unless `body()` is called. */
export type Exchange = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly caller: Caller;
  /** Counts the call as `<service>.<action>` in the statistics. */
  count(action: string): void;
};

export type Service = {
  /** The signing name that the SDK's client puts into its credential scope: `sqs`, `events`, ... */
  readonly signingName: string;
  readonly protocol: 'json' | 'query' | 'rest-json' | 'rest-xml';
  handle(exchange: Exchange): Promise<void>;
};

export type Action = (input: unknown, caller: Caller) => Promise<object>;

/** An action whose input is parsed by a strict schema first. */
export function action<Schema extends z.ZodType>(
  schema: Schema,
  run: (input: z.infer<Schema>, caller: Caller) => Promise<object> | object,
): Action {
  return async (input, caller) => run(parseInput(schema, input), caller);
}

export function parseInput<Schema extends z.ZodType>(schema: Schema, input: unknown): z.infer<Schema> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  if (issue?.code === 'unrecognized_keys') throw notImplemented(`parameter ${issue.keys.join(', ')}`);
  throw new ServiceError(
    'ValidationException',
    `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`,
  );
}

/** A service of the AWS JSON protocols: the action is in `x-amz-target`, input and output are JSON. */
export function jsonService(
  signingName: string,
  version: '1.0' | '1.1',
  actions: Readonly<Record<string, Action>>,
): Service {
  return {
    signingName,
    protocol: 'json',
    async handle({ request, response, caller, count }) {
      const name =
        String(request.headers['x-amz-target'] ?? '')
          .split('.')
          .at(-1) ?? '';
      const run = actions[name];
      if (run === undefined) throw notImplemented(`${signingName}:${name}`);
      count(name);
      const text = await readBody(request);
      const output = await run(text === '' ? {} : parseJson(text), caller);
      sendJson(response, 200, output, `application/x-amz-json-${version}`);
    },
  };
}

/** A service of the query protocol: a form in, XML out. An action returns its result as XML text under `xml`. */
export function queryService(
  signingName: string,
  namespace: string,
  actions: Readonly<Record<string, Action>>,
): Service {
  return {
    signingName,
    protocol: 'query',
    async handle({ request, response, caller, count }) {
      const form = Object.fromEntries(new URLSearchParams(await readBody(request)));
      const { Action: name = '', Version: _version, ...input } = form;
      const run = actions[name];
      if (run === undefined) throw notImplemented(`${signingName}:${name}`);
      count(name);
      const { xml } = (await run(input, caller)) as { xml: string };
      const body = `<${name}Response xmlns="${namespace}"><${name}Result>${xml}</${name}Result><ResponseMetadata><RequestId>local</RequestId></ResponseMetadata></${name}Response>`;
      response.writeHead(200, { 'content-type': 'text/xml' }).end(body);
    },
  };
}

/** Requests that the engine sends are far smaller; only S3 bodies are larger and those are streamed. */
const BODY_BYTES_MAX = 16 * 1024 * 1024;

export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > BODY_BYTES_MAX) throw new ServiceError('RequestTooLarge', 'request body over 16 MiB', 413);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ServiceError('SerializationException', 'the request body is not JSON');
  }
}

export function sendJson(
  response: ServerResponse,
  status: number,
  output: unknown,
  type = 'application/json',
): void {
  const body = JSON.stringify(output);
  response
    .writeHead(status, {
      'content-type': type,
      'content-length': Buffer.byteLength(body),
      'x-amzn-requestid': 'local',
    })
    .end(body);
}

/** An error in the form that the service's clients understand. */
export function sendError(
  response: ServerResponse,
  protocol: Service['protocol'],
  error: ServiceError,
): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const { code, message, status } = error;
  if (protocol === 'rest-xml' || protocol === 'query') {
    const plain = code === 'AccessDeniedException' ? 'AccessDenied' : code;
    const inner = `<Code>${escapeXml(plain)}</Code><Message>${escapeXml(message)}</Message>`;
    const wrapped =
      protocol === 'query'
        ? `<ErrorResponse><Error><Type>Sender</Type>${inner}</Error></ErrorResponse>`
        : `<Error>${inner}</Error>`;
    response.writeHead(status, { 'content-type': 'application/xml' }).end(wrapped);
    return;
  }
  response.setHeader('x-amzn-errortype', code);
  sendJson(response, protocol === 'json' && status < 500 ? 400 : status, {
    __type: code,
    message,
    ...error.members,
  });
}

export const escapeXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
