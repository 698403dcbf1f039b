/**
 * UNLOAD ... FORMAT JSON MANIFEST VERBOSE: DuckDB writes files of whole lines to a scratch folder, and each becomes
 * an object of the local S3, never all in memory. Options that are not implemented are refused.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { tokensOf } from '../../shared/warehouse/sql-tokens.ts';
import { fileChunks } from '../file-chunks.ts';
import { invalid } from './data-api-error.ts';
import { parseS3Url, type UnloadStore } from './object-store.ts';
import { translate } from './translate.ts';

type Unload = { readonly select: string; readonly bucket: string; readonly prefix: string };

/** Under what one PUT of any local S3 takes, and a few parts even for a middling result. */
const PART_BYTES = 8_000_000;
const UPLOADS = 4;

/** Runs it on a connection (inside its transaction) and gives the number of rows. */
export async function runUnload(
  connection: DuckDBConnection,
  sql: string,
  store: UnloadStore,
  scratch: string,
): Promise<number> {
  const unload = parseUnload(sql);
  if (await store.occupied(unload.bucket, unload.prefix)) {
    throw new Error(
      `Specified unload destination on S3 is not empty: s3://${unload.bucket}/${unload.prefix}`,
    );
  }
  const folder = await mkdtemp(path.join(scratch, 'unload-'));
  try {
    const target = path.join(folder, 'lines').replaceAll("'", "''");
    await connection.run(
      `copy (${translate(unload.select).sql}) to '${target}' (format json, per_thread_output true, file_size_bytes ${PART_BYTES})`,
    );
    return await upload(path.join(folder, 'lines'), unload, store);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** True for a text that is an UNLOAD. */
export const isUnload = (sql: string): boolean => /^\s*unload\b/i.test(sql);

const KNOWN: ReadonlySet<string> = new Set(
  'unload to iam_role format as json manifest verbose kms_key_id encrypted maxfilesize mb gb parallel on'.split(
    ' ',
  ),
);

function parseUnload(sql: string): Unload {
  const read = tokensOf(sql);
  if (!read.ok) throw invalid(`syntax error: ${read.message}`);
  const odd = read.tokens.find((token) => token.is === 'word' && !KNOWN.has(token.text));
  if (odd !== undefined) throw invalid(`UNLOAD option ${odd.text} is not implemented here`);
  const texts = read.tokens.filter((token) => token.is === 'text').map((token) => unquoted(token.text));
  const words = read.tokens.filter((token) => token.is === 'word').map((token) => token.text);
  for (const needed of ['json', 'manifest', 'verbose', 'encrypted']) {
    if (!words.includes(needed))
      throw invalid(`UNLOAD without ${needed.toUpperCase()} is not implemented here`);
  }
  const [select, url] = texts;
  if (select === undefined || url === undefined)
    throw invalid('syntax error: UNLOAD needs a query and an address');
  const { bucket, key } = parseS3Url(url);
  return { select, bucket, prefix: key };
}

export const unquoted = (text: string): string => text.slice(1, -1).replaceAll("''", "'");

type Entry = { readonly url: string; readonly meta: { content_length: number; record_count: number } };

async function upload(folder: string, unload: Unload, store: UnloadStore): Promise<number> {
  const { bucket, prefix } = unload;
  const names = (await readdir(folder)).toSorted();
  const places: (Entry | undefined)[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < names.length; at = next++) {
      places[at] = await uploadFile(path.join(folder, names[at] ?? ''), at, unload, store);
    }
  };
  await Promise.all(Array.from({ length: UPLOADS }, work));
  const entries = places.filter((entry) => entry !== undefined);
  const rows = entries.reduce((sum, entry) => sum + entry.meta.record_count, 0);
  await store.put(bucket, `${prefix}manifest`, Buffer.from(manifest(entries, rows)));
  return rows;
}

/** One file as one object; none for a file without lines, as Redshift writes none. */
async function uploadFile(
  file: string,
  number: number,
  { bucket, prefix }: Unload,
  store: UnloadStore,
): Promise<Entry | undefined> {
  const { bytes, lines } = await measure(file);
  if (lines === 0) return undefined;
  const key = `${prefix}${String(number).padStart(4, '0')}_part_00.json`;
  if (store.putFile !== undefined) await store.putFile(bucket, key, file);
  else await store.put(bucket, key, await readFile(file));
  return { url: `s3://${bucket}/${key}`, meta: { content_length: bytes, record_count: lines } };
}

function manifest(entries: readonly Entry[], rows: number): string {
  const bytes = entries.reduce((sum, entry) => sum + entry.meta.content_length, 0);
  return JSON.stringify({
    entries,
    meta: { content_length: bytes, record_count: rows },
    author: { name: 'Amazon Redshift', version: 'local' },
  });
}

async function measure(file: string): Promise<{ readonly bytes: number; readonly lines: number }> {
  let bytes = 0;
  let lines = 0;
  for await (const read of fileChunks(file)) {
    bytes += read.length;
    for (let at = read.indexOf(LINE_FEED); at >= 0; at = read.indexOf(LINE_FEED, at + 1)) lines += 1;
  }
  return { bytes, lines };
}

const LINE_FEED = 10;
