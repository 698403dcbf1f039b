/** What the Data API's calls take, as far as it is implemented; anything else is refused by name. */
import { z } from 'zod';
import { invalid } from './data-api-error.ts';

const parameters = z.array(z.strictObject({ name: z.string().min(1), value: z.string().min(1) })).max(100);
const submit = {
  Database: z.string().min(1),
  WorkgroupName: z.string().optional(),
  ClusterIdentifier: z.string().optional(),
  DbUser: z.string().optional(),
  SecretArn: z.string().optional(),
  StatementName: z.string().max(500).optional(),
  WithEvent: z.boolean().optional(),
  ClientToken: z.string().min(1).max(64).optional(),
  Parameters: parameters.optional(),
  WaitTimeSeconds: z.int().min(0).max(30).optional(),
  ResultFormat: z.literal('JSON').optional(),
};
const sql = z.string().min(1).max(100_000);
const executeSchema = z.strictObject({ ...submit, Sql: sql });
const batchSchema = z.strictObject({
  ...submit,
  Sqls: z.array(sql).min(1).max(40),
  ExecutionMode: z.literal('TRANSACTION').optional(),
});
const idSchema = z.strictObject({ Id: z.string().min(1) });
const describeSchema = idSchema.extend({ WaitTimeSeconds: submit.WaitTimeSeconds });
const resultSchema = describeSchema.extend({ NextToken: z.string().optional() });
const listSchema = z.strictObject({
  Status: z.enum(['ABORTED', 'ALL', 'FAILED', 'FINISHED', 'PICKED', 'STARTED', 'SUBMITTED']).optional(),
  StatementName: z.string().optional(),
  MaxResults: z.int().min(0).max(100).optional(),
  NextToken: z.string().optional(),
  RoleLevel: z.boolean().optional(),
  WorkgroupName: z.string().optional(),
  ClusterIdentifier: z.string().optional(),
  Database: z.string().optional(),
});

export type SubmitInput = z.infer<typeof executeSchema> | z.infer<typeof batchSchema>;

const parser =
  <Schema extends z.ZodType>(schema: Schema) =>
  (input: unknown): z.infer<Schema> => {
    const parsed = schema.safeParse(input);
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    throw invalid(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid input'}`);
  };

export const parseExecute = parser(executeSchema);
export const parseBatch = parser(batchSchema);
export const parseId = parser(idSchema);
export const parseDescribe = parser(describeSchema);
export const parseResult = parser(resultSchema);
export const parseList = parser(listSchema);

/** The texts of a call in order. */
export const asArray = (input: SubmitInput): readonly string[] =>
  'Sqls' in input ? input.Sqls : [input.Sql];

/** A parameter that no statement uses, or a use without a value, fails the call. */
export function checkParameters(input: SubmitInput, used: ReadonlySet<string>): void {
  const given = new Set((input.Parameters ?? []).map(({ name }) => name));
  const idle = [...given].find((name) => !used.has(name));
  if (idle !== undefined) throw invalid(`Parameters list contains unused parameters: ${idle}`);
  const missing = [...used].find((name) => !given.has(name));
  if (missing !== undefined) throw invalid(`Parameter ${missing} has no value`);
}
