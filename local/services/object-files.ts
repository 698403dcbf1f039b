/**
 * Objects of the local S3 as plain files, so that a person can look at them and a range read is a file read.
 * An object `runs/a/manifest` of a bucket is the file `<bucket>/runs/a/manifest@`: the `@`, which never occurs in
 * an encoded name, lets an object and a folder share a name.
 */
import { randomUUID } from 'node:crypto';
import { createWriteStream, type Stats } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileChunks } from '../file-chunks.ts';

export type ObjectInfo = {
  readonly key: string;
  readonly bytes: number;
  readonly modified: Date;
  readonly etag: string;
};

export type ObjectFiles = {
  /** Written whole or not at all: to a file beside it, then renamed. */
  put(
    bucket: string,
    key: string,
    body: string | Uint8Array | Readable | { readonly file: string },
  ): Promise<ObjectInfo>;
  info(bucket: string, key: string): Promise<ObjectInfo | undefined>;
  get(bucket: string, key: string): Promise<Buffer | undefined>;
  /** Bytes `from` to `to`, both included; a piece is valid until the next one is asked for. */
  read(bucket: string, key: string, from: number, to: number): AsyncIterable<Buffer>;
  remove(bucket: string, key: string): Promise<void>;
  /** In the order of the keys' UTF-8 bytes, as S3 lists them. */
  list(bucket: string, prefix: string): Promise<ObjectInfo[]>;
  /** Where the object lies, for readers in this process. */
  fileOf(bucket: string, key: string): string;
};

const LEAF = '@';

export function openObjectFiles(directory: string): ObjectFiles {
  const incoming = path.join(directory, '.incoming');
  const fileOf = (bucket: string, key: string): string =>
    path.join(directory, encodeSegment(bucket), ...key.split('/').map(encodeSegment)) + LEAF;

  return {
    fileOf,
    async put(bucket, key, body) {
      const target = fileOf(bucket, key);
      const draft = path.join(incoming, randomUUID());
      await Promise.all([
        mkdir(incoming, { recursive: true }),
        mkdir(path.dirname(target), { recursive: true }),
      ]);
      try {
        await writeDraft(draft, body);
        await rename(draft, target);
      } catch (error) {
        await rm(draft, { force: true });
        throw error;
      }
      return infoOf(key, await stat(target));
    },
    async info(bucket, key) {
      const found = await stat(fileOf(bucket, key)).catch(() => undefined);
      return found && infoOf(key, found);
    },
    get: (bucket, key) => readFile(fileOf(bucket, key)).catch(() => undefined),
    read: (bucket, key, from, to) => fileChunks(fileOf(bucket, key), from, to + 1),
    remove: (bucket, key) => rm(fileOf(bucket, key), { force: true }),
    async list(bucket, prefix) {
      const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
      const found: ObjectInfo[] = [];
      await walk(path.join(directory, encodeSegment(bucket)), folder, found);
      return found
        .filter(({ key }) => key.startsWith(prefix))
        .toSorted((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
    },
  };
}

async function writeDraft(
  draft: string,
  body: string | Uint8Array | Readable | { readonly file: string },
): Promise<void> {
  if (typeof body === 'string' || body instanceof Uint8Array) return writeFile(draft, body);
  if ('file' in body) return copyFile(body.file, draft);
  return pipeline(body, createWriteStream(draft));
}

/** All objects whose key begins with `folder` (which is empty or ends in a slash). */
async function walk(root: string, folder: string, found: ObjectInfo[]): Promise<void> {
  const directory = path.join(root, ...folder.split('/').slice(0, -1).map(encodeSegment));
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (entry.isDirectory()) await walk(root, `${folder}${decodeSegment(entry.name)}/`, found);
    else if (entry.name.endsWith(LEAF)) {
      const file = await stat(path.join(directory, entry.name)).catch(() => undefined);
      const key = folder + decodeSegment(entry.name.slice(0, -LEAF.length));
      if (file !== undefined) found.push(infoOf(key, file));
    }
  }
}

/** The ETag of a local object tells versions apart; it is no checksum, because a checksum costs a pass over the bytes. */
const infoOf = (key: string, { size, mtime, mtimeMs }: Stats): ObjectInfo => ({
  key,
  bytes: size,
  modified: mtime,
  etag: `"${Math.round(mtimeMs * 1000).toString(16)}-${size.toString(16)}"`,
});

const EMPTY_SEGMENT = '%';
function encodeSegment(segment: string): string {
  if (segment === '') return EMPTY_SEGMENT;
  if (segment === '.' || segment === '..') return segment.replaceAll('.', '%2E');
  return encodeURIComponent(segment);
}
const decodeSegment = (name: string): string => (name === EMPTY_SEGMENT ? '' : decodeURIComponent(name));
