/**
 * What an environment's settings look like. The shape is here, as a zod schema; the rules across settings are in
 * `setting-rules.ts`; the values are in `environments.ts`, the one file that a user edits.
 */
import * as z from 'zod';
import { CLOCK_SKEW_MS, RUN_STALL_MS } from '../shared/core/limits.ts';
import { ACCOUNT_NAME } from '../shared/core/names.ts';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;

/** A name that goes into SQL, unquoted by Redshift's own tools, so no surprises. */
const sqlName = z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/, 'must be a plain lower-case SQL name');

const warehouseSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('serverless'),
    workgroup: z.string().regex(/^[a-z0-9-]{3,64}$/),
    /** The UUID at the end of the workgroup's ARN: a role can then name exactly this workgroup. */
    workgroupId: z.uuid(),
    database: z.string().min(1).max(64),
    /** The engine's own schema: snapshots and deltas live there. */
    schema: sqlName,
  }),
  z.strictObject({
    kind: z.literal('provisioned'),
    cluster: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/),
    database: z.string().min(1).max(64),
    schema: sqlName,
  }),
]);

const extractionSchema = z.discriminatedUnion('by', [
  /**
   * Redshift writes S3 itself. Without `role` the stack makes one, to be attached to the warehouse: for the engine's own
   * database user, or, as roles of a warehouse usually are, for every user of it.
   */
  z.strictObject({
    by: z.literal('unload'),
    role: z.string().startsWith('arn:').optional(),
    usableBy: z.enum(['engine', 'every user']).default('engine'),
  }),
  /** The extractor pages the Data API: for a warehouse without an S3 role. */
  z.strictObject({ by: z.literal('pages') }),
]);

export const accountSchema = z.strictObject({
  name: z.string().regex(ACCOUNT_NAME),
  /** A registered destination: `http`, `postgres`. */
  destination: z.string().min(1),
  /** Parsed by the destination's own schema. */
  settings: z.record(z.string(), z.json()).default({}),
  /** At most `requests` in any `perMs`, by all loaders of the account together. */
  rate: z.strictObject({ requests: z.int().min(1).max(100_000), perMs: z.int().min(100).max(86_400_000) }),
  /** Rows in one request: at most what the destination's page says. */
  requestRowsMax: z.int().min(1),
  /** Requests that one loader has under way at once: at most what the destination's page says. */
  requestsInFlight: z.int().min(1).default(4),
  /** Loaders at once, per lane; Lambda's minimum for a queue is 2. */
  concurrency: z
    .strictObject({ express: z.int().max(1000).default(2), bulk: z.int().max(1000).default(2) })
    .prefault({}),
  /** Exact hosts and ports that are not public and that this account may reach all the same. */
  allow: z
    .array(z.strictObject({ host: z.string().min(1).max(253), port: z.int().min(1).max(65_535) }))
    .default([]),
});

const timingSchema = z.strictObject({
  /** Hard timeout of a loader. Short: batches resume. */
  loaderTimeoutMs: z.int().default(60 * SECOND_MS),
  /** Longest time that a request may linger at a destination after we hung up. */
  lingerMs: z.int().default(60 * SECOND_MS),
  /** How far the clocks of two functions may differ. */
  clockSkewMs: z.int().min(0).default(CLOCK_SKEW_MS),
  /** No new run of a sync before this time after the last: a straggler's request must have died. */
  graceMs: z.int().default(3 * MINUTE_MS),
  /** Hard timeout of the functions that extract and fan out. */
  extractorTimeoutMs: z.int().default(15 * MINUTE_MS),
  /** After this time an extractor is believed dead. */
  extractorLeaseMs: z.int().default(20 * MINUTE_MS),
  /** No settle for this long outside an open breaker: the run is fenced. */
  runStallMs: z.int().default(RUN_STALL_MS),
  /** First time that a breaker stays open; it doubles from there. */
  breakerOpenMs: z.int().default(MINUTE_MS),
});

