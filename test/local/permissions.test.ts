/** The policy evaluator: wildcards, conditions, denies, who is asked, and that each statement carries its weight. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Authorizer, createAuthorizer, type PermissionSettings } from '../../local/iam/authorizer.ts';
import type { Caller } from '../../local/iam/caller.ts';
import { parsePolicy } from '../../local/iam/policy.ts';

const ROLE = 'arn:aws:iam::000000000000:role/loader';
const CALLER: Caller = { is: 'role', roleArn: ROLE, label: 'Loader' };
const TABLE = 'arn:aws:dynamodb:us-east-1:000000000000:table/state';
const KEY = 'arn:aws:kms:us-east-1:000000000000:key/1';

type Policies = {
  identity?: object[];
  trust?: object[];
  onResource?: Record<string, object[]>;
  keys?: Record<string, string>;
};

function authorizerOf({ identity = [], trust = [], onResource = {}, keys = {} }: Policies): Authorizer {
  const parse = (statements: object[], where: string) => parsePolicy({ Statement: statements }, where);
  const settings: PermissionSettings = {
    account: '000000000000',
    region: 'us-east-1',
    roles: [
      { arn: ROLE, logicalId: 'Role', identity: parse(identity, 'Identity'), trust: parse(trust, 'Trust') },
    ],
    resourcePolicies: new Map(Object.entries(onResource).map(([arn, list]) => [arn, parse(list, arn)])),
    keys: new Map(Object.entries(keys)),
  };
  return createAuthorizer(settings);
}
const allow = (Action: unknown, Resource: unknown, Condition?: object) => ({
  Effect: 'Allow',
  Action,
  Resource,
  Condition,
});
const isAllowed = (authorizer: Authorizer, ...request: Parameters<Authorizer['authorize']>): boolean => {
  try {
    authorizer.authorize(...request);
    return true;
  } catch {
    return false;
  }
};

test('actions ignore case and know wildcards, resources know wildcards', () => {
  const authorizer = authorizerOf({
    identity: [allow(['DynamoDB:get*', 's3:PutObject'], [TABLE, 'arn:aws:s3:::b/runs/*/x-?'])],
  });
  assert.ok(isAllowed(authorizer, CALLER, 'dynamodb:GetItem', TABLE));
  assert.ok(isAllowed(authorizer, CALLER, 's3:PutObject', 'arn:aws:s3:::b/runs/a/b/x-1'));
  assert.ok(!isAllowed(authorizer, CALLER, 's3:PutObject', 'arn:aws:s3:::b/runs/a/x-12'));
  assert.ok(!isAllowed(authorizer, CALLER, 'dynamodb:PutItem', TABLE));
  assert.ok(!isAllowed(authorizer, CALLER, 'dynamodb:GetItem', `${TABLE}/index/i`));
});

test('leading keys: every key of the request must match', () => {
  const condition = { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['RUN#*', 'SYNC'] } };
  const authorizer = authorizerOf({ identity: [allow('dynamodb:*', TABLE, condition)] });
  const may = (...keys: string[]) =>
    isAllowed(authorizer, CALLER, 'dynamodb:GetItem', TABLE, { 'dynamodb:LeadingKeys': keys });
  assert.ok(may('SYNC'));
  assert.ok(may('RUN#a', 'SYNC'));
  assert.ok(!may('RUN#a', 'BUDGET#crm'));
  assert.ok(!may('SYNCH'));
});

test('operators: equality, negation, missing keys, IfExists, Null, ARNs, numbers', () => {
  const holds = (operator: string, key: string, value: unknown, context: Record<string, string>) => {
    const authorizer = authorizerOf({ identity: [allow('a:b', '*', { [operator]: { [key]: value } })] });
    return isAllowed(authorizer, CALLER, 'a:b', '*', context);
  };
  assert.ok(holds('StringEquals', 'events:source', ['x', 'y'], { 'events:source': 'y' }));
  assert.ok(!holds('StringEquals', 'events:source', 'x', {}));
  assert.ok(holds('StringEqualsIfExists', 'events:source', 'x', {}));
  assert.ok(holds('StringNotEquals', 'events:source', 'x', {}));
  assert.ok(!holds('StringNotEquals', 'events:source', ['x', 'y'], { 'events:source': 'y' }));
  assert.ok(holds('Null', 'events:source', 'true', {}));
  assert.ok(holds('Bool', 'aws:SecureTransport', true, {}));
  assert.ok(!holds('NumericLessThan', 's3:TlsVersion', 1.2, {}));
  const rule = 'arn:aws:events:us-east-1:000000000000:rule/bus/name';
  assert.ok(holds('ArnLike', 'aws:SourceArn', 'arn:aws:events:*:*:rule/*', { 'aws:SourceArn': rule }));
  assert.ok(!holds('ArnLike', 'aws:SourceArn', 'arn:aws:*:rule/bus/name', { 'aws:SourceArn': rule }));
  assert.ok(
    holds('StringEquals', 'redshift-data:statement-owner-iam-userid', ['$', '{aws:userid}'].join(''), {
      'redshift-data:statement-owner-iam-userid': `${ROLE}:${CALLER.label}`,
    }),
  );
});

