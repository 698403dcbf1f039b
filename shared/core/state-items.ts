/**
 * Schemas of what the engine wrote itself: items of the state table, and the frozen objects of a run. The types are
 * in `run.ts`, `stage.ts` and `sync.ts`. Unknown names are dropped, so a newer version's attributes do no harm.
 */
import * as z from 'zod';
import { attentionSchema, needSchema } from './attention.ts';
import { syncSchema } from './sync.ts';

const time = z.number();
const cutSchema = z.object({
  batchBytes: z.number(),
  shardBatches: z.number(),
  batches: z.number(),
  totalBytes: z.number(),
});
/** Counts of an extraction, as they lie in a seal and beside a stage. */
export const extractionCountsSchema = z.object({
  modelRows: z.number(),
  extracted: z.number(),
  unchanged: z.number(),
  added: z.number(),
  changed: z.number(),
  removed: z.number(),
  invalid: z.number(),
  nullKeys: z.number(),
  carried: z.number(),
  hi: z.string().nullable(),
  checks: z.array(z.object({ name: z.string(), rows: z.number() })),
});
const countsSchema = z.object({
  rows: z.number(),
  accepted: z.number(),
  rejected: z.number(),
  invalid: z.number(),
  skipped: z.number(),
  dead: z.number(),
});

/** SYNC; what a new sync lacks has its first value here. */
export const syncItemSchema = z.object({
  epoch: z.number().default(0),
  phase: z.enum(['idle', 'extracting', 'held', 'loading']).default('idle'),
  owner: z.string().optional(),
  leaseUntil: time.optional(),
  deadline: time.optional(),
  startedAt: time.optional(),
  loadingSince: time.optional(),
  cut: cutSchema.optional(),
  progress: z.number().optional(),
  notBefore: time.default(0),
  lastScheduled: time.default(0),
  wanted: time.default(0),
  watermark: z.string().nullable().default(null),
  snapshotEpoch: z.number().default(0),
  failures: z.object({ manifest: z.string(), count: z.number() }).nullable().default(null),
  dirty: z.array(z.number()).default([]),
  lastCount: z.number().default(-1),
  definitionVersion: z.number().default(0),
  generation: z.string().default(''),
  paused: z.object({ code: z.string(), at: time, definitionVersion: z.number() }).optional(),
  hold: z
    .object({
      planHash: z.string(),
      reasons: z.array(z.object({ code: z.string(), message: z.string() })),
      until: time,
    })
    .optional(),
  committedAt: time.optional(),
  resumedAt: time.optional(),
  trouble: z
    .object({ runs: z.number(), since: time, ended: z.enum(['failed', 'fenced']), code: z.string() })
    .optional(),
  healedRuns: z.number().optional(),
});

/** RUN, without its rolled-up shards. */
export const runItemSchema = z.object({
  definitionVersion: z.number().default(0),
  statementId: z.string().optional(),
  sealed: z
    .object({
      shards: z.number(),
      cut: cutSchema,
      counts: extractionCountsSchema,
      candidateWatermark: z.string().nullable(),
    })
    .optional(),
  stop: z.object({ code: z.string(), message: z.string(), pause: z.boolean() }).optional(),
  result: z
    .object({
      ended: z.enum(['committed', 'fenced', 'discarded', 'failed']),
      code: z.string().optional(),
      reason: z.string().optional(),
      at: time,
      counts: countsSchema.optional(),
      extraction: extractionCountsSchema.optional(),
      failures: z.number().optional(),
    })
    .optional(),
});

/** NOTICE: what the owner of a sync was told. */
export const noticeItemSchema = z.object({
  rev: z.int().positive(),
  triedAt: time.optional(),
  healTriedAt: time.optional(),
  looked: z.string().optional(),
  told: z
    .object({
      at: time,
      signature: z.string(),
      sure: z.boolean(),
      healsAt: z.number(),
      rows: z.boolean(),
      unkeyed: z.boolean(),
    })
    .optional(),
});

/** ATTENTION: what operators were told needs somebody, and what is just being said. */
export const attentionItemSchema = z.object({
  rev: z.int().positive(),
  told: z.array(needSchema),
  saying: attentionSchema.optional(),
});

/** A definition frozen under an epoch. */
export const frozenSchema = z.object({
  v: z.literal(1),
  syncId: z.string(),
  epoch: z.int().positive(),
  definition: z.object({
    sync: syncSchema,
    version: z.number(),
    mappingVersion: z.string(),
    generation: z.string(),
  }),
  columns: z.array(z.object({ name: z.string(), type: z.string() })),
});
