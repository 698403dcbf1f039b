/**
 * The records of the sink: a store per object, in memory, with every change appended to a file that is read back on
 * start. What a vendor would reject is decided here, row by row.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import path from 'node:path';
import { parseExact } from './exact-json.ts';

type Fields = Readonly<Record<string, unknown>>;
export type Failed = { readonly key: unknown; readonly code: string; readonly reason: string };

export type Records = {
  /** Applies the rows of one request; gives those that were rejected. */
  apply(object: string, method: string, rows: readonly Fields[]): readonly Failed[];
  /** Writes all records of an object, one JSON object a line. */
  write(object: string, response: ServerResponse): void;
};

/** The field that names a record, as the vendor's manual says. */
const NAMED_BY: Readonly<Record<string, string>> = {
  contacts: 'external_id',
  members: 'member_id',
  companies: 'code',
  loyal: 'customer',
};
const BLOCKED_DOMAIN = '@blocked.example';

/** Opens the records that lie in `dataDir`; undefined keeps them in memory only. */
export function openRecords(dataDir: string | undefined): Records {
  const stores = new Map(Object.keys(NAMED_BY).map((object) => [object, openStore(dataDir, object)]));
  return {
    apply(object, method, rows) {
      const store = stores.get(object);
      if (store === undefined)
        return rows.map(({ key }) => failed(key, 'no_such_object', `no object ${object}`));
      const journal: string[] = [];
      const failures = rows.flatMap((row) => applyRow(store.byName, object, method, row, journal));
      if (journal.length > 0) store.append(journal);
      return failures;
    },
    write(object, response) {
      response.setHeader('content-type', 'application/x-ndjson');
      for (const record of stores.get(object)?.byName.values() ?? [])
        response.write(`${JSON.stringify(record)}\n`);
      response.end();
    },
  };
}

function applyRow(
  byName: Map<string, Fields>,
  object: string,
  method: string,
  { key, ...flat }: Fields,
  journal: string[],
): readonly Failed[] {
  const fields = (flat.fields ?? flat) as Fields;
  const name = fields[NAMED_BY[object] ?? ''];
  if (typeof name !== 'string' || name === '') return [failed(key, 'no_name', 'the record has no name')];
  if (method === 'DELETE') {
    byName.delete(name);
    journal.push(JSON.stringify([name]));
    return [];
  }
  const before = byName.get(name);
  if (method === 'PATCH' && before === undefined)
    return [failed(key, 'no_such_record', 'there is no such record')];
  const record = { ...before, ...fields };
  const refusal = method === 'PATCH' ? undefined : refusalOf(object, record);
  if (refusal !== undefined) return [failed(key, ...refusal)];
  byName.set(name, record);
  journal.push(JSON.stringify([name, record]));
  return [];
}

/** What this vendor does not take, in its own words. */
function refusalOf(object: string, record: Fields): [code: string, reason: string] | undefined {
  const { email, email_sha256: hashed } = record;
  if (object === 'members' && typeof hashed !== 'string')
    return ['no_identifier', 'a member needs at least one identifier'];
  if (object !== 'contacts') return undefined;
  if (typeof email !== 'string' || !email.includes('@'))
    return ['invalid_email', 'email is not a valid address'];
  if (email.endsWith(BLOCKED_DOMAIN)) return ['blocked_domain', 'mail to this domain bounces; it is blocked'];
  return undefined;
}

const failed = (key: unknown, code: string, reason: string): Failed => ({ key, code, reason });

function openStore(dataDir: string | undefined, object: string) {
  const byName = new Map<string, Fields>();
  if (dataDir === undefined) return { byName, append: () => undefined };
  mkdirSync(dataDir, { recursive: true });
  const file = path.join(dataDir, `${object}.ndjson`);
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
  for (const line of lines) {
    const [name, record] = parseExact(line) as [string, Fields?];
    if (record === undefined) byName.delete(name);
    else byName.set(name, record);
  }
  return { byName, append: (entries: readonly string[]) => appendFileSync(file, `${entries.join('\n')}\n`) };
}
