/** The definitions table: what people write is read as it is, what we write comes back exactly, versions only grow. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { dynamoDefinitions } from '../../shared/aws/dynamo-definitions.ts';
import type { AcceptedDefinition } from '../../shared/core/sync.ts';
import { syncSchema } from '../../shared/core/sync.ts';
import { openDynamo } from './local-services.ts';

const { client, close } = await openDynamo([
  ['definitions', 'syncId', 'item'],
  ['state', 'partition', 'sort'],
]);
after(close);
const definitions = dynamoDefinitions(client, { definitions: 'definitions', state: 'state' });

const accepted = (version: number, owner = 'a@example.com'): AcceptedDefinition => ({
  sync: syncSchema.parse({
    syncId: 'one',
    owner,
    schedule: { every: '15 minutes' },
    model: { sql: 'select 1 as id', primaryKey: ['id'], changes: { by: 'all' } },
    destination: { account: 'crm', object: 'contacts', mode: 'upsert', matchOn: 'id' },
    fields: [{ to: 'id', from: 'id' }],
  }),
  version,
  mappingVersion: 'm',
  generation: 'g',
});

test('a definition is read as people wrote it, without the item name', async () => {
  assert.equal(await definitions.written('none'), undefined);
  await client.send(
    new PutItemCommand({
      TableName: 'definitions',
      Item: {
        syncId: { S: 'written' },
        item: { S: 'definition' },
        enabled: { BOOL: false },
        tags: { SS: ['a'] },
        model: { M: { primaryKey: { L: [{ S: 'id' }] }, limit: { N: '1.5' }, nothing: { NULL: true } } },
      },
    }),
  );
  assert.deepEqual(await definitions.written('written'), {
    syncId: 'written',
    enabled: false,
    tags: new Set(['a']),
    model: { primaryKey: ['id'], limit: 1.5, nothing: null },
  });
});

test('an accepted version is replaced by higher ones only', async () => {
  assert.equal(await definitions.accepted('one'), undefined);
  assert.equal(await definitions.accept('one', accepted(2)), true);
  assert.equal(await definitions.accept('one', accepted(2, 'other@example.com')), false);
  assert.equal(await definitions.accept('one', accepted(1)), false);
  assert.deepEqual(await definitions.accepted('one'), accepted(2));
  assert.equal(await definitions.accept('one', accepted(3)), true);
  await definitions.forget('one');
  assert.equal(await definitions.accepted('one'), undefined);
  assert.equal(await definitions.accept('one', accepted(1)), true);
});

test('a status comes back as it was set, the last one wins', async () => {
  assert.equal(await definitions.status('one'), undefined);
  const fault = { path: 'fields[0].to', code: 'x', message: 'm', remedy: 'r' };
  const status = { state: 'refused', version: 4, at: 5, answers: 'f', faults: [fault] } as const;
  await definitions.setStatus('one', { ...status, state: 'accepted', version: 9 });
  await definitions.setStatus('one', status);
  assert.deepEqual(await definitions.status('one'), status);
});
