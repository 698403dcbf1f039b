/** Wrong settings fail with a sentence that says which, why, and what to do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { environments } from '../../infra/environments.ts';
import { parseEnvironment } from '../../infra/setting-rules.ts';
import type { EnvironmentSettings } from '../../infra/settings.ts';
import { properties, resources, statements, templateOf } from './templates.ts';

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

const KEY_ARN = 'arn:aws:kms:eu-west-1:111111111111:key/11111111-2222-4333-8444-555555555555';
const network = {
  subnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
  securityGroupIds: ['sg-0123456789abcdef0'],
};

type Case = readonly [what: string, edit: object, sentence: RegExp, name?: string];
const withAccount = (edit: object): object => ({ accounts: [{ ...account, ...edit }] });
const DATABASE = { host: 'db.example.com', database: 'app' };
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
  [
    'a limit that moved to the account',
    withAccount({ settings: { url: 'https://a.example', requestRowsMax: 200 } }),
    /accounts\.0\.settings: Unrecognized key: "requestRowsMax"/,
  ],
  [
    'more rows than a destination sends',
    withAccount({ requestRowsMax: 10_001 }),
    /accounts\.0\.requestRowsMax is 10001, but http sends at most 10000 rows in one request; lower it/,
  ],
  [
    'more requests than it has connections',
    withAccount({ requestsInFlight: 33 }),
    /accounts\.0\.requestsInFlight is 33, but http has at most 32 connections in one loader; lower it/,
  ],
  [
    'a statement that outlives the lingering',
    withAccount({ destination: 'postgres', settings: { ...DATABASE, statementTimeoutMs: 60_001 } }),
    /accounts\.0\.settings\.statementTimeoutMs is 60001, but must be at most timing\.lingerMs = 60000, or .*; lower it, or raise timing\.lingerMs, and timing\.graceMs with it/,
  ],
  ['loopback', allowing('127.0.0.1'), /allow names 127\.0\.0\.1:8080, a loopback or link-local address/],
  ['loopback by name', allowing('localhost'), /allow names localhost:8080/],
  ['loopback by number', allowing('2130706433'), /allow names 2130706433:8080/],
  ['loopback in hex', allowing('0x7f.1'), /allow names 0x7f\.1:8080/],
  ['loopback in version 6', allowing('::1'), /allow names ::1:8080/],
  ['loopback mapped', allowing('::ffff:127.0.0.1'), /allow names ::ffff:127\.0\.0\.1:8080/],
  ['link-local', allowing('169.254.169.254'), /allow names 169\.254\.169\.254:8080/],
  [
    'an alias for a key',
    { keyArn: 'arn:aws:kms:eu-west-1:111111111111:alias/mine' },
    /keyArn: must be the ARN of a KMS key, not of an alias/,
  ],
  [
    'a key of another account',
    { keyArn: KEY_ARN.replace('111111111111', '333333333333') },
    /keyArn is a key of account 333333333333 in eu-west-1, but .* take a key of the same/,
  ],
  [
    'a key of another Region',
    { keyArn: KEY_ARN.replace('eu-west-1', 'us-east-1') },
    /keyArn is a key .* us-east-1/,
  ],
  ['a key on a laptop', { keyArn: KEY_ARN, local: true }, /keyArn and network are for the cloud/],
  [
    'no subnet',
    { network: { ...network, subnetIds: [] } },
    /network\.subnetIds: must name at least one subnet/,
  ],
  [
    'a VPC for a subnet',
    { network: { ...network, subnetIds: ['vpc-01234567'] } },
    /must be the id of a subnet/,
  ],
  [
    'a name for a group',
    { network: { ...network, securityGroupIds: ['web'] } },
    /must be the id of a security/,
  ],
  [
    'a subnet twice',
    { network: { ...network, subnetIds: [network.subnetIds[0], network.subnetIds[0]] } },
    /network\.subnetIds names subnet-0123456789abcdef0 twice; remove one/,
  ],
  ['an e-mail address', { alarms: { email: 'nobody' } }, /alarms\.email: Invalid email/],
];

for (const [what, edit, sentence, name = 'dev'] of CASES) {
  test(`refused: ${what}`, () => {
    const settings = { ...good, ...edit } as EnvironmentSettings;
    assert.throws(() => parseEnvironment(name, settings), { message: sentence });
  });
}

test('an account may be as wide as its destination', () => {
  parseEnvironment('dev', { ...good, ...withAccount({ requestRowsMax: 10_000, requestsInFlight: 32 }) });
  const postgres = withAccount({ destination: 'postgres', settings: DATABASE, requestsInFlight: 33 });
  assert.throws(() => parseEnvironment('dev', { ...good, ...postgres }), {
    message: /33, but postgres has at most 32/,
  });
});

test('what a destination gave up may linger as long as the environment says', () => {
  const lingering = (statementTimeoutMs: number, timing: object = {}): object => ({
    ...withAccount({ destination: 'postgres', settings: { ...DATABASE, statementTimeoutMs } }),
    timing,
  });
  parseEnvironment('dev', { ...good, ...lingering(60_000) });
  parseEnvironment('dev', { ...good, ...lingering(300_000, { lingerMs: 300_000, graceMs: 364_000 }) });
  const longer = { ...good, ...lingering(300_000, { lingerMs: 300_000 }) };
  assert.throws(() => parseEnvironment('dev', longer), {
    message: /graceMs is 180000, but must be .* 364000/,
  });
});

test('a private address may be listed, and loopback in a local stage', () => {
  parseEnvironment('dev', { ...good, ...allowing('10.1.2.3') });
  parseEnvironment('laptop', { ...good, ...allowing('127.0.0.1'), local: true });
});

test('an existing network: every function is in it, and its code may not make interfaces', () => {
  const template = templateOf({ name: 'dev', settings: { ...good, network } });
  const functions = resources(template, 'AWS::Lambda::Function');
  assert.equal(functions.length, 11);
  for (const fn of functions) {
    assert.deepEqual(
      properties(fn).VpcConfig,
      { SubnetIds: network.subnetIds, SecurityGroupIds: network.securityGroupIds },
      fn.id,
    );
  }
  const about = statements(template).filter(({ Action }) => Action.includes('ec2:CreateNetworkInterface'));
  assert.deepEqual(about.map(({ Effect }) => Effect).toSorted(), [
    ...Array.from({ length: 11 }, () => 'Allow'),
    ...Array.from({ length: 11 }, () => 'Deny'),
  ]);
});

test('an existing key encrypts everything, and its owner is told what its policy needs', () => {
  const template = templateOf({ name: 'dev', settings: { ...good, keyArn: KEY_ARN } });
  assert.equal(resources(template, 'AWS::KMS::Key').length, 0);
  for (const queue of resources(template, 'AWS::SQS::Queue')) {
    assert.equal(properties(queue).KmsMasterKeyId, KEY_ARN, queue.id);
  }
  for (const table of resources(template, 'AWS::DynamoDB::Table')) {
    assert.equal(properties(table).SSESpecification.KMSMasterKeyId, KEY_ARN, table.id);
  }
  const told = JSON.parse(String(template.Outputs.KeyStatements?.Value)) as {
    Principal: { Service: string };
  }[];
  assert.deepEqual(
    told.map(({ Principal }) => Principal.Service),
    ['events.amazonaws.com', 'cloudwatch.amazonaws.com', 'logs.eu-west-1.amazonaws.com'],
  );
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
