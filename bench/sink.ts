/**
 * The sink of the figures, a process of its own: takes requests, counts rows, says 200. It parses what it gets, since
 * a destination that does not read is not one, and keeps nothing but counts and arrival times.
 *
 * `PUT /reset?latencyMs=0` starts afresh; `GET /counts` gives rows, requests, bytes; `GET /times` the arrivals (ms);
 * `GET /pauses` when the machine gave this process no time: until then (ms), and for how long.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

let rows = 0;
let bytes = 0;
let latencyMs = 0;
let arrivals: number[] = [];
let pauses: { until: number; ms: number }[] = [];

const server = createServer((request, response) => {
  if (request.method === 'GET') return answer(response, asked(request.url));
  if (request.url?.startsWith('/reset') === true) return answer(response, reset(request.url));
  arrivals.push(epochMs());
  void take(request, response);
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.once('disconnect', () => process.exit(0));

/** A timer that is late by more than it takes to read a request: what arrived meanwhile has a late time of arrival. */
const TICK_MS = 5;
const LATE_MS = 5;
let ticked = epochMs();
setInterval(() => {
  const now = epochMs();
  const ms = now - ticked - TICK_MS;
  if (ms > LATE_MS) pauses.push({ until: now, ms });
  ticked = now;
}, TICK_MS).unref();

function epochMs(): number {
  return performance.timeOrigin + performance.now();
}

function asked(url: string | undefined): unknown {
  if (url === '/times') return arrivals;
  return url === '/pauses' ? pauses : counts();
}

const counts = () => ({ rows, bytes, requests: arrivals.length });

function reset(url: string): unknown {
  rows = 0;
  bytes = 0;
  arrivals = [];
  pauses = [];
  latencyMs = Number(new URL(url, 'http://sink').searchParams.get('latencyMs') ?? 0);
  return counts();
}

async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  bytes += body.length;
  rows += rowsIn(JSON.parse(body.toString('utf8')));
  if (latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, latencyMs));
  answer(response, {});
}

/** Whatever the body's shape: the first list in it holds the rows. */
function rowsIn(document: unknown): number {
  if (Array.isArray(document)) return document.length;
  const list = Object.values(document as object).find((value) => Array.isArray(value));
  return Array.isArray(list) ? list.length : 1;
}

function answer(response: ServerResponse, document: unknown): void {
  response.setHeader('content-type', 'application/json').end(JSON.stringify(document));
}
