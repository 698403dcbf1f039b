/** Cut and ranges: over random files and cuts every line is owned by exactly one batch, at its true offset. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { batchesOf, batchRange, laneOf, makeCut, shardCount, shardSize } from '../../shared/core/batches.ts';
import type { Cut } from '../../shared/core/run.ts';
import type { StageManifest } from '../../shared/core/stage.ts';
import { type LineBlock, readBatch } from '../../shared/engine/read-batch.ts';

const line = fc.oneof(
  fc.string({ minLength: 1, maxLength: 40 }).map((text) => JSON.stringify({ k: text })),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).map((text) => JSON.stringify({ k: text })),
);
const file = fc.record({ lines: fc.array(line, { maxLength: 12 }), feedAtEnd: fc.boolean() });

type File = { readonly lines: readonly string[]; readonly feedAtEnd: boolean };

function stageOf(files: readonly File[]) {
  const bodies = files.map(({ lines, feedAtEnd }) =>
    Buffer.from(lines.join('\n') + (feedAtEnd && lines.length > 0 ? '\n' : '')),
  );
  const manifest: StageManifest = {
    files: bodies.map((body, index) => ({
      key: `f${index}`,
      bytes: body.length,
      rows: files[index]?.lines.length ?? 0,
    })),
    rows: files.reduce((sum, { lines }) => sum + lines.length, 0),
    bytes: bodies.reduce((sum, body) => sum + body.length, 0),
  };
  return { bodies, manifest };
}

/** Serves ranges in chunks of `chunkBytes`, so that every boundary occurs inside characters and lines. */
function storeOf(bodies: readonly Buffer[], chunkBytes: number) {
  return {
    async *range(key: string, from: number, to: number) {
      const body = bodies[Number(key.slice(1))] ?? Buffer.alloc(0);
      for (let at = from; at < Math.min(to, body.length); at += chunkBytes) {
        yield body.subarray(at, Math.min(at + chunkBytes, to, body.length));
      }
    },
  };
}

async function linesOf(blocks: AsyncIterable<LineBlock>) {
  const found: { text: string; start: number; end: number }[] = [];
  for await (const block of blocks) {
    block.texts.forEach((text, index) => {
      found.push({ text, start: block.starts[index] ?? -1, end: block.ends[index] ?? -1 });
    });
  }
  return found;
}

test('every line is owned exactly once, whatever the files, the cut and the chunks', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(file, { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 90 }),
      fc.integer({ min: 1, max: 64 }),
      async (files, batchBytes, chunkBytes) => {
        const { bodies, manifest } = stageOf(files);
        const totalBytes = manifest.bytes;
        const cut: Cut = {
          batchBytes,
          shardBatches: 4,
          batches: Math.ceil(totalBytes / batchBytes),
          totalBytes,
        };
        const store = storeOf(bodies, chunkBytes);
        const read: string[] = [];
        for (const { shard, ordinal } of batchesOf(cut)) {
          const pieces = batchRange(cut, manifest, shard, ordinal);
          for (const { text } of await linesOf(readBatch(store, pieces, 0))) read.push(text);
        }
        assert.deepEqual(
          read,
          files.flatMap(({ lines }) => lines),
        );
      },
    ),
    { numRuns: 400 },
  );
});

test('a read that resumes at the start of any line gives that line and the rest', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(file, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 20, max: 400 }),
      fc.integer({ min: 1, max: 64 }),
      async (files, batchBytes, chunkBytes) => {
        const { bodies, manifest } = stageOf(files);
        const totalBytes = manifest.bytes;
        const cut: Cut = {
          batchBytes,
          shardBatches: 64,
          batches: Math.ceil(totalBytes / batchBytes),
          totalBytes,
        };
        const store = storeOf(bodies, chunkBytes);
        for (const { shard, ordinal } of batchesOf(cut)) {
          const pieces = batchRange(cut, manifest, shard, ordinal);
          const whole = await linesOf(readBatch(store, pieces, 0));
          for (const [index, { start }] of whole.entries()) {
            assert.deepEqual(await linesOf(readBatch(store, pieces, start)), whole.slice(index));
          }
        }
      },
    ),
    { numRuns: 100 },
  );
});

test('a line that begins in one batch and ends in the next belongs to the first', async () => {
  const body = Buffer.from('aaaa\nbbbb\ncc\n');
  const manifest: StageManifest = { files: [{ key: 'f0', bytes: 13, rows: 3 }], rows: 3, bytes: 13 };
  const cut: Cut = { batchBytes: 5, shardBatches: 64, batches: 3, totalBytes: 13 };
  const store = storeOf([body], 3);
  const texts = async (ordinal: number) =>
    (await linesOf(readBatch(store, batchRange(cut, manifest, 0, ordinal), 0))).map(({ text }) => text);
  assert.deepEqual(await texts(0), ['aaaa']);
  assert.deepEqual(await texts(1), ['bbbb']);
  assert.deepEqual(await texts(2), ['cc']);
  const uneven: Cut = { ...cut, batchBytes: 4, batches: 4 };
  const unevenTexts = async (ordinal: number) =>
    (await linesOf(readBatch(store, batchRange(uneven, manifest, 0, ordinal), 0))).map(({ text }) => text);
  assert.deepEqual(await unevenTexts(0), ['aaaa']);
  assert.deepEqual(await unevenTexts(1), ['bbbb']);
  assert.deepEqual(await unevenTexts(2), ['cc']);
  assert.deepEqual(await unevenTexts(3), []);
});

test('a stage shorter than its manifest is a bug, not fewer rows', async () => {
  const store = storeOf([Buffer.from('aaaa\n')], 3);
  const pieces = [{ key: 'f0', from: 0, to: 10, fileBytes: 10 }];
  await assert.rejects(linesOf(readBatch(store, pieces, 0)), { code: 'stage_cut_short' });
});

test('the cut follows the account: seconds of work, even sizes, never less than a request', () => {
  const files = (bytes: number, rows: number): StageManifest => ({
    files: [{ key: 'f0', bytes, rows }],
    rows,
    bytes,
  });
  const slow = { rate: { requests: 5, perMs: 1000 }, requestRowsMax: 10 };
  // 5 requests/s x 20 s x 10 rows x 100 bytes = 100,000 bytes; 10 even batches of a million.
  assert.deepEqual(makeCut(files(1_000_000, 10_000), slow), {
    batchBytes: 100_000,
    shardBatches: 64,
    batches: 10,
    totalBytes: 1_000_000,
  });
  const fast = { rate: { requests: 1000, perMs: 1000 }, requestRowsMax: 200 };
  const large = makeCut(files(250_000_000, 1_000_000), fast);
  assert.equal(large.batches, 60);
  assert.equal(large.batchBytes, 4_166_667);
  assert.equal(shardCount(large), 1);
  assert.equal(shardSize(large, 0), 60);
  // One request may hold 10,000 rows of 300 bytes: 2.9 MB travel together.
  const wide = { rate: { requests: 1, perMs: 60_000 }, requestRowsMax: 10_000 };
  assert.equal(makeCut(files(2_900_000, 9_666), wide).batches, 1);
  assert.deepEqual(makeCut({ files: [], rows: 0, bytes: 0 }, slow).batches, 0);
  assert.equal(laneOf({ ...large, batches: 4 }), 'express');
  assert.equal(laneOf({ ...large, batches: 5 }), 'bulk');
});
