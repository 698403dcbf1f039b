/**
 * The staging bucket: small objects whole, stage files by byte range as a stream. Every object is written once.
 */
import {
  GetObjectCommand,
  ListObjectsV2Command,
  NoSuchKey,
  PutObjectCommand,
  PutObjectTaggingCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { Fault } from '../core/fault.ts';
import { SUPERSEDED_TAG } from '../core/names.ts';
import type { ObjectStore } from '../ports.ts';
import { awsCall, awsFault, nameOf } from './aws-fault.ts';

/**
 * The objects port on one bucket; throws Faults only: `awsFault`, `object_missing` and `foreign_bucket` (both `bug`).
 */
export function s3Objects(client: S3Client, bucket: string): ObjectStore {
  const root = `s3://${bucket}/`;
  return {
    put: async (key, body) => {
      const command = new PutObjectCommand({ Bucket: bucket, Key: key, Body: body });
      await awsCall('PutObject in the staging bucket', () => client.send(command));
    },
    get: (key) =>
      awsCall('GetObject in the staging bucket', async () => {
        try {
          const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
          return (await Body?.transformToString('utf-8')) ?? '';
        } catch (error) {
          if (error instanceof NoSuchKey) return undefined;
          throw error;
        }
      }),
    range: (key, from, to, signal) => readRange(client, bucket, { key, from, to }, signal),
    list: (prefix) => listObjects(client, bucket, prefix),
    supersede: (key) => markSuperseded(client, bucket, key),
    url: (key) => `${root}${key}`,
    keyOf: (url) => {
      if (url.startsWith(root)) return url.slice(root.length);
      throw new Fault('bug', 'foreign_bucket', 'a manifest names an object outside of the staging bucket');
    },
  };
}

/** The bucket's lifecycle expires what carries the tag. */
async function markSuperseded(client: S3Client, bucket: string, key: string): Promise<void> {
  const TagSet = [{ Key: SUPERSEDED_TAG.key, Value: SUPERSEDED_TAG.value }];
  const command = new PutObjectTaggingCommand({ Bucket: bucket, Key: key, Tagging: { TagSet } });
  await awsCall('PutObjectTagging in the staging bucket', async () => {
    try {
      await client.send(command);
    } catch (error) {
      if (nameOf(error) !== 'NoSuchKey') throw error;
    }
  });
}

type Range = { readonly key: string; readonly from: number; readonly to: number };

async function* readRange(
  client: S3Client,
  bucket: string,
  range: Range,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  if (range.from >= range.to) return;
  const body = await openRange(client, bucket, range, signal);
  try {
    for await (const piece of body) yield piece;
  } catch (error) {
    signal?.throwIfAborted();
    throw awsFault('reading from the staging bucket', error);
  } finally {
    body.destroy?.();
  }
}

type Body = AsyncIterable<Uint8Array> & { destroy?(): void };

async function openRange(
  client: S3Client,
  bucket: string,
  { key, from, to }: Range,
  signal: AbortSignal | undefined,
): Promise<Body> {
  const command = new GetObjectCommand({ Bucket: bucket, Key: key, Range: `bytes=${from}-${to - 1}` });
  const send = async (): Promise<Body> => {
    try {
      const options = signal === undefined ? {} : { abortSignal: signal };
      const { Body } = await client.send(command, options);
      return (Body as Body | undefined) ?? NOTHING;
    } catch (error) {
      // A range that begins at the object's end.
      if (nameOf(error) === 'InvalidRange') return NOTHING;
      if (error instanceof NoSuchKey) {
        throw new Fault('bug', 'object_missing', `the staging bucket has no ${key}`);
      }
      throw error;
    }
  };
  return awsCall('GetObject in the staging bucket', send, signal);
}

const NOTHING: Body = {
  async *[Symbol.asyncIterator]() {
    // No bytes.
  },
};

async function* listObjects(
  client: S3Client,
  bucket: string,
  prefix: string,
): AsyncGenerator<{ readonly key: string; readonly bytes: number }> {
  let token: string | undefined;
  do {
    const command: ListObjectsV2Command = new ListObjectsV2Command({
      Bucket: bucket,
      Prefix: prefix,
      ...(token === undefined ? {} : { ContinuationToken: token }),
    });
    const page = await awsCall('ListObjectsV2 of the staging bucket', () => client.send(command));
    for (const { Key = '', Size = 0 } of page.Contents ?? []) yield { key: Key, bytes: Size };
    token = page.NextContinuationToken;
  } while (token !== undefined);
}
