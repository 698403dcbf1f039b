/**
 * What an owner writes for the `postgres` destination. Page: docs/destinations/postgres.md.
 */
import * as z from 'zod';

export const postgresSettingsSchema = z.strictObject({
  /** A name or an address; with `verify-full` the certificate must carry it. */
  host: z.string().min(1).max(253),
  port: z.int().min(1).max(65_535).default(5432),
  database: z.string().min(1).max(63),
  /** Where an object without a schema lies. */
  schema: z.string().min(1).max(63).default('public'),
  /** `disable` is permitted only for a host and port under the account's `allow`. */
  sslmode: z.enum(['verify-full', 'disable']).default('verify-full'),
  /** PEM of the authority that signed the server's certificate, where it is not a public one. */
  ca: z.string().max(65_536).optional(),
  connectTimeoutMs: z.int().min(100).max(60_000).default(10_000),
  /** The server gives a statement up after this long; so one can linger as long, at most `timing.lingerMs`. */
  statementTimeoutMs: z.int().min(100).max(300_000).default(30_000),
  requestBytesMax: z.int().min(1024).max(67_108_864).default(8_388_608),
});

// biome-ignore lint/suspicious/noControlCharactersInRegex: PostgreSQL's names hold any character but NUL
const tableName = /^[^.\u0000]{1,63}(\.[^.\u0000]{1,63})?$/;

export const postgresTargetSchema = z.strictObject({
  /** `table` or `schema.table`, as the catalog spells it; no quotes. */
  object: z.string().regex(tableName, 'write table or schema.table, each of at most 63 characters'),
});

export type PostgresSettings = z.infer<typeof postgresSettingsSchema>;
export type PostgresTarget = z.infer<typeof postgresTargetSchema>;
