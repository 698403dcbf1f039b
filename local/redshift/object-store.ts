/** Where UNLOAD writes and COPY reads: the local S3, or a map in a test. */

export type UnloadStore = {
  put(bucket: string, key: string, body: Uint8Array): Promise<void>;
  /** The same from a file, where the store can take one without its bytes passing through here. */
  putFile?(bucket: string, key: string, file: string): Promise<void>;
  /** Undefined when there is no such object. */
  get(bucket: string, key: string): Promise<Uint8Array | undefined>;
  /** Whether any object's key begins with the prefix. */
  occupied(bucket: string, prefix: string): Promise<boolean>;
};

/** `s3://bucket/key` in its parts. */
export function parseS3Url(url: string): { bucket: string; key: string } {
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.*)$/.exec(url) ?? [];
  if (bucket === undefined || key === undefined) throw new Error(`not an S3 address: ${url}`);
  return { bucket, key };
}
