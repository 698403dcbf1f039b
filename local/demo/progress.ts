/**
 * The live picture: one line per sync. On a terminal it is drawn again in place; elsewhere a line is written when
 * something has changed, at most one per sync and second.
 */
import { stripVTControlCharacters } from 'node:util';
import pc from 'picocolors';
import { type Column, tableLines } from './columns.ts';
import type { Watched } from './observe.ts';

/** What one line says of one sync. */
export type ProgressLine = Watched & {
  readonly account: string;
  readonly rowsPerSecond: number;
  /** Requests that the destination refused or left unanswered. */
  readonly retries: number;
  /** Share of the account's allowed rate in the last second; undefined where nobody counts. */
  readonly rateUsed: number | undefined;
  /** `200/s` */
  readonly rateAllowed: string;
};

export type Progress = {
  /** Shows the lines; `note` is what happens now. */
  show(note: string, lines: readonly ProgressLine[]): void;
  /** Writes something that stays, above the lines. */
  say(text: string): void;
  end(): void;
};

const PLAIN_MS = 1000;
const BAR = 16;

export function terminalProgress(out: NodeJS.WriteStream): Progress {
  let drawn = 0;
  const erase = (): void => {
    if (drawn > 0) out.write(`\u001b[${drawn}A\u001b[0J`);
    drawn = 0;
  };
  return {
    show(note, lines) {
      const width = Math.max(40, out.columns || 100);
      const text = [...tableLines(COLUMNS, lines, width), pc.dim(note)].map((line) => clip(line, width));
      erase();
      out.write(`${text.join('\n')}\n`);
      drawn = text.length;
    },
    say(text) {
      erase();
      out.write(`${text}\n`);
    },
    end: () => undefined,
  };
}

export function plainProgress(write: (line: string) => void): Progress {
  const last = new Map<string, { text: string; at: number }>();
  let isHeaded = false;
  return {
    show(_note, lines) {
      for (const line of lines) {
        const [head = '', text = ''] = tableLines(COLUMNS, [line], Number.POSITIVE_INFINITY);
        if (!isHeaded) write(head);
        isHeaded = true;
        const before = last.get(line.syncId);
        if (before?.text === text || (before !== undefined && Date.now() - before.at < PLAIN_MS)) continue;
        last.set(line.syncId, { text, at: Date.now() });
        write(text);
      }
    },
    say: write,
    end: () => undefined,
  };
}

/** Nothing is shown: `--json` prints one document and nothing else. */
export const silentProgress: Progress = { show: () => undefined, say: () => undefined, end: () => undefined };

/**
 * All of them have room in a terminal of 120 characters. Below that the bar goes, then speed and rate; at 80 run, phase,
 * rows and retries are there.
 */
const COLUMNS: readonly Column<ProgressLine>[] = [
  { name: 'sync', align: 'left', least: 23, shortest: 20, cell: ({ syncId }) => syncId },
  { name: 'run', align: 'left', least: 3, goes: 5, cell: ({ epoch }) => (epoch === 0 ? '' : `#${epoch}`) },
  { name: '', align: 'left', least: 7, goes: 4, cell: phaseText },
  { name: '', align: 'left', least: BAR, goes: 9, cell: barOf },
  { name: 'rows', align: 'right', least: 15, cell: rowsOf },
  { name: 'rows/s', align: 'right', goes: 8, cell: speedOf },
  { name: 'accepted', align: 'right', goes: 2, cell: ({ counts }) => number(counts.accepted) },
  { name: 'failed', align: 'right', goes: 3, cell: failedOf },
  { name: 'retries', align: 'right', goes: 6, cell: ({ retries }) => number(retries) },
  { name: 'rate', align: 'right', least: 13, goes: 7, cell: rateOf },
];

function rowsOf({ counts, extracted }: ProgressLine): string {
  return extracted === undefined ? number(counts.rows) : `${number(counts.rows)}/${number(extracted)}`;
}

function speedOf({ phase, rowsPerSecond }: ProgressLine): string {
  return phase === 'loading' ? number(Math.round(rowsPerSecond)) : '';
}

function failedOf({ counts }: ProgressLine): string {
  return number(counts.rejected + counts.invalid + counts.dead);
}

function rateOf({ rateUsed, rateAllowed }: ProgressLine): string {
  return rateUsed === undefined ? '' : `${Math.round(100 * rateUsed)}% of ${rateAllowed}`;
}

function phaseText({ phase, epoch, interrupted }: ProgressLine): string {
  if (phase === 'idle') return epoch === 0 ? 'waiting' : 'done';
  // Its batches have been handed back, and come again.
  if (phase === 'loading' && interrupted > 0) return 'waiting';
  return phase === 'extracting' ? 'extract' : phase;
}

function barOf({ phase, counts, extracted }: ProgressLine): string {
  if (phase !== 'loading' || extracted === undefined || extracted === 0) return '';
  const full = Math.min(BAR, Math.round((counts.rows / extracted) * BAR));
  return '█'.repeat(full) + '░'.repeat(BAR - full);
}

const number = (value: number): string => value.toLocaleString('en-US');

/** Cuts a line to the terminal's width, colours aside: a line that wraps could not be drawn over. */
function clip(line: string, width: number): string {
  const plain = stripVTControlCharacters(line);
  return plain.length < width ? line : plain.slice(0, width - 1);
}
