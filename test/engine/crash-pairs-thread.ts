/** One thread's share of the pairs; see `crash-pairs.ts`. */
import { parentPort, workerData } from 'node:worker_threads';
import { type PairShare, playPairs } from './crash-pairs.ts';

parentPort?.postMessage(await playPairs(workerData as PairShare));
