/**
 * Least privilege, looked up in the templates: the committed matrix is up to date, resources refuse strangers, services
 * act for this account only, staging goes one way. Wildcards and their reasons: `checks.test.ts`.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { environments } from '../../infra/environments.ts';
import { permissionMatrix } from '../../infra/permission-matrix.ts';
import type { Template } from '../../infra/synthesize.ts';
import { properties, resource, resources, statementsOf, templateOf } from './templates.ts';

const templates = new Map(Object.keys(environments).map((name) => [name, templateOf(name)]));
const prod = templates.get('prod') ?? assert.fail('there is no prod');

test('docs/permissions.md is what the template says; `node scripts/write-permissions.ts` writes it', () => {
  const committed = readFileSync(new URL('../../docs/permissions.md', import.meta.url), 'utf8');
  assert.equal(`${permissionMatrix('prod', prod)}\n`, committed);
});

test('a permission more changes the matrix', () => {
  const text = JSON.stringify(prod).replace('"s3:GetObject"', '["s3:GetObject","s3:PutObjectAcl"]');
  const changed = permissionMatrix('prod', JSON.parse(text) as Template);
  assert.match(changed, /s3:PutObjectAcl/);
  assert.doesNotMatch(permissionMatrix('prod', prod), /s3:PutObjectAcl/);
});

type Statement = {
  readonly where: string;
  readonly Effect: string;
  readonly Principal?: unknown;
  readonly Action: readonly string[];
  readonly Resource: readonly unknown[];
  readonly Condition: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
};
const list = (value: unknown): readonly unknown[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value];

/** Every statement of every document anywhere in the template. */
function documents(template: Template): readonly Statement[] {
  return Object.entries(template.Resources).flatMap(([where, one]) => {
    const found = properties(one);
    const documents = [
      found.PolicyDocument,
      found.KeyPolicy,
      found.ResourcePolicy,
      found.AssumeRolePolicyDocument,
      // A bus has single statements.
      ...(found.StatementId === undefined ? [] : [found]),
      ...list(found.Policies),
    ];
    return documents.flatMap((document) =>
      // biome-ignore lint/suspicious/noExplicitAny: a template is JSON of any shape
      list(document?.Statement ?? document?.PolicyDocument?.Statement).map((statement: any) => ({
        ...statement,
        where,
        Action: list(statement.Action),
        Resource: list(statement.Resource),
        Condition: statement.Condition ?? {},
      })),
    );
  });
}

