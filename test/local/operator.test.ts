/** What somebody at the keyboard can do with the running stack, with the SDK's own clients and the operator's key. */
import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import {
  DescribeStatementCommand,
  ExecuteStatementCommand,
  GetStatementResultCommand,
  RedshiftDataClient,
} from '@aws-sdk/client-redshift-data';
import { type Fixture, startFixture } from './fixture.ts';

let fixture: Fixture;
before(async () => {
  fixture = await startFixture();
});
// The last test stops the stack.
after(() => rmSync(fixture.directory, { recursive: true, force: true }));

test('the operator runs SQL on the warehouse, as the hints of --keep show it', async () => {
  const client = new RedshiftDataClient(fixture.client);
  const run = async (Sql: string) => {
    const { Id = '' } = await client.send(
      new ExecuteStatementCommand({ WorkgroupName: 'local', Database: 'warehouse', Sql }),
    );
    const described = await client.send(new DescribeStatementCommand({ Id, WaitTimeSeconds: 30 }));
    return { Id, described };
  };
  await run("create table people as select 7 as id, timestamp '2020-01-01 00:00:00' as updated_at");
  const changed = await run('update people set updated_at = sysdate where id = 7');
  assert.deepEqual([changed.described.Status, changed.described.ResultRows], ['FINISHED', 1]);
  const { Id } = await run("select id from people where updated_at > '2026-01-01'");
  const { Records } = await client.send(new GetStatementResultCommand({ Id }));
  assert.deepEqual(Records, [[{ longValue: 7 }]]);
  client.destroy();
});

test('endpoints.json is there while the stack runs, and gone after an orderly stop', async () => {
  const file = path.join(fixture.directory, 'data', 'endpoints.json');
  assert.equal(existsSync(file), true);
  await fixture.stack.stop();
  assert.equal(existsSync(file), false);
});
