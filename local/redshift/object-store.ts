/**
 * Where UNLOAD writes and COPY reads: the local S3, through the unmodified SDK client. Tests give a store in memory.
 */
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';

export type UnloadStore = {
  put(bucket: string, key: string, body: Uint8Array): Promise<void>;
  /** Undefined when there is no such object. */
  get(bucket: string, key: string): Promise<Uint8Array | undefined>;
  /** Whether any object's key begins with the prefix. */
  occupied(bucket: string, prefix: string): Promise<boolean>;
};

export type S3Access = {
  readonly endpoint: string;
  /** The warehouse's own keys: its calls are checked against its own role. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
};

/** A store on an S3 endpoint; throws what the SDK throws. */
export function s3Store({ endpoint, credentials }: S3Access): UnloadStore {
  const s3 = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: credentials ?? { accessKeyId: 'LOCALWAREHOUSE', secretAccessKey: 'local' },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  return {
    async put(bucket, key, body) {
      await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }));
    },
    async get(bucket, key) {
      try {
        const found = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
        return await found.Body?.transformToByteArray();
      } catch (error) {
        if (error instanceof Error && error.name === 'NoSuchKey') return undefined;
        throw error;
      }
    },
    async occupied(bucket, prefix) {
      const found = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, MaxKeys: 1 }));
      return (found.Contents ?? []).length > 0;
    },
  };
}

/** `s3://bucket/key` in its parts. */
export function parseS3Url(url: string): { bucket: string; key: string } {
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.*)$/.exec(url) ?? [];
  if (bucket === undefined || key === undefined) throw new Error(`not an S3 address: ${url}`);
  return { bucket, key };
}
