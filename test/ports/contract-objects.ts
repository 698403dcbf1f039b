/** What every object store must do. `open` gives a bucket; each test keeps to a prefix of its own. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { ObjectStore } from '../../shared/ports.ts';

export type OpenedObjects = { readonly objects: ObjectStore; close(): Promise<void> };

export function objectsContract(name: string, open: () => Promise<OpenedObjects>): void {
  const opened = open();
  after(async () => (await opened).close());
  let tests = 0;
  const under = (label: string, run: (objects: ObjectStore, prefix: string) => Promise<void>): void => {
    tests += 1;
    const prefix = `contract/${tests}/`;
    test(`${name}: ${label}`, async () => run((await opened).objects, prefix));
  };

  under('an object that is not there is undefined', async (objects, prefix) => {
    assert.equal(await objects.get(`${prefix}none`), undefined);
  });

  under('text and bytes come back as they were put', async (objects, prefix) => {
    await objects.put(`${prefix}text`, 'naïve 😀\n');
    await objects.put(`${prefix}bytes`, new Uint8Array([0xe2, 0x82, 0xac]));
    assert.equal(await objects.get(`${prefix}text`), 'naïve 😀\n');
    assert.equal(await objects.get(`${prefix}bytes`), '€');
  });

  under('a put over an object replaces it', async (objects, prefix) => {
    await objects.put(`${prefix}a`, 'one');
    await objects.put(`${prefix}a`, 'two');
    assert.equal(await objects.get(`${prefix}a`), 'two');
  });

  under('range gives bytes [from, to), the end of the object ends it', async (objects, prefix) => {
    const body = new Uint8Array(100_000).map((_, index) => index % 251);
    await objects.put(`${prefix}a`, body);
    for (const [from, to, expected] of RANGES) {
      const read = await bytesOf(objects.range(`${prefix}a`, from, to));
      assert.equal(read.length, expected, `${from}..${to}`);
      assert.deepEqual(read, Buffer.from(body.subarray(from, to)));
    }
  });

  under('range of an object that is not there throws', async (objects, prefix) => {
    await assert.rejects(bytesOf(objects.range(`${prefix}none`, 0, 10)));
  });

  under('an aborted range ends with an error', async (objects, prefix) => {
    await objects.put(`${prefix}a`, 'x'.repeat(50_000));
    await assert.rejects(bytesOf(objects.range(`${prefix}a`, 0, 50_000, AbortSignal.abort())));
  });

  under('list gives all objects under a prefix, in order, with their bytes', async (objects, prefix) => {
    const names = Array.from({ length: 25 }, (_, index) => `${prefix}in/${String(index).padStart(3, '0')}`);
    for (const key of [...names].reverse()) await objects.put(key, key.slice(-3));
    await objects.put(`${prefix}out`, 'no');
    const seen: string[] = [];
    for await (const { key, bytes } of objects.list(`${prefix}in/`)) {
      assert.equal(bytes, 3);
      seen.push(key);
    }
    assert.deepEqual(seen, names);
    for await (const { key } of objects.list(`${prefix}none/`)) assert.fail(key);
  });

  under('url and keyOf are inverse, and a foreign bucket is refused', async (objects, prefix) => {
    const key = `${prefix}a b/ü+%.ndjson`;
    assert.match(objects.url(key), /^s3:\/\/[^/]+\//);
    assert.equal(objects.keyOf(objects.url(key)), key);
    assert.throws(() => objects.keyOf('s3://another-bucket/a'), { name: 'Fault', kind: 'bug' });
  });
}

const RANGES = [
  [0, 10, 10],
  [0, 1, 1],
  [99_990, 100_000, 10],
  [99_990, 200_000, 10],
  [1, 100_000, 99_999],
  [40_000, 60_001, 20_001],
] as const;

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}
