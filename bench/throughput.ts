/**
 * Rows per second of a first sync through the whole local stack, from acquire to flip, as a ratio to the bare loop: the
 * median of three pairs, interleaved, so that a busy moment of the machine falls on both.
 */
import { availableParallelism } from 'node:os';
import { peopleSql } from './people.ts';
import { type BenchSink, runBareLoop } from './processes.ts';
import { startBenchStage } from './stage.ts';

export type ThroughputFigure = {
  readonly rows: number;
  readonly requestRows: number;
  readonly pairs: readonly {
    readonly bareRowsPerSecond: number;
    readonly stackRowsPerSecond: number;
    readonly ratio: number;
  }[];
  readonly ratioToBareLoop: number;
};

const PAIRS = 3;
/** A slower bare loop would be easy to keep up with: the figure says nothing then. */
const BARE_ROWS_PER_SECOND_MIN = 100_000;

/** Throws an Error when the machine is too slow or too busy for the figure to mean anything. */
export async function measureThroughput(
  sink: BenchSink,
  rows: number,
  say: (line: string) => void,
): Promise<ThroughputFigure> {
  const pairs = [];
  for (let pair = 0; pair < PAIRS; pair += 1) {
    await sink.reset();
    const bare = await runBareLoop(rows, sink.url);
    const stack = await runStack(sink, rows);
    pairs.push({
      bareRowsPerSecond: Math.round(bare),
      stackRowsPerSecond: Math.round(stack),
      ratio: Number((stack / bare).toFixed(3)),
    });
    say(JSON.stringify(pairs.at(-1)));
  }
  refuseSlowMachine(median(pairs.map((pair) => pair.bareRowsPerSecond)));
  return { rows, requestRows: 200, pairs, ratioToBareLoop: median(pairs.map(({ ratio }) => ratio)) };
}

async function runStack(sink: BenchSink, rows: number): Promise<number> {
  const stage = await startBenchStage({ sinkPort: sink.port, extraction: 'unload', changes: 'diff' });
  try {
    for (const statement of peopleSql(rows)) await stage.stack.warehouse.sql(statement);
    await sink.reset();
    await stage.define();
    const { elapsedMs, result } = await stage.run();
    const arrived = (await sink.counts()).rows;
    if (arrived !== rows || result.counts?.accepted !== rows) {
      throw new Error(`${arrived} rows arrived and ${result.counts?.accepted} were accepted, of ${rows}`);
    }
    return (1000 * rows) / elapsedMs;
  } finally {
    await stage.stop();
  }
}

function refuseSlowMachine(bare: number): void {
  if (bare >= BARE_ROWS_PER_SECOND_MIN) return;
  throw new Error(
    `the bare loop did ${Math.round(bare)} rows/s on ${availableParallelism()} cores, under ${BARE_ROWS_PER_SECOND_MIN}: the machine is too busy or too slow for a figure`,
  );
}

export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
