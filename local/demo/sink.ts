/**
 * The tools of the demonstration, a process of its own: a CRM and an audience, as a vendor would build them. Records
 * live in memory and in a file, so they outlive a kill. Whoever sends must bring the token and an idempotency key,
 * keep to the rate, and take rejections row by row.
 *
 *   POST upserts, PATCH updates what exists, DELETE removes:  /<account>/<object>  { "rows": [...] }
 *   contacts without a usable e-mail and members without an identifier are rejected, their neighbours are not
 *   more requests in any second than the account allows: 429 with Retry-After
 *   during an outage every socket is cut; of every third request the work is done and the answer lost
 *
 * For whoever watches: GET /-/stats, GET /-/records/<object> (NDJSON), PUT /-/outage?account=crm&on=1.
 * Started by `sink-process.ts` as: sink.ts <settings as JSON>
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseExact } from './exact-json.ts';
import type { AccountStats, SinkSettings } from './sink-process.ts';
import { openRecords, type Records } from './sink-records.ts';
import { rateWindow } from './sliding-window.ts';

const settings = JSON.parse(process.argv[2] ?? '{}') as SinkSettings;
const records: Records = openRecords(settings.dataDir);
const accounts = new Map(
  Object.entries(settings.accounts).map(([name, limit]) => [name, openAccount(limit)]),
);

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const url = new URL(request.url ?? '/', 'http://sink');
  const [room = '', object = ''] = url.pathname.split('/').slice(1);
  if (room === '-') administer(url, request, response);
  else void serve(room, object, request, response).catch(() => response.destroy());
});
server.listen(settings.port, '127.0.0.1', () => {
  process.send?.({ port: (server.address() as AddressInfo).port });
});
process.once('disconnect', () => process.exit(0));

function openAccount(limit: SinkSettings['accounts'][string]) {
  const stats: AccountStats = { requests: 0, rows: 0, throttled: 0, cut: 0, repeated: 0, mostInWindow: 0 };
  return {
    ...limit,
    window: rateWindow(limit.perMs),
    answered: new Map<string, string>(),
    stats,
    down: false,
  };
}
type Account = ReturnType<typeof openAccount>;

async function serve(
  room: string,
  object: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const account = accounts.get(room);
  if (account === undefined) return answer(response, 404, { error: { code: 'no_such_account' } });
  account.stats.requests += 1;
  if (account.down && ++account.stats.cut % 3 !== 0) return void request.socket.destroy();
  if (request.headers.authorization !== `Bearer ${settings.token}`)
    return answer(response, 401, { error: { code: 'bad_token' } });
  const inWindow = account.window.add(performance.now());
  account.stats.mostInWindow = Math.max(account.stats.mostInWindow, inWindow);
  if (inWindow > account.requests) {
    account.stats.throttled += 1;
    return answer(response.setHeader('retry-after', '1'), 429, { error: { code: 'too_fast' } });
  }
  const text = await bodyOf(request);
  if (settings.latencyMs > 0) await sleep(settings.latencyMs);
  const { status, body } = once(account, object, request, text);
  if (account.down) return void request.socket.destroy();
  answer(response, status, body);
}

/** The same idempotency key again gets the same answer and does nothing. */
function once(account: Account, object: string, request: IncomingMessage, text: string) {
  const key = request.headers['idempotency-key'];
  if (typeof key !== 'string') return { status: 400, body: '{"error":{"code":"no_idempotency_key"}}' };
  const before = account.answered.get(key);
  if (before !== undefined) {
    account.stats.repeated += 1;
    return { status: 200, body: before };
  }
  const rows = rowsOf(text);
  account.stats.rows += rows.length;
  const failed = records.apply(object, request.method ?? '', rows);
  const body = JSON.stringify({ failed });
  account.answered.set(key, body);
  return { status: 200, body };
}

function rowsOf(text: string): readonly Readonly<Record<string, unknown>>[] {
  const document = parseExact(text) as { rows?: unknown };
  return Array.isArray(document.rows) ? document.rows : [];
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function administer(url: URL, request: IncomingMessage, response: ServerResponse): void {
  const [, , what = '', object = ''] = url.pathname.split('/');
  if (request.method === 'PUT' && what === 'outage') {
    const account = accounts.get(url.searchParams.get('account') ?? '');
    if (account !== undefined) account.down = url.searchParams.get('on') === '1';
    answer(response, account === undefined ? 404 : 200, {});
    return;
  }
  if (what === 'records') {
    records.write(object, response);
    return;
  }
  const stats = Object.fromEntries([...accounts].map(([name, { stats: own }]) => [name, own]));
  answer(response, 200, stats);
}

function answer(response: ServerResponse, status: number, body: object | string): void {
  response.statusCode = status;
  response.setHeader('content-type', 'application/json');
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}
