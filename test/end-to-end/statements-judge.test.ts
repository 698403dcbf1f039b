/** What the list of explanations lets pass and what it does not; the names of grants. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge } from './explained-statements.ts';
import { lineOf, type NamedGrant, namedGrants } from './grants.ts';

const grant = (who: string, action: string, isUsed: boolean): NamedGrant => ({
  who,
  action,
  on: 's3:staging/runs/*',
  when: '',
  isUsed,
});

test('a grant without use or reason is named, and so is one that is explained and used', () => {
  const { unused, usedAfterAll } = judge(
    [
      grant('ApiRole', 's3:GetObject', true),
      grant('ApiRole', 's3:DeleteObject', false),
      grant('ApiRole', 'logs:PutLogEvents', false),
      grant('SweepRole', 'logs:PutLogEvents', true),
    ],
    'pages',
  );
  assert.deepEqual(unused, ['ApiRole: s3:DeleteObject on s3:staging/runs/*']);
  assert.deepEqual(usedAfterAll, ['SweepRole: logs:PutLogEvents on s3:staging/runs/*']);
});

test('an explanation of nothing is told; those of the other way of extraction are not asked for', () => {
  const idle = (extraction: 'unload' | 'pages') =>
    judge([], extraction).idle.filter((source) => source.includes('GetBucketLocation'));
  assert.deepEqual(idle('pages'), []);
  assert.equal(idle('unload').length, 1);
});

test('names: roles and queues of all accounts are one, conditions keep statements apart', () => {
  const of = (statement: string, resource: string, when: string, times: number) => ({
    ...{ statement, resource, when, times },
    effect: 'Allow' as const,
    action: 'kms:Decrypt',
  });
  const key = 'arn:aws:kms:us-east-1:000000000000:key/local-Key961B73FD';
  const via = (service: string): string => `kms:ViaService ${service}.us-east-1.amazonaws.com`;
  const named = namedGrants(
    [
      of('TocrmLoadBatchRoleDefaultPolicy12345678[3]', key, via('sqs'), 0),
      of('TomyappLoadBatchRoleDefaultPolicy87654321[3]', key, via('sqs'), 2),
      of('TomyappLoadBatchRoleDefaultPolicy87654321[4]', key, via('s3'), 0),
      of('ApiRole1873F438.AssumeRolePolicyDocument[0]', '', '', 1),
    ],
    ['crm', 'my-app'],
  );
  assert.deepEqual(
    named.map((one) => [lineOf(one), one.isUsed]),
    [
      ['To<account>LoadBatchRole: kms:Decrypt on kms:key/local-Key when kms:ViaService sqs', true],
      ['To<account>LoadBatchRole: kms:Decrypt on kms:key/local-Key when kms:ViaService s3', false],
      ['ApiRole trust: kms:Decrypt', true],
    ],
  );
});
