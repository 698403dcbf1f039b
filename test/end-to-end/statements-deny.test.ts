/**
 * What resources refuse whatever a role allows: an administrator of the account, who may do everything, and every role of
 * the template try each thing that a Deny is there against, and each Deny refuses something.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { synthesize } from '../../infra/synthesize.ts';
import { createAuthorizer, type Role } from '../../local/iam/authorizer.ts';
import type { Caller } from '../../local/iam/caller.ts';
import { parsePolicy } from '../../local/iam/policy.ts';
import type { Grant } from '../../local/iam/usage.ts';
import { loadStack } from '../../local/template/assembly.ts';
import { resolveTemplate } from '../../local/template/template.ts';
import { readPermissions } from '../../local/wiring/permissions.ts';

const ADMINISTRATOR = 'arn:aws:iam::000000000000:role/administrator';
const CALLER: Caller = { is: 'role', roleArn: ADMINISTRATOR, label: 'Administrator' };

/** The ordinary request first: who is asking may be all that is wrong with it. */
const REQUESTS: readonly Readonly<Record<string, string>>[] = [
  {},
  { 'aws:SecureTransport': 'false' },
  { 's3:TlsVersion': '1.1' },
  { 's3:x-amz-server-side-encryption': 'AES256' },
  { 's3:x-amz-server-side-encryption-aws-kms-key-id': 'arn:aws:kms:us-east-1:000000000000:key/another' },
];

const callerOf = ({ arn, logicalId }: Pick<Role, 'arn' | 'logicalId'>): Caller => ({
  is: 'role',
  roleArn: arn,
  label: logicalId,
});

function authorizerOfLocal() {
  const folder = mkdtempSync(path.join(tmpdir(), 'tailrace-deny-'));
  try {
    const { stackName } = synthesize('local', folder);
    const settings = readPermissions(resolveTemplate(loadStack(folder, stackName), 'http://127.0.0.1:1'));
    const everything = { Statement: { Effect: 'Allow', Action: '*', Resource: '*' } };
    const identity = parsePolicy(everything, 'Administrator');
    const administrator = { arn: ADMINISTRATOR, logicalId: 'Administrator', identity, trust: [] };
    const roles = [administrator, ...settings.roles];
    return { authorizer: createAuthorizer({ ...settings, roles }), callers: roles.map(callerOf) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('every Deny of the template refuses something', () => {
  const { authorizer, callers } = authorizerOfLocal();
  const denies = (): readonly Grant[] => authorizer.usage().grants.filter(({ effect }) => effect === 'Deny');
  assert.ok(denies().length > 20, 'there are statements to look at');
  for (const { action, resource } of denies()) {
    for (const caller of callers) for (const request of REQUESTS) attempt(caller, action, resource, request);
  }
  const idle = denies().filter(({ times }) => times === 0);
  assert.deepEqual(
    idle.map(({ statement, action, resource }) => `${statement}: ${action} on ${resource}`),
    [],
  );

  function attempt(
    caller: Caller,
    action: string,
    resource: string,
    request: Readonly<Record<string, string>>,
  ): void {
    const exact = action.endsWith(':*') ? (ACTION_OF[action] ?? action) : action;
    try {
      authorizer.authorize(caller, exact, resource.replace(/\*$/, 'runs/an/object'), request);
    } catch {
      // Counted by the authorizer, which is what is looked at.
    }
  }
});

/** A topic of the template, whose name CloudFormation makes. */
const topicOf = ({ usage }: { usage(): { grants: readonly Grant[] } }, id: string): string =>
  usage().grants.find(({ action, resource }) => action === 'sns:Publish' && resource.includes(`-${id}`))
    ?.resource ?? assert.fail(id);

const ACTION_OF: Readonly<Record<string, string>> = { 'sqs:*': 'sqs:ReceiveMessage', 's3:*': 's3:GetObject' };

test('alarms of this stack reach the operators although nobody else may publish there', () => {
  const { authorizer } = authorizerOfLocal();
  const topic = topicOf(authorizer, 'Alarms');
  const publish = (service: string, alarm: string) => () =>
    authorizer.authorize(
      { is: 'service', service, sourceArn: `arn:aws:cloudwatch:us-east-1:000000000000:alarm:${alarm}` },
      'sns:Publish',
      topic,
    );
  publish('cloudwatch.amazonaws.com', 'Tailrace-local-RunsOverdue')();
  assert.throws(publish('cloudwatch.amazonaws.com', 'of-somebody-else'), /may not sns:Publish/);
  assert.throws(publish('events.amazonaws.com', 'Tailrace-local-RunsOverdue'), /may not sns:Publish/);
});

test('an ordinary request of an administrator is refused only where the template names who may come', () => {
  const { authorizer } = authorizerOfLocal();
  const may = (action: string, resource: string): boolean => {
    try {
      authorizer.authorize(CALLER, action, resource);
      return true;
    } catch {
      return false;
    }
  };
  const lane = 'arn:aws:sqs:us-east-1:000000000000:tailrace-local-crm-express';
  assert.ok(may('sqs:ReceiveMessage', lane));
  assert.ok(!may('sqs:SendMessage', lane));
  const [secret = ''] = authorizer
    .usage()
    .grants.flatMap(({ action, resource }) => (action === 'secretsmanager:GetSecretValue' ? [resource] : []));
  // What would wake functions and stand in the audit, and what owners and operators would believe.
  assert.ok(!may('events:PutEvents', 'arn:aws:events:us-east-1:000000000000:event-bus/tailrace-local'));
  assert.ok(may('events:PutEvents', 'arn:aws:events:us-east-1:000000000000:event-bus/another'));
  for (const topic of ['Owners', 'Alarms']) assert.ok(!may('sns:Publish', topicOf(authorizer, topic)), topic);
  assert.ok(may('secretsmanager:PutSecretValue', secret));
  assert.ok(!may('secretsmanager:GetSecretValue', secret));
});
