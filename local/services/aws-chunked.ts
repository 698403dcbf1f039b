/**
 * The `aws-chunked` content encoding: `<hex size>[;chunk-signature=...]\r\n<bytes>\r\n` ... `0\r\n<trailers>\r\n`.
 * Signatures and trailing checksums are read over, not verified: the bytes came over the loopback interface.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
 */
import { Readable } from 'node:stream';
import { ServiceError } from '../wire.ts';

export function decodeAwsChunks(source: AsyncIterable<Uint8Array>): Readable {
  return Readable.from(chunks(source), { objectMode: false });
}

async function* chunks(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let held = Buffer.alloc(0);
  /** Bytes of the current chunk still to come; `undefined` while a size line is awaited. */
  let left: number | undefined;
  let ended = false;
  for await (const piece of source) {
    if (ended) continue;
    held = Buffer.concat([held, piece]);
    for (;;) {
      if (left === undefined) {
        const line = sizeLine(held);
        if (line === undefined) break;
        held = held.subarray(line.length);
        left = line.bytes;
        ended = left === 0;
        if (ended) break;
      }
      if (left > 0 && held.length > 0) {
        const part = held.subarray(0, left);
        held = held.subarray(part.length);
        left -= part.length;
        yield part;
      }
      if (left > 0 || held.length < 2) break;
      held = held.subarray(2);
      left = undefined;
    }
  }
  if (!ended) throw new ServiceError('IncompleteBody', 'the body ended before its last chunk');
}

/** A longer one is no size line. */
const SIZE_LINE_BYTES_MAX = 256;

function sizeLine(held: Buffer): { bytes: number; length: number } | undefined {
  const end = held.indexOf('\r\n');
  if (end === -1 && held.length <= SIZE_LINE_BYTES_MAX) return undefined;
  const text = held.subarray(0, Math.max(end, 0)).toString('latin1').split(';')[0] ?? '';
  if (!/^[0-9a-fA-F]{1,8}$/.test(text)) throw new ServiceError('InvalidRequest', 'not an aws-chunked body');
  return { bytes: Number.parseInt(text, 16), length: end + 2 };
}
