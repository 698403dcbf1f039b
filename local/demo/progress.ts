/**
 * The live picture: one line per sync. On a terminal it is drawn again in place; elsewhere a line is written when
 * something has changed, at most one per sync and second. a pipe gets plain lines.
 */
import pc from 'picocolors';
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
      const width = Math.max(40, out.columns ?? 100);
      const text = [header(), ...lines.map(lineText), pc.dim(note)].map((line) => clip(line, width));
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
  return {
    show(_note, lines) {
      for (const line of lines) {
        const text = lineText(line);
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

const COLUMNS: readonly (readonly [name: string, width: number])[] = [
  ['sync', 24],
  ['run', 4],
  ['', 7 + BAR + 2],
  ['rows', 16],
  ['rows/s', 8],
  ['accepted', 9],
  ['rejected', 9],
  ['retries', 8],
  ['rate', 14],
];

const header = (): string =>
  pc.dim(COLUMNS.map(([name, width], at) => (at < 3 ? name.padEnd(width) : name.padStart(width))).join(' '));

function lineText(line: ProgressLine): string {
  const { counts, extracted, phase } = line;
  const total = extracted === undefined ? '' : `/${number(extracted)}`;
  const failed = counts.rejected + counts.invalid + counts.dead;
  const cells = [
    line.syncId,
    line.epoch === 0 ? '' : `#${line.epoch}`,
    `${phaseText(line)} ${bar(phase === 'loading' ? share(counts.rows, extracted) : undefined)}`,
    `${number(counts.rows)}${total}`,
    phase === 'loading' ? number(Math.round(line.rowsPerSecond)) : '',
    number(counts.accepted),
    failed === 0 ? '0' : number(failed),
    number(line.retries),
    line.rateUsed === undefined ? '' : `${Math.round(100 * line.rateUsed)}% of ${line.rateAllowed}`,
  ];
  return cells.map((cell, at) => padded(cell, COLUMNS[at]?.[1] ?? 0, at < 3)).join(' ');
}

const padded = (text: string, width: number, left: boolean): string =>
  left ? text.padEnd(width) : text.padStart(width);

function phaseText({ phase, epoch, interrupted }: ProgressLine): string {
  if (phase === 'idle') return (epoch === 0 ? 'waiting' : 'done').padEnd(8);
  if (phase === 'loading' && interrupted > 0) return 'pausing'.padEnd(8);
  return (phase === 'extracting' ? 'extract' : phase).padEnd(8);
}

const share = (rows: number, extracted: number | undefined): number | undefined =>
  extracted === undefined || extracted === 0 ? undefined : rows / extracted;

function bar(done: number | undefined): string {
  if (done === undefined) return ' '.repeat(BAR);
  const full = Math.min(BAR, Math.round(done * BAR));
  return '█'.repeat(full) + '░'.repeat(BAR - full);
}

const number = (value: number): string => value.toLocaleString('en-US');

/** Cuts a line to the terminal's width, colours aside: a line that wraps could not be drawn over. */
function clip(line: string, width: number): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape of a colour is one
  const plain = line.replace(/\u001b\[\d+m/g, '');
  return plain.length < width ? line : plain.slice(0, width - 1);
}
