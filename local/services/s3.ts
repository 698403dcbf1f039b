/**
 * S3, path style: PutObject, GetObject with a range, HeadObject, DeleteObject, ListObjectsV2, PutObjectTagging. Bodies
 * are streamed to and from files and never hashed, because a run of a million rows reads hundreds of megabytes through
 * here.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { Authorizer } from '../iam/authorizer.ts';
import type { Caller } from '../iam/caller.ts';
import { type Exchange, escapeXml, notImplemented, type Service, ServiceError } from '../wire.ts';
import { decodeAwsChunks } from './aws-chunked.ts';
import type { ObjectFiles, ObjectInfo } from './object-files.ts';

export type S3Settings = {
  readonly files: ObjectFiles;
  readonly buckets: ReadonlySet<string>;
  readonly authorizer: Authorizer;
};

type Target = { readonly bucket: string; readonly key: string; readonly arn: string };

export function s3Service(settings: S3Settings): Service {
  return {
    signingName: 's3',
    protocol: 'rest-xml',
    async handle(exchange) {
      const [bucket = '', ...rest] = exchange.url.pathname.slice(1).split('/');
      const key = rest.map(decodeURIComponent).join('/');
      if (bucket === '') return listBuckets(settings, exchange);
      if (!settings.buckets.has(bucket))
        throw new ServiceError('NoSuchBucket', `there is no bucket ${bucket}`, 404);
      if (isTagging(exchange) && key !== '')
        return tag(settings, { bucket, key, arn: `arn:aws:s3:::${bucket}/${key}` }, exchange);
      rejectUnused(exchange);
      if (key === '') return list(settings, bucket, exchange);
      const target = { bucket, key, arn: `arn:aws:s3:::${bucket}/${key}` };
      if (exchange.request.method === 'PUT') return put(settings, target, exchange);
      if (exchange.request.method === 'GET' || exchange.request.method === 'HEAD')
        return get(settings, target, exchange);
      if (exchange.request.method === 'DELETE') return remove(settings, target, exchange);
      throw notImplemented(`S3 ${exchange.request.method}`);
    },
  };
}

const isTagging = ({ url, request }: Exchange): boolean =>
  request.method === 'PUT' && url.searchParams.has('tagging');

/** Nothing expires here, so tags are taken and not kept. */
async function tag({ files, authorizer }: S3Settings, target: Target, exchange: Exchange): Promise<void> {
  exchange.count('PutObjectTagging');
  authorizer.authorize(exchange.caller, 's3:PutObjectTagging', target.arn);
  for await (const _ of exchange.request);
  if ((await files.info(target.bucket, target.key)) === undefined)
    throw missing(authorizer, exchange.caller, target);
  exchange.response.writeHead(200, { 'content-length': 0 }).end();
}

/** Sub-resources (`?versions`, `?uploads`) and conditions that are not here must not be taken for a plain call. */
const QUERY_KNOWN: ReadonlySet<string> = new Set([
  'x-id',
  'list-type',
  'prefix',
  'continuation-token',
  'max-keys',
  'start-after',
  'delimiter',
  'encoding-type',
  'fetch-owner',
]);
const HEADERS_UNKNOWN = [
  'if-match',
  'if-modified-since',
  'if-unmodified-since',
  'x-amz-copy-source',
  'x-amz-tagging',
  'x-amz-acl',
];

function rejectUnused({ url, request }: Exchange): void {
  for (const name of url.searchParams.keys()) if (!QUERY_KNOWN.has(name)) throw notImplemented(`S3 ?${name}`);
  for (const name of HEADERS_UNKNOWN)
    if (request.headers[name] !== undefined) throw notImplemented(`S3 header ${name}`);
  const ifNone = request.headers['if-none-match'];
  if (ifNone !== undefined && (ifNone !== '*' || request.method !== 'PUT'))
    throw notImplemented(`S3 header if-none-match of ${request.method}`);
}

