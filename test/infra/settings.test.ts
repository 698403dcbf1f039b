/** Wrong settings fail with a sentence that says which, why, and what to do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { environments } from '../../infra/environments.ts';
import { parseEnvironment } from '../../infra/setting-rules.ts';
import type { EnvironmentSettings } from '../../infra/settings.ts';
import { templateOf } from './templates.ts';

const account = {
  name: 'crm',
  destination: 'http',
  settings: { url: 'https://api.example.com' },
  rate: { requests: 10, perMs: 1000 },
  requestRowsMax: 100,
};
const good: EnvironmentSettings = {
  aws: { account: '111111111111', region: 'eu-west-1' },
  warehouse: {
    kind: 'serverless',
    workgroup: 'analytics',
    workgroupId: '11111111-1111-4111-8111-111111111111',
    database: 'analytics',
    schema: 'tailrace',
  },
  extraction: { by: 'pages' },
  accounts: [account],
};

test('the settings that come with the project are right, and defaults are filled in', () => {
  for (const [name, settings] of Object.entries(environments)) parseEnvironment(name, settings);
  const { timing, accounts } = parseEnvironment('dev', good);
  assert.equal(timing.graceMs, 180_000);
  assert.equal(timing.loaderTimeoutMs, 60_000);
  assert.deepEqual(accounts[0]?.concurrency, { express: 2, bulk: 2 });
});

type Case = readonly [what: string, edit: object, sentence: RegExp, name?: string];
const withAccount = (edit: object): object => ({ accounts: [{ ...account, ...edit }] });
const allowing = (host: string): object => withAccount({ allow: [{ host, port: 8080 }] });

const CASES: readonly Case[] = [
  [
    'a name that is too long',
    {},
    /name "a-name-that-is-far-too-long" must be 1 to 16/,
    'a-name-that-is-far-too-long',
  ],
  [
    'an account number',
    { aws: { account: '12', region: 'eu-west-1' } },
    /aws\.account: must be the 12 digits/,
  ],
  ['a region', { aws: { account: '111111111111', region: 'Ireland' } }, /aws\.region: must be an AWS Region/],
  ['an unknown setting', { colour: 'blue' }, /Unrecognized key: "colour"/],
  [
    'a schema name',
    { warehouse: { ...good.warehouse, schema: 'My Schema' } },
    /warehouse\.schema: must be a plain/,
  ],
  ['a short grace', { timing: { graceMs: 100_000 } }, /graceMs is 100000, but must be at least .* = 124000/],
  ['a short lease', { timing: { extractorLeaseMs: 900_000 } }, /extractorLeaseMs is 900000, but .* = 904000/],
  [
    'a timeout in halves',
    { timing: { loaderTimeoutMs: 4500 } },
    /loaderTimeoutMs is 4500, but Lambda takes whole/,
  ],
  ['a timeout above Lambda', { timing: { extractorTimeoutMs: 901_000 } }, /extractorTimeoutMs is 901000/],
  ['no clock skew in the cloud', { timing: { clockSkewMs: 0 } }, /clockSkewMs is 0, but only a local stage/],
  ['a name twice', { accounts: [account, account] }, /"crm" is there twice/],
  [
    'concurrency of one',
    withAccount({ concurrency: { bulk: 1 } }),
    /accounts\.0\.concurrency\.bulk is 1, but .* is 2/,
  ],
  [
    'an unknown destination',
    withAccount({ destination: 'fax' }),
    /destination is "fax", which is not a registered/,
  ],
  [
    'settings of a destination',
    withAccount({ settings: { url: 5 } }),
    /accounts\.0\.settings\.url: .*\(http\)/,
  ],
  [
    'an unknown one of them',
    withAccount({ settings: { url: 'https://a.example', x: 1 } }),
    /Unrecognized key: "x"/,
  ],
  ['loopback', allowing('127.0.0.1'), /allow names 127\.0\.0\.1:8080, a loopback or link-local address/],
  ['loopback by name', allowing('localhost'), /allow names localhost:8080/],
  ['loopback by number', allowing('2130706433'), /allow names 2130706433:8080/],
  ['loopback in hex', allowing('0x7f.1'), /allow names 0x7f\.1:8080/],
  ['loopback in version 6', allowing('::1'), /allow names ::1:8080/],
  ['loopback mapped', allowing('::ffff:127.0.0.1'), /allow names ::ffff:127\.0\.0\.1:8080/],
  ['link-local', allowing('169.254.169.254'), /allow names 169\.254\.169\.254:8080/],
  ['an e-mail address', { alarms: { email: 'nobody' } }, /alarms\.email: Invalid email/],
];

for (const [what, edit, sentence, name = 'dev'] of CASES) {
  test(`refused: ${what}`, () => {
    const settings = { ...good, ...edit } as EnvironmentSettings;
    assert.throws(() => parseEnvironment(name, settings), { message: sentence });
  });
}

test('a private address may be listed, and loopback in a local stage', () => {
  parseEnvironment('dev', { ...good, ...allowing('10.1.2.3') });
  parseEnvironment('laptop', { ...good, ...allowing('127.0.0.1'), local: true });
});

test('all wrong settings are told at once', () => {
  const settings = { ...good, ...withAccount({ destination: 'fax' }), timing: { graceMs: 1 } };
  assert.throws(
    () => parseEnvironment('dev', settings),
    ({ message }: Error) => {
      assert.match(
        message,
        /^Environment dev cannot be deployed:\n- timing\.graceMs .*\n- accounts\.0\.dest/,
      );
      return true;
    },
  );
});

test('more accounts than fit into the variables of a function fail synth', () => {
  const accounts = Array.from({ length: 60 }, (_, at) => ({ ...account, name: `account-${at}` }));
  assert.throws(() => templateOf({ name: 'dev', settings: { ...good, accounts } }), {
    message: /environment variables of \w+ take about \d+ bytes, but Lambda takes 4096 at most/,
  });
});
