/**
 * `npm run sim`: seeds by the thousand, mutations, and the replay of one seed.
 *
 *   npm run sim -- --seeds 200000 --json       from seed 1; `--from 5000` starts elsewhere
 *   npm run sim -- --seeds 200000 --minutes 15 as many of them as the time allows
 *   npm run sim -- --mutations --json          each guard taken away: invariant and first seed that notices
 *   npm run sim -- --seed 17                   one seed, shrunk when it fails; `--without lostPerCall,jobSlow`
 *   npm run sim -- --crash-pairs --json        two kills in one history, every pair; `--every 50` for each fiftieth
 *
 * It ends with 1 when an invariant is broken, a mutation survives, a seed gives two histories, or a pair of fault and phase
 * that should occur did not (one that cannot be did); with 2 when it was
 * asked for what it does not know, or has played nothing.
 */
import { availableParallelism } from 'node:os';
import process from 'node:process';
import { crashPairs, type PairReport } from '../engine/crash-pairs.ts';
import { type Asked, readArguments } from './arguments.ts';
import { impossible, uncovered } from './coverage.ts';
import { MUTATIONS } from './mutations.ts';
import { playOnThreads } from './seeds-threads.ts';
import { shrink, told } from './shrink.ts';
import { simulate } from './simulate.ts';
import type { Tally } from './tally.ts';

const say = (text: string): void => void process.stdout.write(`${text}\n`);
/** Seeds that are played twice, to compare the histories. */
const SEEDS_TWICE = 300;
/** From so many on, pairs of fault and phase that are missing make the command fail. */
const SEEDS_COVERED = 1000;
const TOLD_EVERY = 1000;
/** One history is one thread's; a machine plays as many at once as it has cores. */
const THREADS = availableParallelism();
/** Seeds that a mutation may survive. */
const SEEDS_TO_NOTICE = 6000;

const asked = parsed();
if (asked !== undefined) await play(asked);

function parsed(): Asked | undefined {
  try {
    return readArguments(process.argv.slice(2));
  } catch (error) {
    refuse(error instanceof Error ? error.message : String(error));
    return undefined;
  }
}

function refuse(message: string): void {
  process.stderr.write(`${message}\n`);
  process.exitCode = 2;
}

function play(asked: Asked): Promise<void> {
  if (asked.is === 'seed') return one(asked);
  if (asked.is === 'mutations') return mutations(asked.isJson);
  if (asked.is === 'crash-pairs') return pairs(asked.every, asked.isJson);
  return many(asked);
}

async function one({ seed, without, most }: Asked & { readonly is: 'seed' }): Promise<void> {
  const limits = most === undefined ? { without } : { without, most };
  const history = await simulate(seed, { limits });
  const isWhole = without.size === 0 && most === undefined;
  if (history.violations.length === 0 || !isWhole) say(told(history));
  else {
    const shrunk = await shrink(history);
    say(told(shrunk.history, shrunk.limits));
  }
  if (history.violations.length > 0) process.exitCode = 1;
}

async function many({ from, seeds, minutes: most, isJson }: Asked & { readonly is: 'seeds' }): Promise<void> {
  const startedAt = performance.now();
  const cpuBefore = process.cpuUsage();
  const until = Date.now() + most * 60_000;
  const work = { from, least: 0, most: seeds, until, threads: THREADS, isEndedByViolation: false };
  const { tally: sums, violations } = await playOnThreads(work, progress(seeds));
  if (sums.seeds === 0) return refuse('no seed was played: the time was over before the first');
  const minutes = (performance.now() - startedAt) / 60_000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const speed = {
    seedsPerMinute: Math.round(sums.seeds / minutes),
    // What one core does when it has nothing else to do.
    seedsPerCpuMinute: Math.round(sums.seeds / ((user + system) / 60_000_000)),
  };
  const hashes = await compared(from, Math.min(sums.seeds, SEEDS_TWICE));
  const covered = {
    // A few hundred histories need not have every pair.
    uncovered: sums.seeds < SEEDS_COVERED ? [] : uncovered(sums.pairs, sums.seeds),
    impossible: impossible(sums.pairs),
  };
  const report = { ...sums, violations, ...covered, ...speed, ...hashes };
  if (isJson) say(JSON.stringify(report));
  else tell(sums, report);
  const isWhole = covered.uncovered.length + covered.impossible.length === 0;
  if (violations.length > 0 || !isWhole || hashes.sameHash !== hashes.playedTwice) process.exitCode = 1;
}

