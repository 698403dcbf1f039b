/**
 * Two vendors in this process, careless on purpose: whatever they refuse they quote, credentials and all. `crm` takes
 * OAuth tokens (and refuses the first one it gave, once), `mail` takes Basic credentials. Records are kept by key, so that
 * a test can compare them with the model.
 *
 *   a row with `verdict: reject` is rejected by name; with `refuse` the whole request is, 422
 *   `down` cuts every connection, `delayMs` makes each answer wait
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Canaries } from './canaries.ts';

export type VendorRow = Readonly<Record<string, unknown>> & { readonly key: string };
export type Vendor = {
  readonly port: number;
  /** `<account>` -> key -> the record as it was last sent. */
  readonly records: Readonly<Record<string, Map<string, VendorRow>>>;
  readonly mood: { down: boolean; delayMs: number };
  reset(): void;
  stop(): Promise<void>;
};

export async function startVendor({ secrets }: Pick<Canaries, 'secrets'>): Promise<Vendor> {
  const records = { crm: new Map<string, VendorRow>(), mail: new Map<string, VendorRow>() };
  const mood = { down: false, delayMs: 0 };
  const given: string[] = [];
  const server = createServer((request, response) => {
    if (mood.down) return void request.socket.destroy();
    void serve(request, response).catch(() => response.destroy());
  });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    await sleep(mood.delayMs);
    if (request.url === '/token') return answer(response, ...token(body));
    const [, account = '', object = ''] = (request.url ?? '').split('/');
    if (!(account in records) || object === '') return answer(response, 404, { echo: body });
    if (!isWelcome(account, request.headers.authorization ?? '')) {
      const said = `no entry with ${request.headers.authorization}`;
      return answer(response, 401, { error: said }, { 'www-authenticate': said.replace(/[^ -~]/g, '?') });
    }
    answer(response, ...take(records[account as 'crm'], request, body));
  }

  /** RFC 6749, 4.4; `sendAs: body`. */
  function token(body: string): [number, object] {
    const form = new URLSearchParams(body);
    const known =
      form.get('client_id') === secrets.clientId && form.get('client_secret') === secrets.clientSecret;
    if (!known) return [400, { error: 'invalid_client', echo: body }];
    const access_token = given.length === 0 ? secrets.accessToken : secrets.renewedToken;
    given.push(access_token);
    return [200, { access_token, token_type: 'Bearer', expires_in: 3600 }];
  }

  function isWelcome(account: string, authorization: string): boolean {
    if (account === 'crm') return authorization === `Bearer ${secrets.renewedToken}`;
    const expected = Buffer.from(`${secrets.username}:${secrets.password}`).toString('base64');
    return authorization === `Basic ${expected}`;
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    records,
    mood,
    reset() {
      Object.assign(mood, { down: false, delayMs: 0 });
      for (const kept of Object.values(records)) kept.clear();
      given.length = 0;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Applies a request: all rows that are not rejected, or none when one row is refused. */
function take(
  records: Map<string, VendorRow>,
  { method, headers }: IncomingMessage,
  body: string,
): [number, object] {
  const { rows } = JSON.parse(body) as { rows: readonly VendorRow[] };
  const refused = rows.find(({ verdict }) => verdict === 'refuse');
  // Careless beyond belief: a person's name in the place of an error's code.
  if (refused !== undefined) return [422, { code: refused.family_name, error: `bad body: ${body}` }];
  const failed = rows.filter(({ verdict }) => verdict === 'reject');
  for (const row of rows) {
    if (method === 'DELETE') records.delete(row.key);
    else if (!failed.includes(row)) records.set(row.key, row);
  }
  const reason = (row: VendorRow): string =>
    `no ${JSON.stringify(row)} for ${headers.authorization} at ${JSON.stringify(headers)}`;
  return [200, { failed: failed.map((row) => ({ key: row.key, code: row.email, reason: reason(row) })) }];
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function answer(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}