for (const [name, template] of templates) {
  test(`${name}: nothing is allowed to everybody`, () => {
    for (const { where, Effect, Principal } of documents(template)) {
      if (Effect === 'Allow') assert.doesNotMatch(JSON.stringify(Principal ?? ''), /"\*"/, where);
    }
  });

  test(`${name}: a service acts for this account and this stack only`, () => {
    const account = environments[name]?.aws.account ?? assert.fail();
    for (const { where, Effect, Principal, Action, Condition } of documents(template)) {
      const service = (Principal as { Service?: unknown } | undefined)?.Service;
      if (service === undefined || Effect !== 'Allow') continue;
      // Lambda states no source when it takes on a function's role; Redshift: decision 0063.
      if (Action.includes('sts:AssumeRole') && !/scheduler/.test(JSON.stringify(service))) continue;
      const keys = Object.assign({}, ...Object.values(Condition)) as Record<string, unknown>;
      const source = keys['aws:SourceArn'] ?? keys['kms:EncryptionContext:aws:logs:arn'];
      if (keys['aws:SourceAccount'] !== undefined) assert.equal(keys['aws:SourceAccount'], account, where);
      // EventBridge is not documented to name its rule to KMS: the account alone has to do.
      if (where.startsWith('Key') && service === 'events.amazonaws.com') {
        assert.deepEqual(Object.keys(keys), ['aws:SourceAccount']);
        continue;
      }
      // A rule of this template is referred to, everything else is spelled out.
      assert.match(JSON.stringify(source), new RegExp(`:${account}:|Fn::GetAtt`), where);
    }
    for (const permission of resources(template, 'AWS::Lambda::Permission')) {
      assert.ok(properties(permission).SourceArn, permission.id);
    }
  });

  test(`${name}: a queue takes messages from those who send, and from no other role`, () => {
    const senders = (queue: string): string[] => {
      const policy = resource(template, 'AWS::SQS::QueuePolicy', queue);
      const deny = documents(template).find(
        ({ where, Effect, Action }) =>
          where === policy.id && Effect === 'Deny' && Action.includes('sqs:SendMessage'),
      );
      assert.ok(deny, queue);
      assert.deepEqual(deny.Principal, { AWS: '*' });
      assert.deepEqual(deny.Condition.Bool, { 'aws:PrincipalIsAWSService': 'false' });
      return rolesIn(deny);
    };
    for (const queue of resources(template, 'AWS::SQS::Queue')) {
      const allowed = resources(template, 'AWS::IAM::Policy')
        .filter((policy) =>
          properties(policy).PolicyDocument.Statement.some(
            ({ Action, Resource }: Statement) =>
              list(Action).includes('sqs:SendMessage') && JSON.stringify(Resource).includes(`"${queue.id}"`),
          ),
        )
        .map((policy) => unhashed(properties(policy).Roles[0].Ref));
      assert.deepEqual(senders(`${unhashed(queue.id)}Policy`).toSorted(), allowed.toSorted(), queue.id);
      if (queue.id.includes('DeadLetters')) {
        assert.deepEqual(allowed, []);
        assert.equal(properties(queue).RedriveAllowPolicy.sourceQueueArns.length, 2, queue.id);
      }
    }
  });

  test(`${name}: the bus takes events from those who publish, and from no other role`, () => {
    const [policy, ...more] = resources(template, 'AWS::Events::EventBusPolicy');
    assert.ok(policy);
    assert.deepEqual(more, []);
    const [deny] = documents(template).filter(({ where }) => where === policy.id);
    assert.ok(deny);
    assert.deepEqual(
      [deny.Effect, deny.Principal, deny.Action],
      ['Deny', { AWS: '*' }, ['events:PutEvents']],
    );
    assert.deepEqual(Object.keys(deny.Condition), ['ArnNotEquals']);
    assert.deepEqual(rolesIn(deny).toSorted(), rolesThatMay(template, 'events:PutEvents').toSorted());
  });

  test(`${name}: the operators’ topic takes messages from alarms and from one function`, () => {
    const policy = resource(template, 'AWS::SNS::TopicPolicy', 'Alarms');
    const own = documents(template).filter(
      ({ where, Action }) => where === policy.id && Action.includes('sns:Publish'),
    );
    // Without TLS nobody; then those who are let in, then who stays outside whatever a role allows.
    assert.deepEqual(own.map(({ Effect }) => Effect).toSorted(), ['Allow', 'Deny', 'Deny']);
    const deny = own.find(({ Condition }) => Condition.ArnNotEquals !== undefined) ?? assert.fail();
    assert.deepEqual(deny.Principal, { AWS: '*' });
    assert.deepEqual(rolesIn(deny), ['TellOperatorsRole']);
    assert.deepEqual(deny.Condition.Bool, { 'aws:PrincipalIsAWSService': 'false' });
  });

  test(`${name}: a secret's value is read by its loader and by nobody else`, () => {
    for (const policy of resources(template, 'AWS::SecretsManager::ResourcePolicy')) {
      const [statement] = properties(policy).ResourcePolicy.Statement;
      assert.equal(statement.Effect, 'Deny');
      assert.equal(statement.Action, 'secretsmanager:GetSecretValue');
      const [reader] = list(statement.Condition.ArnNotEquals['aws:PrincipalArn']) as {
        'Fn::GetAtt': string[];
      }[];
      assert.equal(
        unhashed(reader?.['Fn::GetAtt'][0] ?? ''),
        policy.id.replace(/SecretPolicy.*/, 'LoadBatchRole'),
      );
    }
    const [policies, secrets] = ['ResourcePolicy', 'Secret'].map((kind) =>
      resources(template, `AWS::SecretsManager::${kind}`),
    );
    assert.equal(policies?.length, secrets?.length);
  });
}

/** The roles that a Deny spares. */
const rolesIn = ({ Condition }: Statement): string[] =>
  list(Condition.ArnNotEquals?.['aws:PrincipalArn']).map((role) =>
    unhashed(String((role as { 'Fn::GetAtt': string[] })['Fn::GetAtt'][0])),
  );

/** Roles with a statement that allows an action, on whatever. */
const rolesThatMay = (template: Template, action: string): string[] =>
  resources(template, 'AWS::IAM::Policy')
    .filter((policy) =>
      properties(policy).PolicyDocument.Statement.some(({ Action }: Statement) =>
        list(Action).includes(action),
      ),
    )
    .map((policy) => unhashed(properties(policy).Roles[0].Ref));

const unhashed = (id: string): string => id.replace(/[0-9A-F]{8}$/, '');

