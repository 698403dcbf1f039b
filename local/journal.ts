/**
 * An append-only file of JSON lines that survives `kill -9`: each line reaches the operating system before the
 * call returns. Queues, stream records and asynchronous invocations stand on it. On start the lines are read back;
 * a torn last line (the process died while writing) is dropped.
 */
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';

export type Journal = {
  /** The lines of the file at the moment it was opened. */
  readonly entries: readonly unknown[];
  append(entry: object): void;
  /** Replaces the file by these lines, atomically; called when most lines are about things long gone. */
  rewrite(entries: Iterable<object>): void;
  /** Lines now in the file. */
  readonly length: number;
  close(): void;
};

export function openJournal(file: string): Journal {
  mkdirSync(path.dirname(file), { recursive: true });
  const entries = readEntries(file);
  let length = entries.length;
  let handle = openSync(file, 'a');
  return {
    entries,
    get length() {
      return length;
    },
    append(entry) {
      writeSync(handle, `${JSON.stringify(entry)}\n`);
      length += 1;
    },
    rewrite(kept) {
      const lines = [...kept].map((entry) => `${JSON.stringify(entry)}\n`);
      writeFileSync(`${file}.new`, lines.join(''));
      closeSync(handle);
      renameSync(`${file}.new`, file);
      handle = openSync(file, 'a');
      length = lines.length;
    },
    close: () => closeSync(handle),
  };
}

/** Lines before a compaction is worth its while. */
export const COMPACT_LINES = 5000;

function readEntries(file: string): unknown[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return [];
  }
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  // A torn tail would swallow the next line appended after it.
  if (whole.length < text.length) writeFileSync(file, whole);
  return whole
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);
}
