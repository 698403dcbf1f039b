/** The figures as tables for people, each with what was promised beside it. */
import Table from 'cli-table3';
import type { ColdStartFigure } from './cold-start.ts';
import type { CostFigures } from './cost.ts';
import type { PartiesFigure } from './parties.ts';
import type { RateReport } from './rate.ts';
import type { ThroughputFigure } from './throughput.ts';

export type BenchReport = {
  readonly ratioToBareLoop: number | undefined;
  readonly machine: { readonly cores: number; readonly processor: string; readonly node: string };
  readonly throughput: ThroughputFigure | undefined;
  readonly parties: readonly PartiesFigure[] | undefined;
  readonly cost: CostFigures | undefined;
  readonly rate: RateReport | undefined;
  readonly coldStarts: readonly ColdStartFigure[] | undefined;
  /** A sentence for each promise that is not kept. */
  readonly missed: readonly string[];
};

export function reportText(report: BenchReport): string {
  const { machine, throughput, parties, cost, rate, coldStarts, missed } = report;
  return [
    `Measured on ${machine.cores} cores (${machine.processor}), Node ${machine.node}.`,
    ...(throughput === undefined ? [] : [throughputTable(throughput)]),
    ...(parties === undefined ? [] : [partiesTable(parties)]),
    ...(cost === undefined ? [] : [costTable(cost), writesTable(cost)]),
    ...(rate === undefined ? [] : [rateTable(rate)]),
    ...(coldStarts === undefined ? [] : [coldStartsTable(coldStarts)]),
    ...missed.map((sentence) => `✗ ${sentence}`),
  ].join('\n\n');
}

function throughputTable({ rows, pairs, ratioToBareLoop }: ThroughputFigure): string {
  const lines = pairs.map(({ bareRowsPerSecond, stackRowsPerSecond, ratio }, index) => [
    `pair ${index + 1}`,
    whole(bareRowsPerSecond),
    whole(stackRowsPerSecond),
    ratio.toFixed(3),
  ]);
  return table(
    `First sync of ${whole(rows)} rows, acquire to flip, through the whole local stack; at least 0.5`,
    ['', 'bare loop, rows/s', 'stack, rows/s', 'ratio'],
    [...lines, ['median', '', '', ratioToBareLoop.toFixed(3)]],
  );
}

function partiesTable(parties: readonly PartiesFigure[]): string {
  return table(
    'Each alone in a process, bundled as deployed; memory flat and under 256 MB',
    ['extraction', 'rows', 'extractor, MB', 'loader, MB', 'loader, rows/core s', 'loader, rows/s'],
    parties.map((one) => [
      one.extraction,
      whole(one.rows),
      whole(one.extractorPeakMb),
      whole(one.loaderPeakMb),
      whole(one.loaderRowsPerCoreSecond),
      whole(one.loaderRowsPerSecond),
    ]),
  );
}

function costTable({ stated, dollarsPerMillionRows, emptyRun, secondRun }: CostFigures): string {
  const { requestRows, latencyMs, callsPerSecond, loaderMb } = stated;
  const { changed, stagedRows, arrivedRows } = secondRun;
  return table(
    `Billed by AWS, without Redshift and data transfer; prices: docs/prices.md\nRequests of ${requestRows} rows, ${latencyMs} ms each, ${callsPerSecond} a second, loaders of ${loaderMb} MB`,
    ['', 'measured', 'promised'],
    [
      ['a million rows', `$${dollarsPerMillionRows.toFixed(4)}`, 'at most $0.05'],
      ['a run that finds nothing', `$${emptyRun.dollars.toFixed(6)}`, 'at most $0.0001'],
      [`rows staged, ${whole(changed)} changed`, whole(stagedRows), whole(changed)],
      ['rows at the sink', whole(arrivedRows), whole(changed)],
    ],
  );
}

function writesTable({ firstRun, emptyRun }: CostFigures): string {
  const line = (name: string, run: CostFigures['firstRun']): string[] => [
    name,
    whole(run.batches),
    whole(run.protocolWrites),
    `at most ${run.protocolWritesMax.toFixed(1)}`,
    whole(run.budgetWrites),
    `at most ${whole(Math.ceil(run.loaderSeconds))}`,
  ];
  return table(
    'Writes to the state table: 6 a run and 1.05 a batch; budget writes one a second of sending and loader',
    ['', 'batches', 'protocol', 'promised', 'budget', 'promised'],
    [line('first run', firstRun), line('nothing found', emptyRun)],
  );
}

function rateTable(report: RateReport): string {
  const { requests, perMs, virtualHour, slowHour, realMinute, billedRatio32To1 } = report;
  const slowUsed = (loaders: number): string => {
    const slow = slowHour.find((hour) => hour.loaders === loaders);
    return slow === undefined ? '' : percent(slow.used);
  };
  const lines = virtualHour.map((hour, index) => [
    String(hour.loaders),
    percent(hour.used),
    whole(hour.windowMost),
    percent(realMinute[index]?.used ?? Number.NaN),
    whole(realMinute[index]?.windowMost ?? Number.NaN),
    hour.billedSecondsPer1000Calls.toFixed(1),
    slowUsed(hour.loaders),
  ]);
  const minutes = realMinute
    .map(({ loaders, sinkPausedMs, minutes: taken }) => `${loaders}: ${sinkPausedMs} ms, minute ${taken}`)
    .join(' · ');
  return [
    table(
      `One budget of ${requests} requests in ${perMs} ms, by the sink's clock in sliding windows; at least 94% used, never above ${requests}`,
      [
        'loaders',
        'virtual hour',
        'window',
        'real minute',
        'window',
        'billed s per 1,000 calls',
        'answers after 1 s',
      ],
      lines,
    ),
    `Billed seconds at 32 loaders over those at one: ${billedRatio32To1.toFixed(2)}, at most 3.`,
    `The machine held the sink up for at most, and the minute that counted, by loaders: ${minutes}.`,
  ].join('\n');
}

function coldStartsTable(coldStarts: readonly ColdStartFigure[]): string {
  return table(
    'What a cold start loads; a bundle has at most 1,000,000 bytes',
    ['function', 'bytes', 'load, ms', 'times an empty module'],
    coldStarts.map((one) => [one.name, whole(one.bytes), one.loadMs.toFixed(1), one.timesEmpty.toFixed(1)]),
  );
}

function table(title: string, head: readonly string[], lines: readonly (readonly string[])[]): string {
  const made = new Table({
    head: [...head],
    colAligns: head.map((_, index) => (index === 0 ? 'left' : 'right')),
    style: { head: [], border: [], compact: true },
  });
  made.push(...lines.map((line) => [...line]));
  return `${title}\n${made.toString()}`;
}

const whole = (value: number): string => Math.round(value).toLocaleString('en-US');
const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;
