/** What people put into the definitions table reaches the check as it is, whatever DynamoDB has a type for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AttributeValue, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { dynamoDefinitions } from '../../shared/aws/dynamo-definitions.ts';
import { plainItem } from '../../shared/core/plain-item.ts';

/** The definition of a sync whose item has this attribute too. */
async function written(value: AttributeValue): Promise<Readonly<Record<string, unknown>>> {
  const Item: Record<string, AttributeValue> = { syncId: { S: 'a' }, item: { S: 'definition' }, value };
  const client = { send: async () => ({ Item }) } as unknown as DynamoDBClient;
  return (await dynamoDefinitions(client, { definitions: 'definitions', state: 'state' }).written('a')) ?? {};
}

const codesOf = async (value: AttributeValue): Promise<string[]> =>
  plainItem(await written(value)).faults.map(({ path, code }) => `${path} ${code}`);

const REFUSED: readonly (readonly [what: string, value: AttributeValue, code: string])[] = [
  ['an integer beyond 2^53', { N: '9007199254740993' }, 'value number_not_exact'],
  ['a fraction of twenty digits', { N: '0.12345678901234567891' }, 'value number_not_exact'],
  ['digits before and after the point', { N: '9007199254740992.5' }, 'value number_not_exact'],
  ['a set of texts', { SS: ['b', 'a'] }, 'value set_not_list'],
  ['a set of numbers', { NS: ['2', '1'] }, 'value set_not_list'],
  ['bytes', { B: new Uint8Array([1, 2]) }, 'value value_not_plain'],
  ['a set of bytes', { BS: [new Uint8Array([1])] }, 'value set_not_list'],
  ['a set in a list in a map', { M: { a: { L: [{ SS: ['x'] }] } } }, 'value.a[0] set_not_list'],
];

for (const [what, value, code] of REFUSED) {
  test(`${what} is refused by name`, async () => {
    assert.deepEqual(await codesOf(value), [code]);
  });
}

test('numbers that a number holds, texts, lists and maps are read as they are', async () => {
  const value: AttributeValue = {
    L: [
      { N: '-1.5' },
      { N: '9007199254740991' },
      { N: '0.1' },
      { S: '9007199254740993' },
      { BOOL: true },
      { NULL: true },
    ],
  };
  assert.deepEqual(await codesOf(value), []);
  assert.deepEqual((await written(value)).value, [
    -1.5,
    9007199254740991,
    0.1,
    '9007199254740993',
    true,
    null,
  ]);
});