test('an unknown condition key, operator or element is refused when the policy is read', () => {
  const read = (statement: object) => () => parsePolicy({ Statement: [statement] }, 'Policy');
  assert.throws(
    read(allow('a:b', '*', { StringEquals: { 'aws:Weekday': 'Monday' } })),
    /Policy\[0\]: condition key aws:Weekday is not implemented here/,
  );
  assert.throws(
    read(allow('a:b', '*', { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } })),
    /condition operator IpAddress is not implemented here/,
  );
  assert.throws(
    read({ Effect: 'Allow', NotAction: 'a:b', Resource: '*' }),
    /policy element NotAction is not implemented here/,
  );
  assert.throws(
    read({ Effect: 'Allow', Action: 'a:b', Principal: { Federated: 'x' } }),
    /principal of kind Federated/,
  );
});

test('an explicit deny wins, in the role or on the resource', () => {
  const deny = { Effect: 'Deny', Action: 'a:*', Resource: '*' };
  assert.ok(!isAllowed(authorizerOf({ identity: [allow('*', '*'), deny] }), CALLER, 'a:b', 'r'));
  const onResource = { r: [{ ...deny, Principal: '*' }] };
  assert.ok(!isAllowed(authorizerOf({ identity: [allow('*', '*')], onResource }), CALLER, 'a:b', 'r'));
});

test('a service needs a resource policy that names it and the source', () => {
  const statement = {
    Effect: 'Allow',
    Action: 'lambda:InvokeFunction',
    Principal: { Service: 'events.amazonaws.com' },
    Condition: { ArnLike: { 'aws:SourceArn': 'arn:aws:events:us-east-1:000000000000:rule/mine' } },
  };
  const authorizer = authorizerOf({ onResource: { fn: [statement] } });
  const from = (service: string, rule: string): Caller => ({
    is: 'service',
    service,
    sourceArn: `arn:aws:events:us-east-1:000000000000:rule/${rule}`,
  });
  assert.ok(isAllowed(authorizer, from('events.amazonaws.com', 'mine'), 'lambda:InvokeFunction', 'fn'));
  assert.ok(!isAllowed(authorizer, from('events.amazonaws.com', 'other'), 'lambda:InvokeFunction', 'fn'));
  assert.ok(!isAllowed(authorizer, from('s3.amazonaws.com', 'mine'), 'lambda:InvokeFunction', 'fn'));
});

test("a key needs the role's permission through the service, and its own policy's consent", () => {
  const viaSqs = allow('kms:Decrypt', KEY, {
    StringEquals: { 'kms:ViaService': 'sqs.us-east-1.amazonaws.com' },
  });
  const consent = {
    Effect: 'Allow',
    Action: 'kms:*',
    Resource: '*',
    Principal: { AWS: 'arn:aws:iam::000000000000:root' },
  };
  const keys = { queue: KEY };
  const use = (authorizer: Authorizer, service: string) => () =>
    authorizer.authorizeKey(CALLER, 'queue', 'kms:Decrypt', service);
  use(authorizerOf({ identity: [viaSqs], onResource: { [KEY]: [consent] }, keys }), 'sqs')();
  assert.throws(
    use(authorizerOf({ identity: [viaSqs], onResource: { [KEY]: [consent] }, keys }), 's3'),
    /kms:Decrypt/,
  );
  assert.throws(use(authorizerOf({ identity: [viaSqs], keys }), 'sqs'), /kms:Decrypt/);
  assert.throws(use(authorizerOf({ onResource: { [KEY]: [consent] }, keys }), 'sqs'), /kms:Decrypt/);
});

test('property: a request that one statement allows is refused once that statement is gone', () => {
  const action = fc.constantFrom('dynamodb:GetItem', 'dynamodb:PutItem', 's3:GetObject', 'sqs:SendMessage');
  const resource = fc.constantFrom('arn:aws:x:::a', 'arn:aws:x:::a/b', 'arn:aws:x:::c');
  const patterns = fc.constantFrom(
    '*',
    'arn:aws:x:::a',
    'arn:aws:x:::a*',
    'arn:aws:x:::?',
    'arn:aws:x:::c/*',
  );
  const statement = fc.record({ Effect: fc.constant('Allow'), Action: action, Resource: patterns });
  fc.assert(
    fc.property(
      fc.uniqueArray(statement, { maxLength: 8, selector: JSON.stringify }),
      action,
      resource,
      (statements, act, on) => {
        const authorizer = authorizerOf({ identity: statements });
        const allowed = isAllowed(authorizer, CALLER, act, on);
        const used = Object.keys(authorizer.usage().statements).map((id) =>
          Number(/\[(\d+)\]/.exec(id)?.[1]),
        );
        assert.equal(used.length, allowed ? 1 : 0);
        if (!allowed) return;
        // Taking away the used statement, again and again, must end in a refusal.
        const rest = statements.filter((_one, at) => at !== used[0]);
        const others = rest.filter((one) => isAllowed(authorizerOf({ identity: [one] }), CALLER, act, on));
        assert.equal(isAllowed(authorizerOf({ identity: rest }), CALLER, act, on), others.length > 0);
        assert.ok(
          !isAllowed(
            authorizerOf({ identity: rest.filter((one) => !others.includes(one)) }),
            CALLER,
            act,
            on,
          ),
        );
      },
    ),
    { numRuns: 200 },
  );
});
