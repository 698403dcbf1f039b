/** Variables: every group that the stack gives a function is readable by it, and a wrong one is named. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { synthesize } from '../../infra/synthesize.ts';
import {
  accountsVariables,
  auditVariables,
  definitionsVariables,
  lanesVariables,
  loaderVariables,
  ownersVariables,
  readVariables,
  schedulesVariables,
  stageVariables,
  warehouseVariables,
} from '../../lambdas/variables.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'tailrace-variables-'));
const { template } = synthesize('local', directory);
rmSync(directory, { recursive: true, force: true });

const { GROUPS, FUNCTIONS } = {
  GROUPS: {
    stage: stageVariables,
    accounts: accountsVariables,
    definitions: definitionsVariables,
    lanes: lanesVariables,
    loader: loaderVariables,
    owners: ownersVariables,
    audit: auditVariables,
    schedules: schedulesVariables,
    warehouse: warehouseVariables,
  },
  FUNCTIONS: {
    ReconcileSyncs: ['stage', 'accounts', 'definitions', 'schedules', 'warehouse'],
    StartRun: ['stage', 'accounts', 'definitions', 'warehouse'],
    FanOut: ['stage', 'accounts', 'lanes', 'warehouse'],
    FinishRun: ['stage', 'accounts'],
    DeadLetter: ['stage', 'accounts'],
    Sweep: ['stage', 'accounts', 'definitions', 'lanes', 'warehouse'],
    Api: ['stage', 'accounts', 'definitions', 'lanes', 'warehouse'],
    NotifyOwners: ['owners', 'definitions'],
    RecordAudit: ['audit'],
    TocrmLoadBatch: ['stage', 'lanes', 'loader'],
    ToappdatabaseLoadBatch: ['stage', 'lanes', 'loader'],
  },
} as const;

/** As CloudFormation would fill them in: every reference becomes some ARN. */
function filledIn(value: unknown): string {
  if (typeof value === 'string') return value;
  const { 'Fn::Join': join } = value as { 'Fn::Join'?: [string, unknown[]] };
  return join === undefined ? 'arn:aws:x' : join[1].map(filledIn).join(join[0]);
}

for (const [fn, groups] of Object.entries(FUNCTIONS)) {
  test(`${fn} has the variables that it reads, and no other group`, () => {
    const found = Object.entries(template.Resources).find(
      ([id, { Type }]) => Type === 'AWS::Lambda::Function' && new RegExp(`^${fn}[0-9A-F]{8}$`).test(id),
    );
    const environment = found?.[1].Properties?.Environment as { Variables: Record<string, unknown> };
    const variables = Object.entries(environment.Variables).map(([name, value]) => [name, filledIn(value)]);
    const env = Object.fromEntries(variables) as Record<string, string>;
    for (const [group, schema] of Object.entries(GROUPS)) {
      const readable = schema.safeParse(env).success;
      assert.equal(readable, (groups as readonly string[]).includes(group), group);
    }
  });
}

test('a missing variable is named, its value never', () => {
  process.env.SECRET = 'hunter2';
  assert.throws(() => readVariables(loaderVariables), {
    kind: 'config',
    code: 'variable_invalid',
    message: 'these environment variables are missing or wrong: ACCOUNT',
  });
});
