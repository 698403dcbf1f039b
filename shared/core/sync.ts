/**
 * A sync definition: one item of the `definitions` table, or a YAML or JSON file. Page: `docs/definition.md`.
 * This file is the shape, and its descriptions are what editors show; rules across fields are in `sync-rules.ts`,
 * SQL is checked in `shared/warehouse`.
 */
import * as z from 'zod';
import { FIELDS_MAX, SQL_BYTES_MAX, TEMPLATE_CHARACTERS_MAX } from './limits.ts';
import { ACCOUNT_NAME, SYNC_ID } from './names.ts';

const columnName = z.string().min(1).max(127);
const fieldName = z.string().min(1).max(255);
const scalar = z.union([z.string(), z.number(), z.boolean()]);
const on = z.literal(true).optional();

export const scheduleSchema = z.union([
  z.strictObject({
    every: z
      .string()
      .regex(/^[1-9]\d{0,3} (minute|minutes|hour|hours|day|days)$/)
      .describe('How often: `15 minutes`, `1 hour`, `2 days`.'),
    align: on.describe('At round times of the clock (UTC), so that syncs wake the warehouse together.'),
  }),
  z.strictObject({
    cron: z
      .string()
      .min(9)
      .max(120)
      .describe(
        'Five fields: minute, hour, day of month, month, day of week. `0 6 * * 1-5` is 6:00 on weekdays.',
      ),
    timezone: z.string().min(1).max(64).default('UTC').describe('IANA time zone that the cron is read in.'),
  }),
]);

export const changesSchema = z.discriminatedUnion('by', [
  z.strictObject({
    by: z
      .literal('cursor')
      .describe('Rows whose cursor column has moved since the last run; sees no removals.'),
    column: columnName.describe('A timestamp that every change of a row moves forward.'),
    lagSeconds: z
      .int()
      .min(0)
      .max(86_400)
      .default(60)
      .describe('How long a row may take to become visible after its own timestamp: the longest write.'),
  }),
  z.strictObject({ by: z.literal('diff').describe('Rows whose mapped columns differ from the last run.') }),
  z.strictObject({ by: z.literal('all').describe('Every row, every run.') }),
]);

export const conversionSchema = z.strictObject({
  string: on.describe('Send the text of the warehouse as it is, whatever the column’s type.'),
  integer: on.describe('A whole number, exact beyond 2^53; a fraction is refused, never rounded.'),
  decimal: z
    .int()
    .min(0)
    .max(38)
    .optional()
    .describe('A number with exactly this many digits after the point.'),
  rounding: z
    .enum(['half_up', 'half_even'])
    .optional()
    .describe('Where a tie goes with `decimal`: away from zero (the default) or to the even neighbour.'),
  boolean: on.describe('true, t, yes, y, on, 1 or false, f, no, n, off, 0.'),
  date: z.string().max(64).optional().describe('`ISO` (2024-02-29) or a Luxon format such as `dd.MM.yyyy`.'),
  datetime: z
    .string()
    .max(64)
    .optional()
    .describe('`ISO`, `epoch_seconds`, `epoch_millis` or a Luxon format such as `yyyy-MM-dd HH:mm`.'),
  timezone: z
    .string()
    .max(64)
    .optional()
    .describe('IANA time zone that `datetime` or `date` is written in; UTC.'),
  json: on.describe('Parse the text as JSON, every digit kept; a SUPER column does so by itself.'),
  trim: on.describe('Cut white space at both ends, before everything else.'),
  lowercase: on,
  uppercase: on,
  maxLength: z.int().min(1).max(65_535).optional().describe('Code points.'),
  whenTooLong: z
    .enum(['reject', 'truncate'])
    .optional()
    .describe('reject (the default): the row is invalid.'),
  default: scalar.optional().describe('Sent instead of null, and when `lookup` finds nothing.'),
  lookup: z
    .record(z.string(), scalar)
    .optional()
    .describe('A table from the text to what is sent; what it lacks is invalid unless there is a default.'),
  hash: z.enum(['sha256']).optional().describe('The hash of the text, lower-case hex, after trim and case.'),
});

const fieldBase = {
  to: fieldName.describe('The destination’s field.'),
  as: conversionSchema.optional().describe('What the value becomes; without it the column’s type decides.'),
};
export const fieldSchema = z.union([
  z.strictObject({ ...fieldBase, from: columnName.describe('A column of the model.') }),
  z.strictObject({ ...fieldBase, value: scalar.describe('A constant.') }),
  z.strictObject({
    ...fieldBase,
    template: z
      .string()
      .min(1)
      .max(TEMPLATE_CHARACTERS_MAX)
      .describe('Liquid over the model’s columns: `{{ first_name }} {{ last_name }}`.'),
  }),
]);

