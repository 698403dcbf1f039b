/**
 * Who the engine is to Redshift: one role under one session's name, so that a function can go on with a statement that
 * another one submitted, and nobody else can; and the role of UNLOAD, which is the engine's database user's alone.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { environments } from '../../infra/environments.ts';
import type { EnvironmentSettings } from '../../infra/settings.ts';
import { synthesize } from '../../infra/synthesize.ts';
import { createAuthorizer } from '../../local/iam/authorizer.ts';
import type { Caller } from '../../local/iam/caller.ts';
import type { LocalRedshift } from '../../local/redshift/endpoint.ts';
import { redshiftDataService } from '../../local/services/redshift-data.ts';
import { loadStack } from '../../local/template/assembly.ts';
import { resolveTemplate } from '../../local/template/template.ts';
import { readPermissions } from '../../local/wiring/permissions.ts';
import { checkTrust } from '../../local/wiring/trust.ts';

const WORKGROUP_ID = '00000000-0000-4000-8000-000000000000';
const WAREHOUSE = 'arn:aws:iam::000000000000:role/tailrace-local-warehouse';

function openLocal(change: Partial<EnvironmentSettings> = {}) {
  const local = environments.local ?? assert.fail();
  const folder = mkdtempSync(path.join(tmpdir(), 'tailrace-identity-'));
  try {
    const { stackName } = synthesize({ name: 'local', settings: { ...local, ...change } }, folder);
    const template = resolveTemplate(loadStack(folder, stackName), 'http://127.0.0.1:1');
    const permissions = readPermissions(template);
    return { template, permissions, authorizer: createAuthorizer(permissions) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const { template, permissions, authorizer } = openLocal();
const roleOf = (logicalId: RegExp): Caller => {
  const role = permissions.roles.find((one) => logicalId.test(one.logicalId)) ?? assert.fail();
  return { is: 'role', roleArn: role.arn, label: role.logicalId };
};
const inSession = (session: string): Caller => ({ is: 'role', roleArn: WAREHOUSE, label: 'Any', session });
const DENIED = { code: 'AccessDeniedException' };

test('the warehouse role is taken on under one name only, and by those who work with statements', () => {
  const named = (name: string) => ({ 'sts:RoleSessionName': name });
  for (const who of [/^StartRunRole/, /^FanOutRole/, /^SweepRole/, /^ApiRole/, /^ReconcileSyncsRole/]) {
    authorizer.authorizeAssume(roleOf(who), WAREHOUSE, named('tailrace-local'));
    assert.throws(() => authorizer.authorizeAssume(roleOf(who), WAREHOUSE, named('start-run')), DENIED);
  }
  for (const who of [/^FinishRunRole/, /LoadBatchRole/, /^DeadLetterRole/]) {
    assert.throws(() => authorizer.authorizeAssume(roleOf(who), WAREHOUSE, named('tailrace-local')), DENIED);
  }
});

test('a statement is for the session that submitted it, and for no other', async () => {
  const redshift = { call: async () => JSON.stringify({ Id: 'statement-1' }) } as unknown as LocalRedshift;
  const place = { account: '000000000000', region: template.region, workgroupId: WORKGROUP_ID };
  const service = redshiftDataService({ redshift, authorizer, ...place });
  const call = (caller: Caller, action: string, input: object) => {
    const request = Object.assign(Readable.from([Buffer.from(JSON.stringify(input))]), {
      headers: { 'x-amz-target': `RedshiftData.${action}` },
    }) as unknown as IncomingMessage;
    const response = { writeHead: () => ({ end: () => undefined }) } as unknown as ServerResponse;
    return service.handle({ request, response, caller, count: () => undefined } as never);
  };
  const [engine, other] = [inSession('tailrace-local'), inSession('somebody')];
  await call(engine, 'ExecuteStatement', { WorkgroupName: 'local', Database: 'dev', Sql: 'select 1' });
  await call(engine, 'DescribeStatement', { Id: 'statement-1' });
  await call(engine, 'GetStatementResult', { Id: 'statement-1:2' });
  await assert.rejects(async () => call(other, 'DescribeStatement', { Id: 'statement-1' }), DENIED);
  await assert.rejects(async () => call(other, 'CancelStatement', { Id: 'statement-1:1' }), DENIED);
});

test('Redshift takes on the role of UNLOAD for the engine’s user, unless the settings open it to all', () => {
  const place = { region: template.region, account: '000000000000', workgroupId: WORKGROUP_ID };
  checkTrust(template, authorizer, place);
  const another = { ...place, workgroupId: '11111111-0000-4000-8000-000000000000' };
  assert.throws(() => checkTrust(template, authorizer, another), DENIED);
  const open = openLocal({ extraction: { by: 'unload', usableBy: 'every user' } });
  checkTrust(open.template, open.authorizer, another);
});