async function put({ files, authorizer }: S3Settings, target: Target, exchange: Exchange): Promise<void> {
  exchange.count('PutObject');
  authorizer.authorize(exchange.caller, 's3:PutObject', target.arn, putContext(exchange.request));
  authorizer.authorizeKey(exchange.caller, bucketArn(target.bucket), 'kms:GenerateDataKey', 's3');
  if (exchange.request.headers['if-none-match'] === '*') await refuseExisting(files, target);
  const { etag } = await files.put(target.bucket, target.key, bodyOf(exchange.request));
  exchange.response.writeHead(200, { etag, 'content-length': 0 }).end();
}

/** Looked at before the body comes: two writers at the same instant, whom S3 would tell apart, are not told apart here. */
async function refuseExisting(files: ObjectFiles, { bucket, key }: Target): Promise<void> {
  if ((await files.info(bucket, key)) === undefined) return;
  throw new ServiceError('PreconditionFailed', `there is an object ${key} already`, 412);
}

/** The AWS CLI wraps bodies in chunks with a trailing checksum. */
const bodyOf = (request: IncomingMessage): Readable =>
  String(request.headers['content-encoding'] ?? '').includes('aws-chunked')
    ? decodeAwsChunks(request)
    : request;

const CONDITION_HEADERS = [
  'x-amz-server-side-encryption',
  'x-amz-server-side-encryption-aws-kms-key-id',
  'if-none-match',
];

function putContext({ headers }: IncomingMessage): Record<string, string> {
  const context: Record<string, string> = {};
  for (const name of CONDITION_HEADERS) {
    const value = headers[name];
    if (typeof value === 'string') context[`s3:${name}`] = value;
  }
  return context;
}

async function get(settings: S3Settings, target: Target, exchange: Exchange): Promise<void> {
  const { request, response, caller } = exchange;
  const head = request.method === 'HEAD';
  exchange.count(head ? 'HeadObject' : 'GetObject');
  settings.authorizer.authorize(caller, 's3:GetObject', target.arn);
  settings.authorizer.authorizeKey(caller, bucketArn(target.bucket), 'kms:Decrypt', 's3');
  const found = await settings.files.info(target.bucket, target.key);
  if (found === undefined) throw missing(settings.authorizer, caller, target);
  const range = rangeOf(request.headers.range, found.bytes);
  const whole = range === undefined;
  const { from, to } = range ?? { from: 0, to: found.bytes - 1 };
  response.writeHead(whole ? 200 : 206, {
    'content-type': 'application/octet-stream',
    'content-length': to - from + 1,
    'last-modified': found.modified.toUTCString(),
    'accept-ranges': 'bytes',
    etag: found.etag,
    ...(whole ? {} : { 'content-range': `bytes ${from}-${to}/${found.bytes}` }),
  });
  if (head || found.bytes === 0) response.end();
  else await send(settings.files.read(target.bucket, target.key, from, to), response);
}

/** A reader that goes away (an aborted batch) is no error of ours. */
async function send(bytes: AsyncIterable<Buffer>, response: ServerResponse): Promise<void> {
  try {
    for await (const chunk of bytes) await written(response, chunk);
    response.end();
  } catch {
    response.destroy();
  }
}

/** Resolves when the piece has left this process, so that its memory may be used again. */
const written = (response: ServerResponse, chunk: Buffer): Promise<void> =>
  new Promise((resolve, reject) => {
    response.once('close', reject);
    response.write(chunk, (error) => {
      response.off('close', reject);
      if (error) reject(error);
      else resolve();
    });
  });

/** Without s3:ListBucket a missing object is a refusal, as on AWS: the caller may not learn that it is missing. */
function missing(authorizer: Authorizer, caller: Caller, target: Target): ServiceError {
  authorizer.authorize(caller, 's3:ListBucket', bucketArn(target.bucket), { 's3:prefix': target.key });
  return new ServiceError('NoSuchKey', `there is no object ${target.key}`, 404);
}

function rangeOf(header: string | undefined, bytes: number): { from: number; to: number } | undefined {
  if (header === undefined) return undefined;
  const [, from = '', to = ''] = /^bytes=(\d+)-(\d*)$/.exec(header) ?? [];
  if (from === '') throw notImplemented(`S3 range ${header}`);
  if (Number(from) >= bytes) throw new ServiceError('InvalidRange', `range ${header} of ${bytes} bytes`, 416);
  return { from: Number(from), to: to === '' ? bytes - 1 : Math.min(Number(to), bytes - 1) };
}

