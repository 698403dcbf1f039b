/**
 * The result of one SELECT as files of one page each: nothing is held in memory however many rows there are, and
 * a token names a page.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { DuckDBResult } from '@duckdb/node-api';
import { fieldJson, redshiftType } from './result-values.ts';

export type ResultPages = {
  readonly columns: readonly { readonly name: string; readonly label: string; readonly typeName: string }[];
  readonly rows: number;
  readonly bytes: number;
  readonly pages: number;
  readonly folder: string;
};

const PAGE_BYTES = 1_000_000;
const PAGE_ROWS = 5_000;

/** Reads a streamed result to its end into `folder`. */
export async function writePages(result: DuckDBResult, folder: string): Promise<ResultPages> {
  await mkdir(folder, { recursive: true });
  const names = result.columnNames();
  const columns = result.columnTypes().map((type, index) => {
    const name = (names[index] ?? '').toLowerCase();
    return { name, label: name, typeName: redshiftType(type) };
  });
  const page: string[] = [];
  let [rows, bytes, pages, pageBytes] = [0, 0, 0, 0];
  const flush = async (): Promise<void> => {
    await writeFile(pageFile(folder, pages), `[${page.join(',')}]`);
    pages += 1;
    page.length = 0;
    pageBytes = 0;
  };
  for await (const row of rowsOf(result)) {
    page.push(row);
    rows += 1;
    bytes += row.length;
    pageBytes += row.length;
    if (page.length >= PAGE_ROWS || pageBytes >= PAGE_BYTES) await flush();
  }
  if (page.length > 0 || pages === 0) await flush();
  return { columns, rows, bytes, pages, folder };
}

async function* rowsOf(result: DuckDBResult): AsyncGenerator<string> {
  for (;;) {
    const chunk = await result.fetchChunk();
    if (chunk === null || chunk.rowCount === 0) return;
    for (const row of chunk.getRows()) yield `[${row.map(fieldJson).join(',')}]`;
  }
}

/** The records of a page, as text of JSON. */
export const readPage = (result: ResultPages, page: number): Promise<string> =>
  readFile(pageFile(result.folder, page), 'utf8');

export const dropPages = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true });

const pageFile = (folder: string, page: number): string => path.join(folder, `${page}.json`);
