/**
 * The vendor, a process of its own that nobody kills. `crm` upserts and deletes by id; `ledger` appends whatever it gets,
 * twice if it gets it twice. It remembers the version of each record, so it knows when an older one came after a newer.
 * Settings are the first argument, as JSON; told to lose, it does so in silence and says that all is well.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SinkSettings, SinkStats } from './sink-process.ts';

type Fields = Readonly<Record<string, unknown>> & { readonly id?: number; readonly version?: number };
/** `times`: how often the ledger took it. `version`: the newest ever, also of one that was deleted. */
type Kept = { fields: Fields | undefined; version: number; times: number };

const settings = JSON.parse(process.argv[2] ?? '{}') as SinkSettings;
const objects = new Map<string, Map<number, Kept>>();
const stats: SinkStats = { requests: 0, rows: 0, deletes: 0, older: [], lost: 0 };

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  void serve(request, response).catch(() => response.destroy());
});
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.once('disconnect', () => process.exit(0));

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [account = '', object = ''] = (request.url ?? '').split('/').slice(1);
  if (account === '-') return answer(response, 200, administer(request.method ?? '', object));
  if (request.headers.authorization !== `Bearer ${settings.token}`) return answer(response, 401, {});
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { rows = [] } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as {
    rows?: (Fields & { key: string })[];
  };
  stats.requests += 1;
  const failed = rows.flatMap(({ key, ...fields }) =>
    apply(account, object, request.method ?? '', fields)
      ? []
      : [{ key, code: 'blocked', reason: 'this id is blocked' }],
  );
  answer(response, 200, { failed });
}

/** What a check asks for, past the proxy. DELETE forgets the first record of an object and says which. */
function administer(method: string, object: string): object {
  if (object === 'stats') return stats;
  if (method !== 'DELETE') return recordsOf(object);
  const [id = 0, kept] =
    [...(objects.get(object) ?? [])].find(([, { fields }]) => fields !== undefined) ?? [];
  if (kept !== undefined) kept.fields = undefined;
  return { id };
}

/** False: refused. */
function apply(account: string, object: string, method: string, fields: Fields): boolean {
  const id = Number(fields.id);
  const version = Number(fields.version ?? 0);
  if (id % settings.refuseEvery === 0) return false;
  stats.rows += 1;
  if (settings.loseEvery !== undefined && stats.rows % settings.loseEvery === 0) {
    stats.lost += 1;
    return true;
  }
  const kept = keptOf(object, id);
  if (method === 'DELETE') {
    stats.deletes += 1;
    kept.fields = undefined;
    return true;
  }
  const isOlder =
    version < kept.version || (version === kept.version && account === 'crm' && isDeleted(kept));
  if (isOlder) stats.older.push(`${object} ${id}: version ${version} after ${kept.version}`);
  kept.fields = fields;
  kept.version = Math.max(version, kept.version);
  kept.times += 1;
  return true;
}

const isDeleted = (kept: Kept): boolean => kept.fields === undefined && kept.times > 0;

function keptOf(object: string, id: number): Kept {
  const records = objects.get(object) ?? new Map<number, Kept>();
  objects.set(object, records);
  const kept = records.get(id) ?? { fields: undefined, version: 0, times: 0 };
  records.set(id, kept);
  return kept;
}

const recordsOf = (object: string): readonly object[] =>
  [...(objects.get(object) ?? [])].flatMap(([, { fields, times }]) =>
    fields === undefined ? [] : [{ fields, times }],
  );

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
