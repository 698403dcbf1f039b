/**
 * The own lines of a batch, streamed from the staging bucket in blocks of decoded text with their byte offsets.
 *
 * A batch owns the lines that start in its range. So reading begins one byte before the range (is that byte a line
 * feed, the range starts with a line of its own; otherwise the first piece of a line belongs to the batch before)
 * and goes on past the range's end to the end of the last own line. A file's end ends a line. Memory: one chunk of
 * the store's stream and one unfinished line.
 */
import type { BatchPiece } from '../core/batches.ts';
import { Fault } from '../core/fault.ts';
import { STAGE_LINE_BYTES_MAX } from '../core/limits.ts';
import type { ObjectStore } from '../ports.ts';

/** Lines in order; offsets are bytes from the start of the batch's range, `ends[i]` past the line feed. */
export type LineBlock = {
  readonly texts: readonly string[];
  readonly starts: readonly number[];
  readonly ends: readonly number[];
};

const LINE_FEED = 10;
/** Read past a range's end at once: most last lines end here, and the rest of the answer is not worth a second. */
const TAIL_BYTES = 4096;

/** `fromOffset`: 0, or the start of an own line. Throws a `bug` Fault (`stage_line_too_long`, `stage_cut_short`). */
export async function* readBatch(
  objects: Pick<ObjectStore, 'range'>,
  pieces: readonly BatchPiece[],
  fromOffset: number,
  signal?: AbortSignal,
): AsyncGenerator<LineBlock> {
  let base = 0;
  for (const piece of pieces) {
    const bytes = piece.to - piece.from;
    if (fromOffset < base + bytes) yield* readPiece(objects, piece, base, fromOffset, signal);
    base += bytes;
  }
}

type Cursor = {
  /** Position in the file of the next unread byte, and of the first byte of `rest`. */
  at: number;
  restAt: number;
  rest: Uint8Array;
  /** Still inside a line that belongs to the batch before. */
  foreign: boolean;
};

async function* readPiece(
  objects: Pick<ObjectStore, 'range'>,
  piece: BatchPiece,
  base: number,
  fromOffset: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<LineBlock> {
  const resumed = fromOffset > base;
  const first = resumed ? piece.from + fromOffset - base : Math.max(0, piece.from - 1);
  const cursor: Cursor = {
    at: first,
    restAt: first,
    rest: new Uint8Array(0),
    foreign: !resumed && piece.from > 0,
  };
  const shift = base - piece.from;
  let end = Math.min(piece.fileBytes, piece.to + TAIL_BYTES);
  while (cursor.at < end) {
    const asked = cursor.at;
    for await (const chunk of objects.range(piece.key, cursor.at, end, signal)) {
      const block = takeChunk(cursor, chunk, piece.to, shift);
      if (block !== undefined && block.texts.length > 0) yield block;
    }
    if (cursor.at === asked) throw cutShort(piece, asked);
    if (isComplete(cursor, piece.to)) return;
    end = Math.min(piece.fileBytes, end + STAGE_LINE_BYTES_MAX);
  }
  const last = lastLine(cursor, piece.to, shift);
  if (last !== undefined) yield last;
}

/** The next line to start would start past the range: nothing more is ours. */
const isComplete = (cursor: Cursor, to: number): boolean =>
  cursor.restAt >= to || (cursor.foreign && cursor.at >= to);

/** Adds a chunk; gives the lines that are complete now and start before `to`. */
function takeChunk(cursor: Cursor, chunk: Uint8Array, to: number, shift: number): LineBlock | undefined {
  cursor.at += chunk.length;
  if (cursor.restAt >= to) return undefined;
  let part = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
  if (cursor.foreign) {
    const feed = part.indexOf(LINE_FEED);
    if (feed < 0) {
      cursor.restAt = cursor.at;
      return undefined;
    }
    cursor.foreign = false;
    part = part.subarray(feed + 1);
    cursor.restAt = cursor.at - part.length;
  }
  const lastFeed = part.lastIndexOf(LINE_FEED);
  if (lastFeed < 0) {
    cursor.rest = Buffer.concat([cursor.rest, part]);
    checkLength(cursor.rest.length);
    return undefined;
  }
  const whole = cursor.rest.length === 0 ? part : Buffer.concat([cursor.rest, part]);
  const cutAt = whole.length - (part.length - lastFeed - 1);
  const block = splitLines(whole.subarray(0, cutAt), cursor.restAt, to, shift);
  // A copy: a view would keep the whole chunk alive.
  cursor.rest = Uint8Array.prototype.slice.call(whole, cutAt);
  cursor.restAt += cutAt;
  return block;
}

/** Whole lines, each with its feed; those that start at or past `to` are the next batch's. */
function splitLines(whole: Buffer, wholeAt: number, to: number, shift: number): LineBlock {
  const texts: string[] = [];
  const starts: number[] = [];
  const ends: number[] = [];
  // One decode for all lines; where every character is one byte, byte positions are character positions.
  const text = whole.toString('utf8');
  const single = text.length === whole.length;
  let start = 0;
  while (start < whole.length && wholeAt + start < to) {
    const feed = single ? text.indexOf('\n', start) : whole.indexOf(LINE_FEED, start);
    checkLength(feed - start);
    if (feed > start) {
      texts.push(single ? text.slice(start, feed) : whole.toString('utf8', start, feed));
      starts.push(wholeAt + start + shift);
      ends.push(wholeAt + feed + 1 + shift);
    }
    start = feed + 1;
  }
  return { texts, starts, ends };
}

/** What stands at a file's end without a line feed. */
function lastLine(cursor: Cursor, to: number, shift: number): LineBlock | undefined {
  if (cursor.foreign || cursor.rest.length === 0 || cursor.restAt >= to) return undefined;
  const start = cursor.restAt + shift;
  return {
    texts: [Buffer.from(cursor.rest).toString('utf8')],
    starts: [start],
    ends: [start + cursor.rest.length],
  };
}

function checkLength(bytes: number): void {
  // The extraction makes longer lines invalid; twice the cap leaves room for the names of the envelope.
  if (bytes <= 2 * STAGE_LINE_BYTES_MAX) return;
  throw new Fault('bug', 'stage_line_too_long', `a stage line has over ${2 * STAGE_LINE_BYTES_MAX} bytes`);
}

function cutShort(piece: BatchPiece, at: number): Fault {
  return new Fault(
    'bug',
    'stage_cut_short',
    `${piece.key} ends at byte ${at}, its manifest says ${piece.fileBytes}`,
  );
}