async function remove({ files, authorizer }: S3Settings, target: Target, exchange: Exchange): Promise<void> {
  exchange.count('DeleteObject');
  authorizer.authorize(exchange.caller, 's3:DeleteObject', target.arn);
  await files.remove(target.bucket, target.key);
  exchange.response.writeHead(204).end();
}

const PAGE_KEYS_MAX = 1000;

async function list({ files, authorizer }: S3Settings, bucket: string, exchange: Exchange): Promise<void> {
  const query = exchange.url.searchParams;
  if (exchange.request.method !== 'GET' || query.get('list-type') !== '2')
    throw notImplemented('this S3 call on a bucket');
  exchange.count('ListObjectsV2');
  const prefix = query.get('prefix') ?? '';
  authorizer.authorize(exchange.caller, 's3:ListBucket', bucketArn(bucket), { 's3:prefix': prefix });
  const after = query.get('continuation-token') ?? query.get('start-after') ?? '';
  const max = Math.min(Number(query.get('max-keys') ?? PAGE_KEYS_MAX), PAGE_KEYS_MAX);
  const found = (await files.list(bucket, prefix)).filter(
    ({ key }) => after === '' || Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0,
  );
  const xml = listXml(found, { bucket, prefix, max, delimiter: query.get('delimiter') ?? '' });
  exchange.response.writeHead(200, { 'content-type': 'application/xml' }).end(xml);
}

function listXml(
  found: readonly ObjectInfo[],
  { bucket, prefix, max, delimiter }: { bucket: string; prefix: string; max: number; delimiter: string },
): string {
  const folders = new Set<string>();
  const objects: ObjectInfo[] = [];
  let last = '';
  let truncated = false;
  for (const object of found) {
    const end = delimiter === '' ? -1 : object.key.indexOf(delimiter, prefix.length);
    const folder = end === -1 ? undefined : object.key.slice(0, end + delimiter.length);
    if (folder === undefined || !folders.has(folder)) {
      truncated = folders.size + objects.length >= max;
      if (truncated) break;
      if (folder === undefined) objects.push(object);
      else folders.add(folder);
    }
    last = object.key;
  }
  const contents = objects.map(
    ({ key, bytes, modified, etag }) =>
      `<Contents><Key>${escapeXml(key)}</Key><LastModified>${modified.toISOString()}</LastModified><ETag>${escapeXml(etag)}</ETag><Size>${bytes}</Size><StorageClass>STANDARD</StorageClass></Contents>`,
  );
  const common = [...folders].map(
    (folder) => `<CommonPrefixes><Prefix>${escapeXml(folder)}</Prefix></CommonPrefixes>`,
  );
  const next = truncated ? `<NextContinuationToken>${escapeXml(last)}</NextContinuationToken>` : '';
  return `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>${bucket}</Name><Prefix>${escapeXml(prefix)}</Prefix><MaxKeys>${max}</MaxKeys><KeyCount>${objects.length + folders.size}</KeyCount><IsTruncated>${truncated}</IsTruncated>${next}${contents.join('')}${common.join('')}</ListBucketResult>`;
}

function listBuckets({ buckets, authorizer }: S3Settings, exchange: Exchange): void {
  exchange.count('ListBuckets');
  authorizer.authorize(exchange.caller, 's3:ListAllMyBuckets', '*');
  const names = [...buckets].map(
    (name) => `<Bucket><Name>${name}</Name><CreationDate>1970-01-01T00:00:00.000Z</CreationDate></Bucket>`,
  );
  const xml = `<?xml version="1.0" encoding="UTF-8"?><ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner><ID>local</ID></Owner><Buckets>${names.join('')}</Buckets></ListAllMyBucketsResult>`;
  exchange.response.writeHead(200, { 'content-type': 'application/xml' }).end(xml);
}

const bucketArn = (bucket: string): string => `arn:aws:s3:::${bucket}`;
