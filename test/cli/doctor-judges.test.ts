/** The doctor's judgement where no local stack can be ill enough: releases, limits, roles of UNLOAD, keys of one's own. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { judgeConcurrency, judgeRelease } from '../../cli/doctor-account.ts';
import { asked, errorName, ok } from '../../cli/doctor-check.ts';
import { judgeAccount } from '../../cli/doctor-destinations.ts';
import { absentStatements, checkKeyPolicy } from '../../cli/doctor-key.ts';
import { subjectOf } from '../../cli/doctor-subject.ts';
import { asWord, judgeSchedules } from '../../cli/doctor-syncs.ts';
import { judgeModels, judgeWarehouse } from '../../cli/doctor-warehouse.ts';
import { releaseOf } from '../../infra/release.ts';
import { parseSync } from '../../shared/core/sync-rules.ts';

const NOWHERE = {
  endpoint: 'http://127.0.0.1:9',
  credentials: { accessKeyId: 'AKIATEST', secretAccessKey: 'test' },
};
const dev = subjectOf('dev', NOWHERE);
const prod = subjectOf('prod', NOWHERE);
const RULE = { name: 'a', rule: 'b' };

test('an id from the table is one word for a shell, whatever it is', () => {
  assert.equal(asWord('orders-to-crm'), 'orders-to-crm');
  assert.equal(asWord('a b; rm -rf $HOME'), "'a b; rm -rf $HOME'");
  assert.equal(asWord("it's"), "'it'\\''s'");
});

test('a release is the same for the same checkout and settings, and tells settings from sources', () => {
  const here = releaseOf(dev.settings);
  assert.match(here, /^0\.1\.0-[0-9a-f]{10}-[0-9a-f]{10}$/);
  const [version, sources, settings] = here.split('-');
  assert.equal(releaseOf(prod.settings).split('-').slice(0, 2).join('-'), `${version}-${sources}`);
  assert.notEqual(releaseOf(prod.settings), here);
  const judged = (Release: string) => judgeRelease(dev, { Release });
  assert.equal(judged(here).state, 'ok');
  assert.equal(
    judged(`${version}-${sources}-0000000000`).value,
    `other settings: ${version}-${sources}-0000000000, here ${here}`,
  );
  assert.match(judged(`${version}-0000000000-${settings}`).value, /^other sources: /);
  assert.deepEqual(judgeRelease(dev, {}).mend, ['npx cdk deploy Tailrace-dev']);
});

test('a laptop may run with settings of its own, but not with other sources', () => {
  const local = subjectOf('local', NOWHERE);
  const [version, sources] = releaseOf(local.settings).split('-');
  assert.equal(judgeRelease(local, { Release: `${version}-${sources}-0000000000` }).state, 'ok');
  assert.equal(judgeRelease(local, { Release: `${version}-0000000000-0000000000` }).state, 'missing');
});

test('a concurrency limit is enough or not, and who may raise it', () => {
  assert.equal(judgeConcurrency(RULE, 106, 106).state, 'ok');
  const low = judgeConcurrency(RULE, 10, 106);
  assert.equal(low.value, 'limit 10, 106 needed');
  assert.match(
    low.mend[0] ?? '',
    /^aws service-quotas request-service-quota-increase .*--desired-value 1000$/,
  );
});

const outputs = {
  WarehouseRole: 'tailrace-prod-warehouse',
  UnloadRole: 'arn:aws:iam::222222222222:role/unload',
  SyncSchedules: 'tailrace-prod',
};
const failing = (
  of: typeof dev,
  check: 'unload' | 'copy' | 'temporary_tables' | 'engine_schema',
  value: string,
) => judgeWarehouse(of, outputs, { engineSchema: true }, [{ check, is: 'failed', value }])[0];

test('each refusal of an UNLOAD has its own remedy, for both kinds of warehouse', () => {
  const unattached =
    'ERROR: The requested role arn:aws:iam::222222222222:role/unload is not associated to cluster';
  assert.deepEqual(failing(prod, 'unload', unattached)?.mend, [
    'aws redshift modify-cluster-iam-roles --cluster-identifier analytics --add-iam-roles arn:aws:iam::222222222222:role/unload',
  ]);
  assert.equal(
    failing(dev, 'unload', unattached)?.mend.at(-1),
    'aws redshift-serverless update-namespace --namespace-name "$NAMESPACE" --iam-roles $(echo "$ATTACHED") arn:aws:iam::222222222222:role/unload',
  );
  const refused = failing(
    prod,
    'unload',
    'ERROR: Not authorized to get credentials of role arn:aws:iam::222222222222:role/unload',
  );
  assert.equal(
    refused?.mend.at(-1),
    `GRANT ASSUMEROLE ON 'arn:aws:iam::222222222222:role/unload' TO "IAMR:tailrace-prod-warehouse" FOR UNLOAD, COPY;`,
  );
  const bucket = failing(prod, 'copy', 'ERROR: S3ServiceException:Access Denied,Status 403');
  assert.deepEqual(bucket?.mend, ['npx cdk deploy Tailrace-prod']);
  assert.equal(bucket?.value, 'S3ServiceException:Access Denied,Status 403');
});

test('grants name the schema, the database and the user that lack them', () => {
  assert.deepEqual(failing(prod, 'engine_schema', 'ERROR: permission denied for schema tailrace')?.mend, [
    'GRANT USAGE, CREATE ON SCHEMA tailrace TO "IAMR:tailrace-prod-warehouse";',
  ]);
  assert.deepEqual(
    failing(prod, 'temporary_tables', 'ERROR: permission denied to create temporary tables')?.mend,
    ['GRANT TEMPORARY ON DATABASE analytics TO "IAMR:tailrace-prod-warehouse";'],
  );
  const model = (value: string) =>
    judgeModels(outputs, [{ check: 'model', syncId: 'people', is: 'failed', value }])[0];
  assert.deepEqual(model('ERROR: permission denied for schema sales')?.mend, [
    'GRANT USAGE ON SCHEMA sales TO "IAMR:tailrace-prod-warehouse";',
    'GRANT SELECT ON ALL TABLES IN SCHEMA sales TO "IAMR:tailrace-prod-warehouse";',
  ]);
  assert.deepEqual(model('ERROR: permission denied for relation orders')?.mend, [
    'GRANT SELECT ON <its schema>.orders TO "IAMR:tailrace-prod-warehouse";',
  ]);
});

test('a statement is cut off after an hour at the earliest', () => {
  const after = (value: string) =>
    judgeWarehouse(prod, outputs, { engineSchema: true }, [
      { check: 'statement_timeout', is: 'ok', value },
    ])[0];
  assert.equal(after('0')?.state, 'ok');
  assert.equal(after('3600000')?.state, 'ok');
  assert.deepEqual(after('60000')?.mend, [
    'ALTER USER "IAMR:tailrace-prod-warehouse" SET statement_timeout TO 0;',
  ]);
});

test('a schedule too many, too few, or asleep', () => {
  const parsed = parseSync(
    {
      syncId: 'people',
      owner: 'growth@example.com',
      schedule: { every: '1 hour' },
      model: { sql: 'select id from people', primaryKey: ['id'], changes: { by: 'all' } },
      destination: { account: 'webhook', object: 'contacts', mode: 'upsert', matchOn: 'id' },
      fields: [{ to: 'id', from: 'id' }],
    },
    { accounts: ['webhook'] },
  );
  assert.ok(parsed.ok);
  const syncs = [{ syncId: 'people', isWritten: true, accepted: parsed.sync, status: undefined }];
  const judged = (...schedules: { Name: string; State: 'ENABLED' | 'DISABLED' }[]) =>
    judgeSchedules(outputs, schedules, syncs).map(({ value }) => value);
  assert.deepEqual(judged({ Name: 'people', State: 'ENABLED' }), ['1 there']);
  assert.deepEqual(judged({ Name: 'people', State: 'DISABLED' }), [
    'people is DISABLED, its definition says ENABLED',
  ]);
  assert.deepEqual(judged({ Name: 'orders', State: 'ENABLED' }), [
    'people has none',
    'orders belongs to no sync',
  ]);
});

test('an account without a secret works where none is asked for, and waits for one where no sync says', () => {
  const none = {
    is: 'failed',
    code: 'secret_missing',
    value: 'the secret tailrace/dev/webhook has no value',
  } as const;
  const answer = { account: 'webhook', destination: 'http', secret: none };
  const judged = (targets: Parameters<typeof judgeAccount>[2]['targets']) =>
    judgeAccount(dev, RULE, { ...answer, targets })[0];
  assert.equal(
    judged([{ object: 'contacts', is: 'ok', value: 'contacts' }])?.value,
    '1 place; no secret, none needed',
  );
  assert.equal(judged([])?.state, 'missing');
  assert.equal(judged([{ object: 'contacts', is: 'unclear', value: 'no answer' }])?.state, 'unknown');
});

const STATEMENTS = [
  { Sid: 'Alarms', Effect: 'Allow', Action: ['kms:Decrypt', 'kms:GenerateDataKey'], Resource: '*' },
  {
    Sid: 'Logs',
    Effect: 'Allow',
    Action: 'kms:Encrypt',
    Resource: '*',
    Condition: { StringEquals: { a: ['1'] } },
  },
];

test('a policy holds a statement whatever its name and order, and not when a member differs', () => {
  const policy = (...Statement: object[]) => JSON.stringify({ Version: '2012-10-17', Statement });
  const [alarms, logs] = STATEMENTS as [object, object];
  const reordered = { Resource: ['*'], Action: ['kms:GenerateDataKey', 'kms:Decrypt'], Effect: 'Allow' };
  assert.deepEqual(absentStatements(policy(reordered, { ...logs, Sid: 'other' }), STATEMENTS), []);
  assert.deepEqual(absentStatements(policy(alarms), STATEMENTS), ['Logs']);
  assert.deepEqual(
    absentStatements(policy(alarms, { ...logs, Condition: { StringEquals: { a: '2' } } }), STATEMENTS),
    ['Logs'],
  );
  assert.deepEqual(absentStatements(policy(alarms, { ...logs, Effect: 'Deny' }), STATEMENTS), ['Logs']);
});

test('the policy of a key of one’s own is read by a signed call; a refusal is the caller’s to mend', async () => {
  const requests: { target: unknown; scope: unknown; body: string }[] = [];
  let answer: object = { Policy: JSON.stringify({ Statement: [STATEMENTS[0]] }) };
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      const { authorization = '' } = request.headers;
      requests.push({
        target: request.headers['x-amz-target'],
        scope: /\/([a-z]+)\/aws4_request/.exec(authorization)?.[1],
        body,
      });
      response.writeHead('Policy' in answer ? 200 : 400).end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const keyArn = 'arn:aws:kms:eu-west-1:111111111111:key/mine';
  const base = subjectOf('dev', { ...NOWHERE, endpoint });
  const subject = { ...base, settings: { ...base.settings, keyArn } };
  const told = { KeyStatements: JSON.stringify(STATEMENTS) };
  const [found] = await checkKeyPolicy(subject, told);
  assert.deepEqual([found?.state, found?.value], ['missing', 'without Logs']);
  answer = { __type: 'AccessDeniedException', message: 'no' };
  const [refused] = await checkKeyPolicy(subject, told);
  assert.deepEqual([refused?.state, refused?.permission], ['unknown', 'kms:GetKeyPolicy']);
  assert.deepEqual(requests[0], {
    target: 'TrentService.GetKeyPolicy',
    scope: 'kms',
    body: `{"KeyId":"${keyArn}","PolicyName":"default"}`,
  });
  assert.deepEqual(await checkKeyPolicy(base, told), []);
  server.closeAllConnections();
  server.close();
});

test('whatever goes wrong while asking is an answer: the permission that AWS names, or the error’s name', async () => {
  const failing = (error: unknown) => asked(RULE, 'dynamodb:Scan', () => Promise.reject(error));
  const denied = Object.assign(
    new Error('User: x is not authorized to perform: kms:Decrypt on resource: y'),
    { name: 'AccessDeniedException' },
  );
  assert.equal((await failing(denied))[0]?.permission, 'kms:Decrypt');
  assert.equal(
    (await failing(Object.assign(new Error('no'), { name: 'AccessDenied' })))[0]?.permission,
    'dynamodb:Scan',
  );
  const [away] = await failing(Object.assign(new Error('secret words'), { code: 'ENOTFOUND' }));
  assert.deepEqual([away?.state, away?.value], ['unknown', 'dynamodb:Scan answered ENOTFOUND']);
  assert.equal(errorName('thrown text'), 'string');
  assert.deepEqual(await asked(RULE, 'x', async () => ok(RULE, 'v')), [
    { ...RULE, state: 'ok', value: 'v', mend: [] },
  ]);
});