/** On the terminal's other channel: what is printed is the report. */
function progress(seeds: number): (played: number, failed: readonly number[]) => void {
  let told = 0;
  return (played, failed) => {
    if (played - told < TOLD_EVERY) return;
    told = played;
    const which = failed.length === 0 ? 'none failed' : `failed: ${failed.slice(0, 20).join(' ')}`;
    process.stderr.write(`${played} of ${seeds} seeds, ${which}\n`);
  };
}

/** The same seed twice gives the same history. */
async function compared(
  from: number,
  seeds: number,
): Promise<{ readonly playedTwice: number; readonly sameHash: number }> {
  let sameHash = 0;
  for (let seed = from; seed < from + seeds; seed += 1) {
    const first = await simulate(seed);
    const second = await simulate(seed);
    if (first.hash === second.hash) sameHash += 1;
  }
  return { playedTwice: seeds, sameHash };
}

function tell(
  sums: Tally,
  report: {
    readonly violations: readonly { readonly told: string }[];
    readonly seedsPerMinute: number;
    readonly sameHash: number;
    readonly playedTwice: number;
    readonly uncovered: readonly string[];
    readonly impossible: readonly string[];
  },
): void {
  for (const { told: text } of report.violations) say(`\n${text}`);
  const { seeds, runs, batches, commits, fired, faults } = sums;
  say(JSON.stringify({ seeds, runs, batches, commits, fired, seedsPerMinute: report.seedsPerMinute }));
  say(`same history twice: ${report.sameHash} of ${report.playedTwice}`);
  say(`faults: ${JSON.stringify(faults)}`);
  say(
    `pairs of fault and phase that should have occurred and did not: ${report.uncovered.join(', ') || 'none'}`,
  );
  say(`pairs that cannot be and occurred: ${report.impossible.join(', ') || 'none'}`);
  say(`violations: ${report.violations.length}`);
}

async function mutations(isJson: boolean): Promise<void> {
  const results = [];
  for (const mutation of MUTATIONS) {
    const { guard, protects } = mutation;
    let found: { readonly seed: number; readonly invariant: string } | undefined;
    for (let seed = 1; seed <= SEEDS_TO_NOTICE && found === undefined; seed += 1) {
      const { violations } = await simulate(seed, mutation);
      const seen = violations.find(({ invariant }) => protects.includes(invariant));
      if (seen !== undefined) found = { seed, invariant: seen.invariant };
    }
    results.push({ guard, protects, ...(found ?? { seed: null, invariant: null }) });
    if (!isJson)
      say(`${guard}: ${found === undefined ? 'SURVIVES' : `${found.invariant}, seed ${found.seed}`}`);
  }
  if (isJson) say(JSON.stringify({ mutations: results }));
  if (results.some(({ seed }) => seed === null)) process.exitCode = 1;
}

async function pairs(every: number, isJson: boolean): Promise<void> {
  const report = await crashPairs(every, THREADS);
  if (isJson) say(JSON.stringify(report));
  else tellPairs(report);
  if (report.violated > 0) process.exitCode = 1;
}

function tellPairs({ scenarios, pairs: played, violations, violated, seconds }: PairReport): void {
  for (const { name, effects, pairs: own } of scenarios) say(`${name}: ${effects} effects, ${own} pairs`);
  for (const violation of violations) say(JSON.stringify(violation));
  say(`${played} pairs, ${violated} violations, ${seconds} s`);
}