const networkSchema = z.strictObject({
  subnetIds: z
    .array(
      z
        .string()
        .regex(/^subnet-[0-9a-f]{8,17}$/, 'must be the id of a subnet, such as subnet-0123456789abcdef0'),
    )
    .min(1, 'must name at least one subnet; two in different zones survive the loss of one')
    .max(16),
  securityGroupIds: z
    .array(
      z
        .string()
        .regex(/^sg-[0-9a-f]{8,17}$/, 'must be the id of a security group, such as sg-0123456789abcdef0'),
    )
    .min(1, 'must name at least one security group')
    .max(5),
});

const auditSchema = z.strictObject({
  /**
   * S3 Object Lock: no version can be deleted for so many days after it was written. Decide with the first deployment;
   * a bucket has it from its beginning.
   */
  objectLockDays: z.int().min(1).max(36_500).optional(),
  /** governance: who has `s3:BypassGovernanceRetention` may end it; compliance: nobody can, AWS and root included. */
  objectLockMode: z.enum(['governance', 'compliance']).default('governance'),
});

const alarmSchema = z.strictObject({
  /** Is told of every alarm and of its end; others subscribe to the topic, the output `AlarmTopic`. */
  email: z.email().optional(),
  /** Alarms when the staging bucket is larger: more than a month of runs, or failure sets, which do not expire by age. */
  stagingGibMax: z.number().positive().max(1_000_000).default(100),
  /** Alarms when the estimate of a day is higher: functions, and a serverless warehouse while it extracts. */
  usdPerDayMax: z.number().positive().max(1_000_000).default(20),
  /** Base capacity of a serverless warehouse, for that estimate. */
  warehouseRpu: z.int().min(4).max(1024).default(8),
});

export const environmentSchema = z.strictObject({
  /** True only for stages that run on a laptop: loopback hosts are allowed there, and nothing survives. */
  local: z.boolean().default(false),
  aws: z.strictObject({
    account: z.string().regex(/^\d{12}$/, 'must be the 12 digits of an AWS account'),
    region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'must be an AWS Region such as eu-west-1'),
  }),
  warehouse: warehouseSchema,
  extraction: extractionSchema,
  accounts: z.array(accountSchema).default([]),
  alarms: alarmSchema.prefault({}),
  /** Three dashboards of an AWS account are free, each further one is $3 a month. */
  dashboard: z.boolean().default(true),
  timing: timingSchema.prefault({}),
  /** Columns that hold personal data in every model: a definition that reads one must state what becomes of it. */
  personalColumns: z.array(z.string().min(1).max(127)).max(200).default([]),
  /** The audit bucket; without a lock its policy alone keeps objects from being changed. */
  audit: auditSchema.prefault({}),
  /** Off for AWS accounts whose Lambda concurrency limit is too low to reserve from. */
  reserveConcurrency: z.boolean().default(true),
  /**
   * Existing subnets and security groups that the functions run in; without it they have no network of yours. The subnets
   * need a way to the AWS services and to the destinations: endpoints, or a NAT.
   */
  network: networkSchema.optional(),
  /**
   * An existing key instead of one of the stack's own. Its policy is yours: the output `KeyStatements` says what must be
   * in it, and the account's IAM policies must count there.
   */
  keyArn: z
    .string()
    .regex(
      /^arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key\/[a-zA-Z0-9-]+$/,
      'must be the ARN of a KMS key, not of an alias',
    )
    .optional(),
  /** Tables, bucket, key and secrets survive the stack. */
  retain: z.boolean().default(true),
  logRetentionDays: z.literal([1, 3, 7, 14, 30, 60, 90, 180, 365]).default(30),
});

/** As a user writes it: defaults may be left out. */
export type EnvironmentSettings = z.input<typeof environmentSchema>;
/** As the stack reads it: complete. */
export type Environment = z.output<typeof environmentSchema>;
export type Account = Environment['accounts'][number];
