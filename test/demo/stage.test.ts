/** Which accounts of stage `local` the demonstration moves to its own ports, and which it leaves as written. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { environments } from '../../infra/environments.ts';
import { stageWith } from '../../local/demo/stage.ts';

const ports = { sink: 40_001, postgres: 40_002, stack: 40_003 };
const { local } = environments;
assert.ok(local);
const rate = { requests: 10, perMs: 1000 };
const mine = {
  ...{ name: 'my-api', destination: 'http', rate, requestRowsMax: 10 },
  settings: { url: 'http://127.0.0.1:8080/v1', auth: { by: 'bearer' } },
  allow: [{ host: '127.0.0.1', port: 8080 }],
};
const myDatabase = {
  ...{ name: 'my-database', destination: 'postgres', rate, requestRowsMax: 10 },
  settings: { host: 'db.example.com', port: 5432, database: 'd' },
};

test("the demonstration's own accounts are moved", () => {
  const { accounts = [] } = stageWith(local, ports, 'unload');
  assert.deepEqual(
    accounts.map(({ name, settings, allow }) => [name, settings?.url ?? settings?.port, allow]),
    [
      ['crm', 'http://127.0.0.1:40001/crm', [{ host: '127.0.0.1', port: 40_001 }]],
      ['audience', 'http://127.0.0.1:40001/audience', [{ host: '127.0.0.1', port: 40_001 }]],
      ['app-database', 40_002, [{ host: '127.0.0.1', port: 40_002 }]],
    ],
  );
});

test('an account that somebody added is reached as written', () => {
  const written = { ...local, accounts: [...(local.accounts ?? []), mine, myDatabase] };
  const { accounts = [] } = stageWith(written, ports, 'unload');
  assert.deepEqual(accounts.slice(3), [mine, myDatabase]);
});

test('so is one of the demonstration that was pointed elsewhere', () => {
  const crm = { ...mine, name: 'crm', settings: { url: 'https://crm.example.com/v1' } };
  assert.deepEqual(stageWith({ ...local, accounts: [crm] }, ports, 'unload').accounts, [crm]);
});