const checkBase = {
  name: z.string().min(1).max(80).describe('What holds when all is well; a code of failures carries it.'),
  sql: z
    .string()
    .min(1)
    .max(4096)
    .describe('An expression over the model’s columns that is true for a good row.'),
};
export const checkSchema = z.discriminatedUnion('otherwise', [
  z.strictObject({
    ...checkBase,
    otherwise: z.literal('exclude').describe('The row is invalid, its neighbours go.'),
  }),
  z.strictObject({
    ...checkBase,
    otherwise: z.literal('hold').describe('The run waits for a person.'),
    whenMoreThan: z
      .union([z.int().nonnegative(), z.string().regex(/^\d{1,3}(\.\d{1,3})?%$/)])
      .default(0)
      .describe(
        'Rows that may break the check before the run is held, or a share of the model such as `5%`.',
      ),
  }),
]);

export const modelSchema = z.strictObject({
  sql: z.string().min(1).max(SQL_BYTES_MAX).describe('One SELECT in Redshift’s SQL.'),
  primaryKey: z.array(columnName).min(1).max(8).describe('Columns that together name a row.'),
  changes: changesSchema.describe('How a run finds what is new.'),
  pii: z
    .record(columnName, z.enum(['send', 'hash', 'drop']))
    .optional()
    .describe(
      'Columns with personal data, and what becomes of each: sent as it is, sent as its hash only, or not sent.',
    ),
});

export const destinationSchema = z.strictObject({
  account: z.string().regex(ACCOUNT_NAME).describe('A destination account of this environment.'),
  object: z.string().min(1).max(255).describe('The place in the account: a table, a path, an object type.'),
  mode: z
    .enum(['insert', 'update', 'upsert', 'mirror'])
    .describe(
      'insert: new rows only; update: existing records only; upsert: both; mirror: upsert, and removed rows go.',
    ),
  matchOn: fieldName.describe('The destination field that names a record; one of `fields` fills it.'),
  removed: z
    .enum(['ignore', 'clear', 'delete'])
    .optional()
    .describe('Rows that left the model: keep the record, empty its mapped fields, or delete it.'),
  /** More of the target, as the destination's own `target` schema says. */
  options: z
    .record(z.string(), z.json())
    .optional()
    .describe('More about the place, as the destination defines it.'),
  unknowns: z
    .enum(['resend', 'mark', 'park'])
    .optional()
    .describe(
      'For destinations that can neither upsert nor dedupe: what to do with a call whose answer was lost.',
    ),
});

export const guardsSchema = z.strictObject({
  maxDeletes: z.int().nonnegative().default(100).describe('More deletes than this hold the run.'),
  maxDeleteRatio: z.number().min(0).max(1).default(0.1).describe('A larger share of deletes holds the run.'),
  maxShrink: z
    .number()
    .min(0)
    .max(1)
    .default(0.3)
    .describe('A model smaller by more than this holds the run.'),
});

export const syncSchema = z.strictObject({
  syncId: z.string().regex(SYNC_ID).describe('Lower-case letters, digits and dashes, a letter first.'),
  enabled: z.boolean().default(true).describe('false: no schedule; the definition stays.'),
  owner: z.string().min(1).max(254).describe('Who is told when the sync needs a person.'),
  purpose: z.string().max(500).default('').describe('One sentence for those who find this sync later.'),
  schedule: scheduleSchema.describe('When it runs.'),
  model: modelSchema.describe('What is sent: a query with a primary key.'),
  destination: destinationSchema.describe('Where it goes.'),
  fields: z.array(fieldSchema).min(1).max(FIELDS_MAX).describe('What fills each field of the destination.'),
  nulls: z
    .enum(['send', 'skip'])
    .default('send')
    .describe('send: a null empties the field; skip: a null leaves it as it is.'),
  checks: z.array(checkSchema).max(50).default([]).describe('Expressions that good rows satisfy.'),
  guards: guardsSchema.prefault({}).describe('What holds a run before anything is sent.'),
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

/** An accepted definition, as the check of an edit writes it into the state table, where people cannot. */
export type AcceptedDefinition = {
  readonly sync: Sync;
  /** Grows by one with each accepted change. */
  readonly version: number;
  /** Fingerprint of what decides how a row is mapped; part of every row's fingerprint. */
  readonly mappingVersion: string;
  /** Fingerprint of primary key, way of change detection and destination place; a new one starts afresh. */
  readonly generation: string;
};
