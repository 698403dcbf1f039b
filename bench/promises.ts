/** What the figures must keep to; whatever misses is named, and the bench ends with 1. */
import { USED_MIN } from './rate.ts';
import type { BenchReport } from './report.ts';

const MEMORY_MB_MAX = 256;
const BUNDLE_BYTES_MAX = 1_000_000;
const RATIO_MIN = 0.5;
const DOLLARS_PER_MILLION_MAX = 0.05;
const DOLLARS_EMPTY_MAX = 0.0001;
const BILLED_RATIO_MAX = 3;

/** A sentence for each promise that was measured and is not kept. */
export function missedPromises({
  throughput,
  parties,
  cost,
  rate,
  coldStarts,
}: Omit<BenchReport, 'missed'>): string[] {
  return [
    ...(throughput === undefined
      ? []
      : [missed('ratio to the bare loop', throughput.ratioToBareLoop, '>=', RATIO_MIN)]),
    ...(parties ?? []).flatMap(({ extraction, rows, extractorPeakMb, loaderPeakMb }) => [
      missed(`MB of the extractor, ${rows} rows by ${extraction}`, extractorPeakMb, '<=', MEMORY_MB_MAX),
      missed(`MB of the loader, ${rows} rows by ${extraction}`, loaderPeakMb, '<=', MEMORY_MB_MAX),
    ]),
    ...(cost === undefined ? [] : missedCosts(cost)),
    ...(rate === undefined ? [] : missedRates(rate)),
    ...(coldStarts ?? []).map(({ name, bytes }) => missed(`bytes of ${name}`, bytes, '<=', BUNDLE_BYTES_MAX)),
  ].filter((sentence) => sentence !== undefined);
}

type Sentences = (string | undefined)[];

function missedCosts({
  dollarsPerMillionRows,
  firstRun,
  emptyRun,
  secondRun,
}: NonNullable<BenchReport['cost']>): Sentences {
  return [
    missed('dollars per million rows', dollarsPerMillionRows, '<=', DOLLARS_PER_MILLION_MAX),
    missed('dollars of a run that finds nothing', emptyRun.dollars, '<=', DOLLARS_EMPTY_MAX),
    ...[firstRun, emptyRun].flatMap((run) => [
      missed(`protocol writes of ${run.batches} batches`, run.protocolWrites, '<=', run.protocolWritesMax),
      missed(`budget writes of ${run.batches} batches`, run.budgetWrites, '<=', Math.ceil(run.loaderSeconds)),
    ]),
    missed('rows staged too many or too few', Math.abs(secondRun.stagedRows - secondRun.changed), '<=', 0),
    missed(
      'rows at the sink too many or too few',
      Math.abs(secondRun.arrivedRows - secondRun.changed),
      '<=',
      0,
    ),
  ];
}

function missedRates({
  requests,
  virtualHour,
  slowHour,
  realMinute,
  billedRatio32To1,
}: NonNullable<BenchReport['rate']>): Sentences {
  const judged = [
    ...virtualHour.map((one) => ({ ...one, where: 'virtual hour' })),
    ...slowHour.map((one) => ({ ...one, where: 'slow destination' })),
    ...realMinute.map((one) => ({ ...one, where: 'real minute' })),
  ];
  return [
    ...judged.flatMap(({ where, loaders, used, windowMost }) => [
      missed(`share used by ${loaders} loaders, ${where}`, used, '>=', USED_MIN),
      missed(`requests in a window of ${loaders} loaders, ${where}`, windowMost, '<=', requests),
    ]),
    missed('billed seconds of 32 loaders over one', billedRatio32To1, '<=', BILLED_RATIO_MAX),
  ];
}

function missed(what: string, value: number, is: '<=' | '>=', limit: number): string | undefined {
  const isKept = is === '<=' ? value <= limit : value >= limit;
  return isKept ? undefined : `${what}: ${value}, promised ${is === '<=' ? 'at most' : 'at least'} ${limit}`;
}
