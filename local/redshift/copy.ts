/**
 * COPY table FROM manifest ... FORMAT JSON 'auto': the files that the manifest names come from the local S3 into a
 * scratch folder, and DuckDB reads the columns of the table out of each line by name. Zero lines are fine, a
 * mandatory file that is missing is not.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { z } from 'zod';
import { type Token, tokensOf } from '../../shared/warehouse/sql-tokens.ts';
import { invalid } from './data-api-error.ts';
import { parseS3Url, type UnloadStore } from './object-store.ts';
import { unquoted } from './unload.ts';

const manifestSchema = z.object({
  entries: z.array(z.object({ url: z.string(), mandatory: z.boolean().optional() })),
});

export const isCopy = (sql: string): boolean => /^\s*copy\b/i.test(sql);

/** Runs it on a connection and gives the number of rows loaded. */
export async function runCopy(
  connection: DuckDBConnection,
  sql: string,
  store: UnloadStore,
  scratch: string,
): Promise<number> {
  const { table, url } = parseCopy(sql);
  const folder = await mkdtemp(path.join(scratch, 'copy-'));
  try {
    const files = await fetchFiles(url, store, folder);
    return files.length === 0 ? 0 : await load(connection, table, files);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function parseCopy(sql: string): { table: string; url: string } {
  const read = tokensOf(sql);
  if (!read.ok) throw invalid(`syntax error: ${read.message}`);
  const from = read.tokens.findIndex((token) => token.text === 'from');
  const source = read.tokens[from + 1];
  const words = read.tokens.filter((token) => token.is === 'word').map((token) => token.text);
  if (from < 2 || source?.is !== 'text' || !words.includes('manifest') || !words.includes('json')) {
    throw invalid('only COPY table FROM manifest ... FORMAT AS JSON is implemented here');
  }
  const name = read.tokens.slice(1, from).map((token: Token) => token.text);
  return { table: name.join(''), url: unquoted(source.text) };
}

async function fetchFiles(url: string, store: UnloadStore, folder: string): Promise<string[]> {
  const manifest = manifestSchema.parse(JSON.parse(Buffer.from(await fetched(url, store, true)).toString()));
  const files: string[] = [];
  for (const entry of manifest.entries) {
    const body = await fetched(entry.url, store, entry.mandatory ?? false);
    if (body.length === 0) continue;
    const file = path.join(folder, `${files.length}.json`);
    await writeFile(file, body);
    files.push(file);
  }
  return files;
}

async function fetched(url: string, store: UnloadStore, mandatory: boolean): Promise<Uint8Array> {
  const { bucket, key } = parseS3Url(url);
  const body = await store.get(bucket, key);
  if (body === undefined && mandatory)
    throw new Error(`Problem reading manifest file - S3ServiceException: ${url}`);
  return body ?? new Uint8Array();
}

async function load(connection: DuckDBConnection, table: string, files: readonly string[]): Promise<number> {
  const described = await connection.runAndReadAll(`select * from ${table} limit 0`);
  const names = described.columnNames();
  const columns = names.map((name) => `'${name}': 'VARCHAR'`).join(', ');
  const list = files.map((file) => `'${file.replaceAll("'", "''")}'`).join(', ');
  const quoted = names.map((name) => `"${name}"`).join(', ');
  const loaded = await connection.run(
    `insert into ${table} (${quoted}) select ${quoted} from read_json([${list}], format = 'newline_delimited', columns = {${columns}})`,
  );
  return loaded.rowsChanged;
}
