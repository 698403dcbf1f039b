/** Many seeds on several threads: each plays every so-manieth, so that the seeds of all are one after the other. */
import { Worker } from 'node:worker_threads';
import type { FailedSeed, Played, Share } from './seeds-thread.ts';
import { added, type Tally, tally } from './tally.ts';

export type SeedsAsked = {
  readonly from: number;
  /** At least and at most so many seeds, on all threads together. */
  readonly least: number;
  readonly most: number;
  /** Epoch milliseconds; past it only `least` are played. */
  readonly until: number;
  readonly threads: number;
  /** A thread ends with its first violation. */
  readonly isEndedByViolation: boolean;
};

export type SeedsPlayed = { readonly tally: Tally; readonly violations: readonly FailedSeed[] };

/** `onProgress` hears now and then how many seeds have been played, and which of them failed. Throws what a thread threw. */
export async function playOnThreads(
  { from, least, most, threads, ...asked }: SeedsAsked,
  onProgress: (seeds: number, failed: readonly number[]) => void = () => undefined,
): Promise<SeedsPlayed> {
  const sofar = Array.from({ length: threads }, () => ({ seeds: 0, failed: [] as readonly number[] }));
  const shareOf = (all: number, thread: number): number => Math.ceil((all - thread) / threads);
  const played = await Promise.all(
    sofar.map((own, thread) => {
      const share = { from: from + thread, least: shareOf(least, thread), most: shareOf(most, thread) };
      return playShare({ ...asked, ...share, step: threads }, (played) => {
        Object.assign(own, { seeds: played.tally.seeds, failed: played.violations.map(({ seed }) => seed) });
        const failed = sofar.flatMap((each) => each.failed);
        onProgress(sum(sofar.map((each) => each.seeds)), failed);
      });
    }),
  );
  return {
    tally: played.reduce((all, one) => added(all, one.tally), tally()),
    violations: played.flatMap(({ violations }) => violations).toSorted((a, b) => a.seed - b.seed),
  };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

function playShare(workerData: Share, onPlayed: (played: Played) => void): Promise<Played> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./seeds-thread.ts', import.meta.url), { workerData });
    worker.on('message', (played: Played) => {
      onPlayed(played);
      if (played.isOver) resolve(played);
    });
    worker.once('error', reject);
  });
}
