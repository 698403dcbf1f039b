/** The doctor's report as a terminal shows it: one screen, aligned, and commands that can be pasted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Check, missing, ok, unknown } from '../../cli/doctor-check.ts';
import { reportText } from '../../cli/doctor-text.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape of a colour is one
const plain = (text: string): string => text.replace(/\u001b\[\d+m/g, '');

const CHECKS: readonly Check[] = [
  ok({ name: 'stack', rule: 'deployed and settled' }, 'CREATE_COMPLETE'),
  ok(
    { name: 'warehouse', rule: 'reached by the Data API' },
    'connected as IAMR:tailrace-production-warehouse',
  ),
  missing(
    { name: 'unload', rule: 'Redshift writes the stage by its role' },
    'The requested role arn:aws:iam::111111111111:role/unload is not associated to cluster',
    'aws redshift modify-cluster-iam-roles --cluster-identifier analytics --add-iam-roles arn:aws:iam::111111111111:role/unload',
  ),
  unknown(
    { name: 'alarms', rule: 'a confirmed subscription' },
    'you may not sns:ListSubscriptionsByTopic',
    'Give it.',
  ),
];

test('at 80 columns', () => {
  assert.equal(
    plain(reportText('Environment dev', CHECKS, 80)),
    `Environment dev

✓ stack            CREATE_COMPLETE · deployed and settled
✓ warehouse        connected as IAMR:tailrace-production-warehouse
                   · reached by the Data API
✗ unload           missing: The requested role
                   arn:aws:iam::111111111111:role/unload is not associated to
                   cluster
                   rule: Redshift writes the stage by its role
  → aws redshift modify-cluster-iam-roles --cluster-identifier analytics \\
      --add-iam-roles arn:aws:iam::111111111111:role/unload
? alarms           unknown: you may not sns:ListSubscriptionsByTopic
                   rule: a confirmed subscription
  → Give it.

2 ok, 1 missing, 1 unknown.`,
  );
});

test('at 120 columns, and all well', () => {
  const [stack, warehouse] = CHECKS as [Check, Check];
  assert.equal(
    plain(reportText('Environment dev', [stack, warehouse], 200)),
    `Environment dev

✓ stack            CREATE_COMPLETE · deployed and settled
✓ warehouse        connected as IAMR:tailrace-production-warehouse · reached by the Data API

All 2 checks are well.`,
  );
});

test('no line is wider than the terminal, save for a word that is', () => {
  for (const width of [60, 80, 100, 120]) {
    for (const line of plain(reportText('Environment dev', CHECKS, width)).split('\n')) {
      assert.ok(line.length <= width || line.includes('arn:aws:iam'), `${width}: ${line}`);
    }
  }
});
