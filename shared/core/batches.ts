/**
 * How a stage is cut into batches. A batch is a range of the virtual concatenation of the manifest's files and owns
 * the lines that start in it, so cutting never looks at rows, and many small files do not make many small batches.
 * The cut is computed once per run and then frozen; everything here is a pure function of cut and manifest.
 */
import {
  BATCH_BYTES_MAX,
  BATCH_BYTES_MIN,
  BATCH_REQUESTS_MAX_SPARSE,
  BATCH_SECONDS_AIM,
  BULK_HORIZON_MS,
  EXPRESS_BATCHES_MAX,
  SHARD_BATCHES,
} from './limits.ts';
import type { Lane } from './message.ts';
import { fullRate, type Rated } from './rate.ts';
import type { Cut } from './run.ts';
import type { StageManifest } from './stage.ts';

/** What of an account decides the size of a batch. */
export type CutAccount = Rated & { readonly requestRowsMax: number };

/** Bytes [from, to) of one file: the lines that start there are the batch's own. `fileBytes` is the whole file. */
export type BatchPiece = {
  readonly key: string;
  readonly from: number;
  readonly to: number;
  readonly fileBytes: number;
};

export type BatchPlace = { readonly shard: number; readonly ordinal: number };

/** Cuts a stage so that a batch takes about BATCH_SECONDS_AIM at the account's rate, in even sizes. */
export function makeCut(manifest: StageManifest, account: CutAccount): Cut {
  const totalBytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  const bytesAim = bytesPerBatch(manifest, totalBytes, account);
  const batches = Math.ceil(totalBytes / bytesAim);
  const batchBytes = batches === 0 ? bytesAim : Math.ceil(totalBytes / batches);
  return { batchBytes, shardBatches: SHARD_BATCHES, batches, totalBytes };
}

/** An account whose slots are so rare that nobody waits for the next one: each request takes a receive of its own. */
export const isSparse = (account: Rated): boolean => 1000 / fullRate(account) > BULK_HORIZON_MS;

export const batchCount = (cut: Cut): number => cut.batches;

export const shardCount = (cut: Cut): number => Math.ceil(cut.batches / cut.shardBatches);

/** Batches of one shard: 64, fewer in the last one. */
export const shardSize = (cut: Cut, shard: number): number =>
  Math.max(0, Math.min(cut.shardBatches, cut.batches - shard * cut.shardBatches));

/** Runs of few batches travel past any first sync. The fan-out and the loader must agree, hence one function. */
export const laneOf = (cut: Cut): Lane => (cut.batches <= EXPRESS_BATCHES_MAX ? 'express' : 'bulk');

export function* batchesOf(cut: Cut): Iterable<BatchPlace> {
  for (let index = 0; index < cut.batches; index += 1) {
    yield { shard: Math.floor(index / cut.shardBatches), ordinal: index % cut.shardBatches };
  }
}

/** The pieces of files that make up a batch, in the manifest's order; none for a batch outside the cut. */
export function batchRange(
  cut: Cut,
  manifest: StageManifest,
  shard: number,
  ordinal: number,
): readonly BatchPiece[] {
  const index = shard * cut.shardBatches + ordinal;
  const begin = index * cut.batchBytes;
  const end = Math.min(begin + cut.batchBytes, cut.totalBytes);
  const pieces: BatchPiece[] = [];
  let fileBegin = 0;
  for (const file of manifest.files) {
    const from = Math.max(begin - fileBegin, 0);
    const to = Math.min(end - fileBegin, file.bytes);
    if (from < to) pieces.push({ key: file.key, from, to, fileBytes: file.bytes });
    fileBegin += file.bytes;
    if (fileBegin >= end) break;
  }
  return pieces;
}

function bytesPerBatch(manifest: StageManifest, totalBytes: number, account: CutAccount): number {
  const lineBytes = manifest.rows === 0 ? 1 : Math.max(1, totalBytes / manifest.rows);
  const requestsPerSecond = (account.rate.requests / account.rate.perMs) * 1000;
  const requestBytes = account.requestRowsMax * lineBytes;
  const aim = requestsPerSecond * BATCH_SECONDS_AIM * requestBytes;
  const small = isSparse(account) ? BATCH_REQUESTS_MAX_SPARSE * requestBytes : BATCH_BYTES_MIN;
  // One request's worth is never spread over batches: each would become a call of its own.
  const least = Math.max(Math.min(BATCH_BYTES_MIN, small), requestBytes);
  return Math.ceil(Math.min(BATCH_BYTES_MAX, Math.max(least, aim)));
}
