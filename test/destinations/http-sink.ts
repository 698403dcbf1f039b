/**
 * A local HTTP server that plays a destination: takes rows, keeps them, and misbehaves on command. It listens on
 * 127.0.0.1 only and speaks the answer convention of docs/destinations/http.md.
 */
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

export type Sink = {
  readonly port: number;
  readonly requests: readonly Received[];
  /** What it holds: row key -> the fields' texts as they came over the wire, digits untouched. */
  readonly records: ReadonlyMap<string, Readonly<Record<string, string>>>;
  /** How the next requests are treated, in order; afterwards `take` again. */
  next(...behaviours: readonly Behaviour[]): void;
  /** Forgets what `next` asked for. */
  calm(): void;
  /** Requests without a whole answer whose connection is open. */
  busySockets(): number;
  /** Waits until at least so many requests have come. */
  received(count: number): Promise<void>;
  stop(): Promise<void>;
};

export type Received = {
  readonly method: string;
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
};

/**
 * take: keeps the rows, answers for each by key, reversed · silent: keeps nothing, 200 without a body ·
 * omit: as take, but the last row is neither kept nor named · wrongKeys: names rows nobody sent · answer: this very
 * answer · hang: keeps nothing and never answers · applyThenHang: keeps and never answers · cut: closes the socket ·
 * cutBody: closes it in the middle of the answer · huge: an answer without end · drip: one byte and then nothing
 */
export type Behaviour =
  | 'take'
  | 'silent'
  | 'omit'
  | 'wrongKeys'
  | 'hang'
  | 'applyThenHang'
  | 'cut'
  | 'cutBody'
  | 'huge'
  | 'drip'
  | Answer
  | ((received: Received) => Answer);
export type Answer = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
};

export type SinkOptions = {
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Any other value of `authorization` is answered 401, echoing what it got. */
  readonly authorization?: string;
};

export async function startHttpSink({ tls, authorization }: SinkOptions = {}): Promise<Sink> {
  const requests: Received[] = [];
  const records = new Map<string, Record<string, string>>();
  const sockets = new Set<Socket>();
  const busy = new Set<http.ServerResponse>();
  const script: Behaviour[] = [];
  const handler: http.RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    busy.add(response);
    response.once('close', () => busy.delete(response));
    request.on('error', () => undefined);
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const received = {
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString('utf8'),
      };
      requests.push(received);
      const { authorization: proof } = request.headers;
      if (authorization !== undefined && proof !== authorization) {
        send(response, { status: 401, body: `refused: ${proof}` });
      } else behave(script.shift() ?? 'take', received, response, records);
    });
  };
  const server = tls === undefined ? http.createServer(handler) : https.createServer(tls, handler);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    records,
    next: (...behaviours) => void script.push(...behaviours),
    calm: () => void script.splice(0),
    busySockets: () => busy.size,
    received: (count) => until(() => requests.length >= count),
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Resolves when the condition holds; throws after five seconds. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const from = Date.now(); Date.now() - from < 5000; ) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`waited five seconds for: ${holds}`);
}

type Records = Map<string, Record<string, string>>;

function behave(
  behaviour: Behaviour,
  received: Received,
  response: http.ServerResponse,
  records: Records,
): void {
  if (typeof behaviour === 'function') send(response, behaviour(received));
  else if (typeof behaviour === 'object') send(response, behaviour);
  else if (behaviour === 'silent') send(response, { status: 200 });
  else if (behaviour === 'huge') endless(response);
  else if (behaviour === 'cut') response.socket?.destroy();
  else if (behaviour === 'drip') response.writeHead(200, { 'content-length': '100' }).write('{');
  else if (behaviour !== 'hang') answerRows(behaviour, received, response, records);
}

function answerRows(
  behaviour: 'take' | 'omit' | 'wrongKeys' | 'applyThenHang' | 'cutBody',
  received: Received,
  response: http.ServerResponse,
  records: Records,
): void {
  const rows = rowsOf(received.body);
  const taken = behaviour === 'omit' ? rows.slice(0, -1) : rows;
  const results = taken.map((row) => apply(received.method, row, records));
  if (behaviour === 'applyThenHang') return;
  if (behaviour === 'wrongKeys') results.splice(0, results.length, { key: 'nobody', status: 'accepted' });
  const body = JSON.stringify({ results: results.toReversed() });
  if (behaviour === 'cutBody') {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': String(body.length) });
    response.write(body.slice(0, 5), () => response.socket?.destroy());
    return;
  }
  send(response, { status: 200, headers: { 'content-type': 'application/json' }, body });
}

function send(response: http.ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, headers).end(body);
}

function endless(response: http.ServerResponse): void {
  const chunk = Buffer.alloc(65_536, 0x20);
  response.writeHead(200, { 'content-type': 'text/plain' });
  const more = (): void => {
    while (!response.destroyed && response.write(chunk));
    if (!response.destroyed) response.once('drain', more);
  };
  more();
}

type SentRow = { readonly key: string; readonly fields: Readonly<Record<string, string>> };
type Result = { key: string; status: string; code?: string; reason?: string };

/** A row whose name begins with `poison` is refused; an update of a record that is not there too. */
function apply(method: string, { key, fields }: SentRow, records: Records): Result {
  if (fields.name?.startsWith('"poison')) {
    return { key, status: 'rejected', code: 'poisoned', reason: 'the name is poison' };
  }
  if (method === 'DELETE') records.delete(key);
  else if (method === 'PATCH' && !records.has(key)) {
    return { key, status: 'rejected', code: 'no_such_record', reason: 'no record of this key' };
  } else records.set(key, { ...records.get(key), ...fields });
  return { key, status: 'accepted' };
}

/** The rows of `{"rows":[...]}` with each field as the text on the wire, so that digits can be compared. */
function rowsOf(body: string): SentRow[] {
  if (body === '') return [];
  const asText = (_name: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === 'object' && value !== null ? value : (context?.source ?? JSON.stringify(value));
  const parsed = (
    JSON.parse as (text: string, reviver: typeof asText) => { rows?: Record<string, string>[] }
  )(body, asText);
  return (parsed.rows ?? []).map(({ key = '""', ...fields }) => ({ key: JSON.parse(key) as string, fields }));
}
