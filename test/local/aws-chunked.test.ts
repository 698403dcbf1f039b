/** Bodies that the AWS CLI wraps into chunks come out whole, however the network cuts them. */
import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeAwsChunks } from '../../local/services/aws-chunked.ts';

async function* pieces(whole: Buffer, cuts: readonly number[]): AsyncGenerator<Buffer> {
  const places = [0, ...cuts.map((cut) => cut % (whole.length + 1)).toSorted((a, b) => a - b), whole.length];
  for (const [at, from] of places.slice(0, -1).entries()) yield whole.subarray(from, places[at + 1]);
}
const decode = (text: string, cuts: readonly number[] = []) =>
  buffer(decodeAwsChunks(pieces(Buffer.from(text), cuts)));

test('chunks with signatures and a trailing checksum', async () => {
  const body =
    '5;chunk-signature=00ff\r\nhello\r\n6\r\n, all\n\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n';
  assert.equal((await decode(body)).toString(), 'hello, all\n');
  assert.equal((await decode('0\r\n\r\n')).toString(), '');
});

test('a body that ends too soon, or is none of this kind, is refused', async () => {
  await assert.rejects(decode('5\r\nhel'), /ended before its last chunk/);
  await assert.rejects(decode('hello\r\nworld\r\n'), /not an aws-chunked body/);
});

test('property: the cuts of the network do not matter', async () => {
  const parts = fc.array(fc.string({ minLength: 1, maxLength: 40 }), { maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(parts, fc.array(fc.nat(400), { maxLength: 12 }), async (texts, cuts) => {
      const chunks = texts.map((text) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
      assert.equal((await decode(`${chunks.join('')}0\r\n\r\n`, cuts)).toString(), texts.join(''));
    }),
    { numRuns: 100 },
  );
});
