/**
 * One budget, many loaders: an hour in virtual time, and a minute in real time through the deployed shape's own loader, each
 * judged by when requests arrived, in sliding windows.
 */
import { TRANSIT_JITTER_MS } from '../shared/core/limits.ts';
import { peopleSql } from './people.ts';
import type { BenchSink } from './processes.ts';
import { mostInWindow, type RateFigures, type RateSimulation, simulateRate } from './rate-simulation.ts';
import { DEPLOYED_TIMING, startBenchStage } from './stage.ts';

const LOADERS = [1, 8, 32] as const;
/** One loader cannot have more than sixteen calls of a second under way: 32% of the rate. */
const SLOW_LOADERS = [8, 32] as const;
const SLOW_MS = 1000;
const SLOW_IN_FLIGHT = 16;
const REQUESTS = 50;
const PER_MS = 1000;
const HOUR_MS = 3_600_000;
/** Thirty-two environments start at once on two cores: only then does the minute begin. */
const WARM_UP_SECONDS = 10;
const REAL_SECONDS = 60;
/** Loaders run dry at different moments. */
const END_SECONDS = 5;
const REQUEST_ROWS = 200;
/** A sink that the machine held up for longer notes arrivals so late that they say nothing of when they were sent. */
const PAUSE_MS_MAX = TRANSIT_JITTER_MS;
const MINUTES_MAX = 3;
/** Promised, of a rate's limit. */
export const USED_MIN = 0.94;

export type RealRate = {
  readonly loaders: number;
  readonly requests: number;
  /** Share of the limit in a minute of it. */
  readonly used: number;
  readonly windowMost: number;
  /** The longest time for which the machine held the sink up. */
  readonly sinkPausedMs: number;
  /** Minutes measured: more than one where the machine spoiled those before. */
  readonly minutes: number;
};
export type RateReport = {
  readonly requests: number;
  readonly perMs: number;
  readonly virtualHour: readonly RateFigures[];
  /** An hour as well, at a destination that takes a second for each answer. */
  readonly slowHour: readonly RateFigures[];
  /** Billed loader seconds per 1,000 calls at 32 loaders, over those at one. */
  readonly billedRatio32To1: number;
  readonly realMinute: readonly RealRate[];
};

export async function measureRate(sink: BenchSink, say: (line: string) => void): Promise<RateReport> {
  const virtualHour = [];
  for (const loaders of LOADERS) virtualHour.push(await anHour({ loaders }, say));
  const slowHour = [];
  for (const loaders of SLOW_LOADERS) {
    slowHour.push(await anHour({ loaders, workMs: SLOW_MS, requestsInFlight: SLOW_IN_FLIGHT }, say));
  }
  const realMinute = [];
  for (const loaders of LOADERS) {
    realMinute.push(await realRate(sink, loaders, say));
    say(`a real minute, ${loaders} loaders: ${JSON.stringify(realMinute.at(-1))}`);
  }
  const [one, , many] = virtualHour;
  return {
    requests: REQUESTS,
    perMs: PER_MS,
    virtualHour,
    slowHour,
    billedRatio32To1: (many?.billedSecondsPer1000Calls ?? 0) / (one?.billedSecondsPer1000Calls ?? 1),
    realMinute,
  };
}

async function anHour(of: HourOf, say: (line: string) => void): Promise<RateFigures> {
  const figures = await simulateRate({ ...of, requests: REQUESTS, perMs: PER_MS, virtualMs: HOUR_MS });
  const { used, windowMost } = figures;
  say(`a virtual hour, ${JSON.stringify(of)}: ${(100 * used).toFixed(1)}% used, ${windowMost} at most`);
  return figures;
}

type HourOf = Pick<RateSimulation, 'loaders' | 'workMs' | 'requestsInFlight'>;

/**
 * A minute that broke the promise, and in which the machine held the sink up, says nothing and is measured again; the last
 * one counts, whatever happened in it.
 */
async function realRate(
  sink: BenchSink,
  loaders: number,
  say: (line: string) => void,
  minutes = 1,
): Promise<RealRate> {
  const figures = await realMinute(sink, loaders);
  const isKept = figures.used >= USED_MIN && figures.windowMost <= REQUESTS;
  const isOurs = figures.sinkPausedMs <= PAUSE_MS_MAX;
  if (isKept || isOurs || minutes === MINUTES_MAX) return { ...figures, minutes };
  say(
    `the machine held the sink up for ${figures.sinkPausedMs} ms: ${JSON.stringify(figures)} is measured again`,
  );
  return realRate(sink, loaders, say, minutes + 1);
}

/** The share that was used is that of a minute in the middle; windows are judged from the first request to the last. */
async function realMinute(sink: BenchSink, loaders: number): Promise<Omit<RealRate, 'minutes'>> {
  const rows = REQUESTS * (WARM_UP_SECONDS + REAL_SECONDS + END_SECONDS) * REQUEST_ROWS;
  const stage = await startBenchStage({
    sinkPort: sink.port,
    extraction: 'unload',
    changes: 'all',
    callsPerSecond: REQUESTS,
    windowMs: PER_MS,
    loaders,
    timing: DEPLOYED_TIMING,
  });
  try {
    for (const statement of peopleSql(rows)) await stage.stack.warehouse.sql(statement);
    await sink.reset();
    await stage.define();
    await stage.run();
    const times = await sink.times();
    const [first = 0, last = 0] = [times[0], times.at(-1)];
    const paused = (await sink.pauses()).filter(({ until }) => until >= first && until <= last);
    const from = first + WARM_UP_SECONDS * 1000;
    const within = times.filter((time) => time >= from && time < from + REAL_SECONDS * 1000).length;
    return {
      loaders,
      requests: times.length,
      used: Number((within / ((REAL_SECONDS * 1000 * REQUESTS) / PER_MS)).toFixed(3)),
      windowMost: mostInWindow(times, PER_MS),
      sinkPausedMs: Math.round(Math.max(0, ...paused.map(({ ms }) => ms))),
    };
  } finally {
    await stage.stop();
  }
}
