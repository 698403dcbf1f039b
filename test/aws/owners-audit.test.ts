/** The owners' topic and the audit bucket, against scripted clients. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { S3Client } from '@aws-sdk/client-s3';
import type { SNSClient } from '@aws-sdk/client-sns';
import { s3Audit } from '../../shared/aws/s3-audit.ts';
import { snsOwners } from '../../shared/aws/sns-owners.ts';
import { awsError, scripted } from './calls.ts';

test('a message has subject, text and an attribute for each thing that a filter may look at', async () => {
  const { client, sent } = scripted<SNSClient>(() => undefined);
  const attributes = { owner: 'growth@example.com', kind: 'rows' };
  await snsOwners(client, 'arn:topic').publish({ subject: 'one', text: 'two', attributes });
  assert.deepEqual(sent, [
    {
      name: 'Publish',
      input: {
        TopicArn: 'arn:topic',
        Subject: 'one',
        Message: 'two',
        MessageAttributes: {
          owner: { DataType: 'String', StringValue: 'growth@example.com' },
          kind: { DataType: 'String', StringValue: 'rows' },
        },
      },
    },
  ]);
});

test('an audit object is put only where none is; one that is there is no error and stays', async () => {
  const answers: unknown[] = [undefined, awsError('PreconditionFailed')];
  const { client, sent } = scripted<S3Client>(() => answers.shift());
  const audit = s3Audit(client, 'audit');
  assert.equal(await audit.put('runs/a/1.json', '{}'), 'written');
  assert.equal(await audit.put('runs/a/1.json', '{}'), 'there');
  assert.deepEqual(
    sent.map(({ input }) => [input.Key, input.IfNoneMatch]),
    [
      ['runs/a/1.json', '*'],
      ['runs/a/1.json', '*'],
    ],
  );
});

test('two writers at once: the loser tries again; a refusal is not taken for an object that is there', async () => {
  for (const [name, kind] of [
    ['ConditionalRequestConflict', 'transient'],
    ['AccessDenied', 'config'],
    ['SlowDown', 'transient'],
  ] as const) {
    const { client } = scripted<S3Client>(() => awsError(name));
    await assert.rejects(s3Audit(client, 'audit').put('k', ''), { kind });
  }
});

test('names come page by page, after the given one', async () => {
  const pages = [
    { Contents: [{ Key: 'a/2' }], NextContinuationToken: 'next' },
    { Contents: [{ Key: 'a/3' }] },
  ];
  const { client, sent } = scripted<S3Client>(() => pages.shift());
  const names: string[] = [];
  for await (const name of s3Audit(client, 'audit').names('a/', 'a/1')) names.push(name);
  assert.deepEqual(names, ['a/2', 'a/3']);
  assert.deepEqual(
    sent.map(({ input }) => input),
    [
      { Bucket: 'audit', Prefix: 'a/', StartAfter: 'a/1' },
      { Bucket: 'audit', Prefix: 'a/', ContinuationToken: 'next' },
    ],
  );
});
