/**
 * UNLOAD ... FORMAT JSON MANIFEST VERBOSE: DuckDB writes lines to a scratch folder, which travel to the
 * local S3 in parts that end at a line's end, never all in memory. Options that are not implemented are refused.
 */
import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { tokensOf } from '../../shared/warehouse/sql-tokens.ts';
import { invalid } from './data-api-error.ts';
import { parseS3Url, type UnloadStore } from './object-store.ts';
import { translate } from './translate.ts';

type Unload = { readonly select: string; readonly bucket: string; readonly prefix: string };

/** Under what one PUT of any local S3 takes, and a few parts even for a middling result. */
const PART_BYTES = 8 * 1024 * 1024;
const UPLOADS = 3;

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
      `copy (${translate(unload.select).sql}) to '${target}' (format json, per_thread_output true)`,
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

export function parseUnload(sql: string): Unload {
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

type Part = { readonly bytes: Buffer; readonly rows: number };
type Entry = { readonly url: string; readonly meta: { content_length: number; record_count: number } };

async function upload(folder: string, { bucket, prefix }: Unload, store: UnloadStore): Promise<number> {
  const entries: Entry[] = [];
  const pending = new Set<Promise<void>>();
  let number = 0;
  for await (const part of partsOf(folder)) {
    const key = `${prefix}${String(number).padStart(4, '0')}_part_00.json`;
    number += 1;
    entries.push({
      url: `s3://${bucket}/${key}`,
      meta: { content_length: part.bytes.length, record_count: part.rows },
    });
    const sending = store.put(bucket, key, part.bytes).finally(() => pending.delete(sending));
    pending.add(sending);
    if (pending.size >= UPLOADS) await Promise.race(pending);
  }
  await Promise.all(pending);
  const rows = entries.reduce((sum, entry) => sum + entry.meta.record_count, 0);
  await store.put(bucket, `${prefix}manifest`, Buffer.from(manifest(entries, rows)));
  return rows;
}

function manifest(entries: readonly Entry[], rows: number): string {
  const bytes = entries.reduce((sum, entry) => sum + entry.meta.content_length, 0);
  return JSON.stringify({
    entries,
    meta: { content_length: bytes, record_count: rows },
    author: { name: 'Amazon Redshift', version: 'local' },
  });
}

/** The files of the folder as parts of whole lines. */
async function* partsOf(folder: string): AsyncGenerator<Part> {
  for (const name of (await readdir(folder)).toSorted()) {
    let rest: Buffer = Buffer.alloc(0);
    for await (const chunk of createReadStream(path.join(folder, name), { highWaterMark: PART_BYTES })) {
      const bytes = rest.length === 0 ? (chunk as Buffer) : Buffer.concat([rest, chunk as Buffer]);
      const end = bytes.lastIndexOf(10) + 1;
      if (end > 0) yield { bytes: bytes.subarray(0, end), rows: lineCount(bytes, end) };
      rest = Buffer.from(bytes.subarray(end));
    }
    if (rest.length > 0) yield { bytes: rest, rows: 1 };
  }
}

function lineCount(bytes: Buffer, end: number): number {
  let count = 0;
  for (let at = bytes.indexOf(10); at >= 0 && at < end; at = bytes.indexOf(10, at + 1)) count += 1;
  return count;
}
