/**
 * The environment variables of the functions, typed and parsed once. Each group belongs to one binding of `infra`, so
 * a function that lacks a permission lacks the variable too, and says so by its name.
 */
import * as z from 'zod';
import { Fault } from '../shared/core/fault.ts';
import { ACCOUNT_NAME, ENVIRONMENT_NAME } from '../shared/core/names.ts';

const name = z.string().min(1);
const arn = z.string().startsWith('arn:');
const json = <T extends z.ZodType>(schema: T) =>
  z
    .string()
    .transform((text, context) => {
      try {
        return JSON.parse(text) as unknown;
      } catch {
        context.addIssue({ code: 'custom', message: 'is not JSON' });
        return z.NEVER;
      }
    })
    .pipe(schema);

const ms = z.number().nonnegative();
const accountSchema = z.object({
  name: z.string().regex(ACCOUNT_NAME),
  destination: name,
  rate: z.object({ requests: z.number().positive(), perMs: z.number().positive() }),
  requestRowsMax: z.number().positive(),
  requestsInFlight: z.number().positive(),
});

export const stageVariables = z.object({
  ENVIRONMENT: z.string().regex(ENVIRONMENT_NAME),
  STATE_TABLE: name,
  STAGING_BUCKET: name,
  EVENT_BUS: name,
  STAGE: json(
    z.object({
      extraction: z.enum(['unload', 'pages']),
      loaderTimeoutMs: ms,
      graceMs: ms,
      extractorLeaseMs: ms,
      runStallMs: ms,
      breakerOpenMs: ms,
      personalColumns: z.array(name).optional(),
    }),
  ),
});

export const accountsVariables = z.object({ ACCOUNTS: json(z.array(accountSchema)) });
export const definitionsVariables = z.object({ DEFINITIONS_TABLE: name, STATE_TABLE: name });
export const lanesVariables = z.object({ QUEUE_URL_PREFIX: z.string() });

export const schedulesVariables = z.object({
  SCHEDULE_GROUP: name,
  SCHEDULER_ROLE: arn,
  START_RUN: arn,
  UNDELIVERED_QUEUE: arn,
});

export const warehouseVariables = z.object({
  WAREHOUSE: json(
    z.object({
      role: arn,
      kind: z.enum(['serverless', 'provisioned']),
      workgroup: name.optional(),
      cluster: name.optional(),
      database: name,
      schema: name,
      extraction: z.enum(['unload', 'pages']),
      unloadRole: arn.optional(),
      stageKey: arn.optional(),
    }),
  ),
});

export const operatorVariables = z.object({
  ENVIRONMENT: z.string().regex(ENVIRONMENT_NAME),
  OPERATOR_TOPIC: arn,
});

export const ownersVariables = z.object({
  ENVIRONMENT: z.string().regex(ENVIRONMENT_NAME),
  STATE_TABLE: name,
  STAGING_BUCKET: name,
  OWNER_TOPIC: arn,
});

export const auditVariables = z.object({
  ENVIRONMENT: z.string().regex(ENVIRONMENT_NAME),
  STATE_TABLE: name,
  STAGING_BUCKET: name,
  AUDIT_BUCKET: name,
});

export const loaderVariables = z.object({
  SECRET: name,
  ACCOUNT: json(
    accountSchema.extend({
      settings: z.record(z.string(), z.json()),
      allow: z.array(z.object({ host: name, port: z.number() })),
    }),
  ),
});

/** Throws a `config` Fault `variable_invalid` that names the variables, never their values. */
export function readVariables<T>(schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(process.env);
  if (parsed.success) return parsed.data;
  const names = [...new Set(parsed.error.issues.map(({ path }) => path.join('.')))].join(', ');
  throw new Fault(
    'config',
    'variable_invalid',
    `these environment variables are missing or wrong: ${names}`,
    {
      remedy: 'Deploy the environment again; variables come with permissions from the stack.',
    },
  );
}
