/** What every object store must do. `open` gives a bucket; each test keeps to a prefix of its own. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { ObjectStore } from '../../shared/ports.ts';

export type OpenedObjects = {
  readonly objects: ObjectStore;
  /** The next call is done, and its answer does not come. */
  loseNextAnswer?(): void;
  close(): Promise<void>;
};

/** What a stand-in of another hand does otherwise than S3, so that only the others are held to it. */
export type Lack = 'order of bytes' | 'tags';

export function objectsContract(
  name: string,
  open: () => Promise<OpenedObjects>,
  lacks: readonly Lack[] = [],
): void {
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

  under('a range that is aborted half-way ends with an error, whatever was read', async (objects, prefix) => {
    await objects.put(`${prefix}a`, new Uint8Array(3_000_000));
    const abort = new AbortController();
    let read = 0;
    await assert.rejects(async () => {
      for await (const piece of objects.range(`${prefix}a`, 0, 3_000_000, abort.signal)) {
        read += piece.length;
        abort.abort();
      }
    });
    assert.ok(read < 3_000_000);
  });

  under('more objects than one page of a listing', async (objects, prefix) => {
    const names = Array.from({ length: 1030 }, (_, index) => `${prefix}${String(index).padStart(5, '0')}`);
    for (let at = 0; at < names.length; at += 50)
      await Promise.all(names.slice(at, at + 50).map((key) => objects.put(key, 'x')));
    const seen: string[] = [];
    for await (const { key } of objects.list(prefix)) seen.push(key);
    assert.deepEqual(seen, names);
  });

  under('a listing is in the order of bytes, as manifests rely on', async (objects, prefix) => {
    if (lacks.includes('order of bytes')) return;
    for (const name of ['b', 'a/z', 'a-z', 'Z', 'é', '10', '9']) await objects.put(`${prefix}${name}`, 'x');
    const seen: string[] = [];
    for await (const { key } of objects.list(prefix)) seen.push(key.slice(prefix.length));
    assert.deepEqual(seen, ['10', '9', 'Z', 'a-z', 'a/z', 'b', 'é']);
  });

  test(`${name}: a put whose answer was lost was done, and may be repeated`, async () => {
    const { objects, loseNextAnswer } = await opened;
    if (loseNextAnswer === undefined) return;
    loseNextAnswer();
    await assert.rejects(objects.put('contract/lost', 'one'), { name: 'Fault', kind: 'transient' });
    assert.equal(await objects.get('contract/lost'), 'one');
    await objects.put('contract/lost', 'one');
    loseNextAnswer();
    await assert.rejects(objects.get('contract/lost'), { kind: 'transient' });
  });

  under(
    'an object that may expire is there until it does; one that is gone already is no fault',
    async (objects, prefix) => {
      if (lacks.includes('tags')) return;
      await objects.put(`${prefix}a`, 'one');
      await objects.supersede(`${prefix}a`);
      await objects.supersede(`${prefix}a`);
      assert.equal(await objects.get(`${prefix}a`), 'one');
      await objects.supersede(`${prefix}none`);
      assert.equal(await objects.get(`${prefix}none`), undefined);
    },
  );

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