/** Object patterns that a role's statements name for an action. */
function objects(template: Template, role: string, action: string): string[] {
  return statementsOf(template, role)
    .filter(({ Action }) => Action.includes(action))
    .flatMap(({ Resource }) => JSON.stringify(Resource).match(/(?<="\/)[^"]+/g) ?? [])
    .toSorted();
}

const { local } = environments;
assert.ok(local);
/** The same environment in both ways for rows to leave the warehouse. */
const byWay = {
  unload: templates.get('local') ?? assert.fail(),
  pages: templateOf({ name: 'local', settings: { ...local, extraction: { by: 'pages' } } }),
};
const MOVERS = ['StartRunRole', 'FanOutRole', 'SweepRole', 'ApiRole', 'FinishRunRole'];
/** What a run is and how many rows it has; never one of them. */
const WITHOUT_ROWS =
  /^(runs\/\*\/(definition\.json|counts\.json|stage\/\*\/manifest)|kept\/\*\/carried\/manifest)$/;

/** Roles whose patterns for an action fit the rows of a stage, destination accounts by the first of them. */
const onRows = (template: Template, action: string): string[] =>
  resources(template, 'AWS::IAM::Role')
    .map(({ id }) => unhashed(id))
    .filter((role) => objects(template, role, action).some((one) => /^runs\/\*\/stage\/.*\*$/.test(one)))
    .filter((role) => !/^To(audience|appdatabase)/.test(role))
    .toSorted();

test('who extracts cannot read what it staged; who loads cannot write it; nobody deletes', () => {
  for (const role of MOVERS) {
    for (const one of objects(byWay.unload, role, 's3:GetObject')) assert.match(one, WITHOUT_ROWS, role);
  }
  for (const template of Object.values(byWay)) {
    assert.deepEqual(objects(template, 'TocrmLoadBatchRole', 's3:PutObject'), ['kept/*/failures/*']);
    assert.deepEqual(objects(template, 'TocrmLoadBatchRole', 's3:GetObject'), [
      'runs/*/definition.json',
      'runs/*/stage/crm/*',
    ]);
    for (const { where, Effect, Action } of documents(template)) {
      if (Effect === 'Allow') assert.doesNotMatch(Action.join(' '), /s3:DeleteObject/, where);
    }
  }
});

test('by pages the extractor writes the stage itself, and still reads no row of it', () => {
  // Redshift's own role is held to read where it writes; no function can take it on.
  assert.deepEqual(onRows(byWay.unload, 's3:PutObject'), ['UnloadRole']);
  assert.deepEqual(onRows(byWay.unload, 's3:GetObject'), [
    'DeadLetterRole',
    'TocrmLoadBatchRole',
    'UnloadRole',
  ]);
  // Without that role those who fan out write in its place, and who reads rows stays the same.
  assert.deepEqual(onRows(byWay.pages, 's3:PutObject'), ['FanOutRole', 'SweepRole']);
  assert.deepEqual(onRows(byWay.pages, 's3:GetObject'), ['DeadLetterRole', 'TocrmLoadBatchRole']);
});

test('by pages more is read than by UNLOAD: failure sets of runs before, and how far the paging is', () => {
  const more = (role: string): string[] =>
    objects(byWay.pages, role, 's3:GetObject').filter((one) => !WITHOUT_ROWS.test(one));
  // There is no COPY: whoever begins a run reads the failure set and hands it to the warehouse. Records carried on are
  // part of it, so the sweep, which begins runs and fans them out, reads what another run has carried.
  const failures = ['kept/*/carried/*', 'kept/*/failures.*.manifest', 'kept/*/failures/*'];
  // Names and sizes of files, and the token of the next page.
  const notes = ['runs/*/pages/*'];
  assert.deepEqual(Object.fromEntries(MOVERS.map((role) => [role, more(role)])), {
    StartRunRole: failures,
    FanOutRole: notes,
    SweepRole: [...failures, ...notes],
    ApiRole: failures,
    FinishRunRole: [],
  });
});

test('Redshift writes stages and carried records, and reads failure sets: nothing that decides over a run', () => {
  assert.deepEqual(objects(byWay.unload, 'UnloadRole', 's3:PutObject'), [
    'kept/*/carried/*',
    'runs/*/stage/*',
  ]);
  assert.deepEqual(objects(byWay.unload, 'UnloadRole', 's3:GetObject'), [
    'kept/*/carried/*',
    'kept/*/failures.*.manifest',
    'kept/*/failures/*',
    'runs/*/stage/*',
  ]);
  assert.deepEqual(objects(byWay.pages, 'UnloadRole', 's3:PutObject'), []);
});

