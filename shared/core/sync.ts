/**
 * A sync definition: one item of the `definitions` table, or a YAML or JSON file. Design: `docs/definition.md`.
 * This file is the shape; rules across fields are in `sync-rules.ts`, SQL is checked in `shared/warehouse`.
 */
import { z } from 'zod';
import { FIELDS_MAX, SQL_BYTES_MAX } from './limits.ts';
import { ACCOUNT_NAME, SYNC_ID } from './names.ts';

const columnName = z.string().min(1).max(127);
const fieldName = z.string().min(1).max(255);
const every = z.string().regex(/^[1-9]\d{0,3} (minute|minutes|hour|hours|day|days)$/);

export const scheduleSchema = z.union([
  z.strictObject({ every }),
  z.strictObject({ cron: z.string().min(9).max(120), timezone: z.string().min(1).max(64).default('UTC') }),
]);

export const changesSchema = z.discriminatedUnion('by', [
  z.strictObject({
    by: z.literal('cursor'),
    column: columnName,
    lagSeconds: z.int().min(0).max(86_400).default(60),
  }),
  z.strictObject({ by: z.literal('diff') }),
  z.strictObject({ by: z.literal('all') }),
]);

export const conversionSchema = z.strictObject({
  string: z.literal(true).optional(),
  integer: z.literal(true).optional(),
  /** Digits after the point. */
  decimal: z.int().min(0).max(38).optional(),
  /** A tie goes away from zero (`half_up`, the default) or to the even neighbour. */
  rounding: z.enum(['half_up', 'half_even']).optional(),
  boolean: z.literal(true).optional(),
  date: z.string().max(64).optional(),
  /** `ISO`, `epoch_seconds`, `epoch_millis` or a Luxon format. */
  datetime: z.string().max(64).optional(),
  timezone: z.string().max(64).optional(),
  json: z.literal(true).optional(),
  trim: z.literal(true).optional(),
  lowercase: z.literal(true).optional(),
  uppercase: z.literal(true).optional(),
  /** Code points. */
  maxLength: z.int().min(1).max(65_535).optional(),
  whenTooLong: z.enum(['reject', 'truncate']).optional(),
  default: z.union([z.string(), z.number(), z.boolean()]).optional(),
  lookup: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  hash: z.enum(['sha256']).optional(),
});

const fieldBase = { to: fieldName, as: conversionSchema.optional() };
export const fieldSchema = z.union([
  z.strictObject({ ...fieldBase, from: columnName }),
  z.strictObject({ ...fieldBase, value: z.union([z.string(), z.number(), z.boolean()]) }),
  z.strictObject({ ...fieldBase, template: z.string().min(1).max(4096) }),
]);

export const checkSchema = z.discriminatedUnion('otherwise', [
  z.strictObject({
    name: z.string().min(1).max(80),
    sql: z.string().min(1).max(4096),
    otherwise: z.literal('exclude'),
  }),
  z.strictObject({
    name: z.string().min(1).max(80),
    sql: z.string().min(1).max(4096),
    otherwise: z.literal('hold'),
    /** A number of rows, or a share of the model such as `5%`. */
    whenMoreThan: z.union([z.int().nonnegative(), z.string().regex(/^\d{1,3}(\.\d{1,3})?%$/)]).default(0),
  }),
]);

export const syncSchema = z.strictObject({
  syncId: z.string().regex(SYNC_ID),
  enabled: z.boolean().default(true),
  owner: z.string().min(1).max(254),
  purpose: z.string().max(500).default(''),
  schedule: scheduleSchema,
  model: z.strictObject({
    sql: z.string().min(1).max(SQL_BYTES_MAX),
    primaryKey: z.array(columnName).min(1).max(8),
    changes: changesSchema,
  }),
  destination: z.strictObject({
    account: z.string().regex(ACCOUNT_NAME),
    /** The place in the account; each destination refines it with its own `target` schema. */
    object: z.string().min(1).max(255),
    mode: z.enum(['insert', 'update', 'upsert', 'mirror']),
    /** The destination field that names a record; it must be one of `fields`. */
    matchOn: fieldName,
    removed: z.enum(['ignore', 'clear', 'delete']).optional(),
    /** More of the target, as the destination's own `target` schema says. */
    options: z.record(z.string(), z.json()).optional(),
    /** Class C only: what to do with a call whose answer was lost. */
    unknowns: z.enum(['resend', 'mark', 'park']).optional(),
  }),
  fields: z.array(fieldSchema).min(1).max(FIELDS_MAX),
  nulls: z.enum(['send', 'skip']).default('send'),
  checks: z.array(checkSchema).max(50).default([]),
  guards: z
    .strictObject({
      maxDeletes: z.int().nonnegative().default(100),
      maxDeleteRatio: z.number().min(0).max(1).default(0.1),
      maxShrink: z.number().min(0).max(1).default(0.3),
    })
    .prefault({}),
});

export type Sync = z.infer<typeof syncSchema>;
export type Field = z.infer<typeof fieldSchema>;
export type Conversion = z.infer<typeof conversionSchema>;
export type Schedule = z.infer<typeof scheduleSchema>;
export type Check = z.infer<typeof checkSchema>;

/** What happens to keys that left the model: `mirror` means delete unless the definition says otherwise. */
export type RemovedPolicy = 'ignore' | 'clear' | 'delete';
export const removedPolicy = (sync: Sync): RemovedPolicy =>
  sync.destination.removed ?? (sync.destination.mode === 'mirror' ? 'delete' : 'ignore');

/** An accepted definition, as the reconciler writes it beside the item that people edit. */
export type AcceptedDefinition = {
  readonly sync: Sync;
  /** Grows by one with each accepted change. */
  readonly version: number;
  /** Fingerprint of what decides how a row is mapped; part of every row's fingerprint. */
  readonly mappingVersion: string;
  /** Fingerprint of primary key, way of change detection and destination place; a new one starts afresh. */
  readonly generation: string;
};
