/**
 * Tables that fit the terminal: a column is as wide as its longest text, and where not all have room, the least
 * important ones go, then the longest texts are shortened. Numbers are whole or not there: a cut one is another number.
 */
import { stripVTControlCharacters } from 'node:util';
import pc from 'picocolors';

export type Column<Row> = {
  readonly name: string;
  readonly align: 'left' | 'right';
  /** At least this wide, so that a table which is drawn again does not jump. */
  readonly least?: number;
  /** Columns with a higher number go first; without one it stays. */
  readonly goes?: number;
  /** Text may be shortened to so many characters, ending in `…`; numbers never are. */
  readonly shortest?: number;
  cell(row: Row): string;
};

/** The header and a line for each row, each of fewer characters than `width`. */
export function tableLines<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number,
): readonly string[] {
  const cells = columns.map((column) => ({ column, texts: rows.map((row) => column.cell(row)) }));
  const kept = shortened(fitting(cells.map(measured), width), width);
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, at) => placed(text, kept[at]))
      .join(GAP)
      .trimEnd();
  const lines = rows.map((_, at) => line(kept.map(({ texts }) => texts[at] ?? '')));
  return [pc.dim(line(kept.map(({ name }) => name))), ...lines];
}

const GAP = ' ';

type Measured = Pick<Column<never>, 'name' | 'align' | 'goes' | 'shortest'> & {
  readonly texts: readonly string[];
  readonly width: number;
};

function measured<Row>({ column, texts }: { column: Column<Row>; texts: readonly string[] }): Measured {
  const { name, align, goes, shortest, least = 0 } = column;
  const width = Math.max(least, name.length, ...texts.map(lengthOf));
  return { name, align, texts, width, ...(goes && { goes }), ...(shortest && { shortest }) };
}

/** Characters by which the columns are too wide; a line that fills the last column would wrap on some terminals. */
const excess = (columns: readonly Measured[], width: number): number =>
  columns.reduce((sum, column) => sum + column.width + GAP.length, 0) - width;

/** The columns that have room once texts are as short as they may be. */
function fitting(columns: readonly Measured[], width: number): readonly Measured[] {
  const spare = columns.reduce((sum, { width: own, shortest = own }) => sum + Math.max(0, own - shortest), 0);
  const first = columns.filter(({ goes }) => goes !== undefined).toSorted(byLeaving)[0];
  if (first === undefined || excess(columns, width) <= spare) return columns;
  return fitting(
    columns.filter((column) => column !== first),
    width,
  );
}

const byLeaving = (a: Measured, b: Measured): number => (b.goes ?? 0) - (a.goes ?? 0);

/** Takes what is too much from the columns that may be shortened, the widest first. */
function shortened(columns: readonly Measured[], width: number): readonly Measured[] {
  if (excess(columns, width) <= 0) return columns;
  const widest = columns
    .filter(({ width: own, shortest = own }) => own > shortest)
    .toSorted((a, b) => b.width - a.width)[0];
  if (widest === undefined) return columns;
  return shortened(
    columns.map((column) => (column === widest ? { ...column, width: column.width - 1 } : column)),
    width,
  );
}

function placed(text: string, column: Measured | undefined): string {
  const { width = text.length, align = 'left', shortest } = column ?? {};
  const fits = shortest !== undefined && lengthOf(text) > width ? `${text.slice(0, width - 1)}…` : text;
  const room = ' '.repeat(Math.max(0, width - lengthOf(fits)));
  return align === 'left' ? fits + room : room + fits;
}

/** As it is seen: a cell may be coloured. */
const lengthOf = (text: string): number => stripVTControlCharacters(text).length;