const bare = (role: string): string => role.replace(/^To[a-z]+?(?=LoadBatch)/, '').replace(/Role$/, '');

/** Item partitions or event types -> roles whose statements name them for an action. */
function rolesBy(
  template: Template,
  action: string,
  operator: string,
  key: string,
): Record<string, string[]> {
  const found = resources(template, 'AWS::IAM::Policy').flatMap((policy) =>
    statementsOf(template, policy.id.replace(/DefaultPolicy.*/, ''))
      .filter(({ Action }) => Action.includes(action))
      .flatMap(({ Condition }) => list(Condition?.[operator]?.[key]))
      .map((what) => [String(what), bare(unhashed(properties(policy).Roles[0].Ref))] as const),
  );
  const by = Map.groupBy(found, ([what]) => what);
  return Object.fromEntries([...by].map(([what, all]) => [what, all.map(([, role]) => role).toSorted()]));
}

test('items of runs are written by those whose use case it is: no decider writes what became of a batch', () => {
  const writers = rolesBy(prod, 'dynamodb:UpdateItem', 'ForAllValues:StringLike', 'dynamodb:LeadingKeys');
  const deciders = ['Api', 'FanOut', 'FinishRun', 'ReconcileSyncs', 'StartRun', 'Sweep'];
  assert.deepEqual(writers, {
    SYNC: deciders,
    'RUN#*': ['Api', 'DeadLetter', 'FanOut', 'FinishRun', 'LoadBatch', 'ReconcileSyncs', 'StartRun', 'Sweep'],
    'SHARD#*': ['DeadLetter', 'LoadBatch'],
    'BUDGET#webhook': ['LoadBatch'],
    'BREAKER#webhook': ['LoadBatch'],
    // What runs are frozen from: only the check of an edit writes it.
    ACCEPTED: ['ReconcileSyncs'],
    NOTICE: ['NotifyOwners'],
    // What operators have been told of.
    ATTENTION: ['Sweep'],
  });
  const readers = rolesBy(prod, 'dynamodb:GetItem', 'ForAllValues:StringLike', 'dynamodb:LeadingKeys');
  assert.deepEqual(readers['SHARD#*'], ['Api', 'DeadLetter', 'FanOut', 'FinishRun', 'LoadBatch', 'Sweep']);
});

test('each event is said by those whose use case announces it', () => {
  const said = rolesBy(prod, 'events:PutEvents', 'StringEqualsIfExists', 'events:detail-type');
  assert.deepEqual(said, {
    'Run Settled': ['DeadLetter', 'LoadBatch'],
    'Run Committed': ['Api', 'FanOut', 'FinishRun', 'Sweep'],
    'Run Held': ['FanOut', 'Sweep'],
    'Run Fenced': ['Api', 'FanOut', 'FinishRun', 'ReconcileSyncs', 'Sweep'],
    'Run Failed': ['Api', 'FanOut', 'StartRun', 'Sweep'],
    'Run Discarded': ['Api', 'Sweep'],
    'Sync Paused': ['Api', 'FanOut', 'FinishRun', 'Sweep'],
    'Sync Resumed': ['Api', 'ReconcileSyncs'],
    'Definition Accepted': ['ReconcileSyncs'],
    'Definition Refused': ['ReconcileSyncs'],
    'Breaker Opened': ['LoadBatch'],
    'Breaker Closed': ['LoadBatch'],
    'Attention Changed': ['Sweep'],
    'Operator Asked': ['Api'],
    'Operator Answered': ['Api'],
  });
});

test('the bucket takes no object under another key', () => {
  const policy = resource(prod, 'AWS::S3::BucketPolicy', 'Staging');
  const denies = documents(prod).filter(
    ({ where, Action }) => where === policy.id && Action.includes('s3:PutObject'),
  );
  assert.deepEqual(
    denies.map(({ Effect, Condition }) => [Effect, Object.keys(Condition)]),
    [
      ['Deny', ['Null', 'StringNotEquals']],
      ['Deny', ['Null', 'ArnNotEquals']],
    ],
  );
});

test('alarms can publish although the topic has a policy of its own', () => {
  const policy = resource(prod, 'AWS::SNS::TopicPolicy', 'Alarms');
  const allow = documents(prod).find(({ where, Effect }) => where === policy.id && Effect === 'Allow');
  assert.deepEqual(allow?.Principal, { Service: 'cloudwatch.amazonaws.com' });
  assert.deepEqual(allow?.Condition.StringEquals, { 'aws:SourceAccount': '222222222222' });
});
