/**
 * The bytes of a file, piece by piece, through one buffer. A stream would take a new buffer for every read, and memory
 * outside the heap makes V8 collect the whole heap again and again: a fifth of the time of a run of a million rows.
 */
import { open } from 'node:fs/promises';

const BUFFER_BYTES = 256 * 1024;

/** Bytes `from` up to `to`, exclusive, or to the file's end. A piece is valid until the next one is asked for. */
export async function* fileChunks(
  file: string,
  from = 0,
  to = Number.POSITIVE_INFINITY,
): AsyncGenerator<Buffer> {
  const handle = await open(file);
  try {
    const buffer = Buffer.allocUnsafeSlow(Math.max(1, Math.min(BUFFER_BYTES, to - from)));
    for (let at = from; at < to; ) {
      const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, to - at), at);
      if (bytesRead === 0) return;
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}
