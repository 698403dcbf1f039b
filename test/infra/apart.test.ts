/**
 * Two environments in one AWS account, one Region and one warehouse, with destination accounts of the same name: no role
 * of one names anything of the other, and no pattern of one fits a name of the other.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { environments } from '../../infra/environments.ts';
import { parseEnvironments } from '../../infra/setting-rules.ts';
import type { EnvironmentSettings } from '../../infra/settings.ts';
import { listOf, partsOf, type Template } from '../../infra/template.ts';
import { templateOf } from './templates.ts';

const base = environments.prod ?? assert.fail('there is no prod');
const settings: Readonly<Record<string, EnvironmentSettings>> = {
  alpha: { ...base, warehouse: { ...base.warehouse, schema: 'tailrace_alpha' } },
  beta: { ...base, warehouse: { ...base.warehouse, schema: 'tailrace_beta' } },
};
const templates = Object.entries(settings).map(
  ([name, own]) => [name, templateOf({ name, settings: own })] as const,
);

type Statement = { readonly Resource?: unknown; readonly Action?: unknown; readonly Principal?: unknown };
const statements = (document: { Statement?: unknown }): readonly Statement[] =>
  listOf(document?.Statement) as Statement[];

/** A value as text: what it refers to in its own stack stands in angle brackets. */
function text(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return value.map(text).join(',');
  const [[name, operand] = ['', undefined]] = Object.entries(value);
  if (name === 'Ref') return operand === 'AWS::Partition' ? 'aws' : `<${String(operand)}>`;
  if (name === 'Fn::GetAtt') return `<${listOf(operand).join('.')}>`;
  if (name === 'Fn::Join') {
    const [separator, parts] = operand as [string, readonly unknown[]];
    return parts.map(text).join(separator);
  }
  return JSON.stringify(value);
}

/** Every text anywhere in a template, references written out. */
function texts(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  const whole = 'Fn::Join' in value ? [text(value)] : [];
  return [...whole, ...Object.values(value).flatMap(texts)];
}

/** What a role may name beside resources of its own stack and names that carry its environment's. */
const SHARED: readonly RegExp[] = [
  // The warehouse is what the environments have in common; the role's database user has its own schema only.
  /^arn:aws:redshift:eu-west-1:222222222222:cluster:analytics$/,
  /^arn:aws:redshift:eu-west-1:222222222222:dbname:analytics\/analytics$/,
  // With the condition that the statement is the role's own.
  /^\*$/,
];

for (const [name, template] of templates) {
  const other = templates.find(([one]) => one !== name) ?? assert.fail();

  test(`${name}: a role's statements name resources of this stack, or names with the environment in them`, () => {
    const own = new RegExp(`^<\\w+[.>]|[:/]tailrace[-/]${name}([-/:]|$)|:Tailrace-${name}-`);
    let seen = 0;
    for (const { id, properties } of partsOf(template, 'AWS::IAM::Policy')) {
      for (const { Resource } of statements(properties.PolicyDocument)) {
        for (const one of listOf(Resource).map(text)) {
          seen += 1;
          assert.ok(own.test(one) || SHARED.some((shared) => shared.test(one)), `${id}: ${one}`);
        }
      }
    }
    assert.ok(seen > 50);
  });

  test(`${name}: roles are taken on by functions of this stack and by services; only one may be assumed`, () => {
    for (const { id, properties } of partsOf(template, 'AWS::IAM::Role')) {
      for (const { Principal } of statements(properties.AssumeRolePolicyDocument)) {
        for (const [kind, who] of Object.entries(Principal as Record<string, unknown>)) {
          if (kind === 'Service') continue;
          assert.equal(kind, 'AWS', id);
          for (const one of listOf(who).map(text)) assert.match(one, /^<\w+Role\w*\.Arn>$/, id);
        }
      }
    }
    const assumed = partsOf(template, 'AWS::IAM::Policy').flatMap(({ properties }) =>
      statements(properties.PolicyDocument)
        .filter(({ Action }) => listOf(Action).includes('sts:AssumeRole'))
        .flatMap(({ Resource }) => listOf(Resource).map(text)),
    );
    assert.deepEqual([...new Set(assumed)], [`arn:aws:iam::222222222222:role/tailrace-${name}-warehouse`]);
  });

  test(`${name}: nothing carries the other's name, and no pattern fits one`, () => {
    const [otherName, otherTemplate] = other;
    const all = texts(template);
    for (const one of all) assert.doesNotMatch(one, new RegExp(`tailrace[-/_]${otherName}`, 'i'));
    const patterns = all.filter((one) => one.startsWith('arn:') && one.includes('*')).map(asPattern);
    assert.ok(patterns.length > 0);
    const named = [
      ...texts(otherTemplate).filter((one) => one.startsWith('arn:') && one.includes(otherName)),
      ...arnsOf(otherTemplate),
    ];
    assert.ok(named.length > 20);
    for (const pattern of patterns) for (const one of named) assert.doesNotMatch(one, pattern);
  });

  test(`${name}: no physical name is the other's`, () => {
    const mine = physicalNames(template);
    assert.ok(mine.length > 10);
    const theirs = new Set(physicalNames(other[1]));
    assert.deepEqual(
      mine.filter((one) => theirs.has(one)),
      [],
    );
  });
}

const asPattern = (arn: string): RegExp =>
  new RegExp(
    `^${arn
      .split('*')
      .map((part) => part.replace(/[^\w]/g, '\\$&'))
      .join('.*')}$`,
  );

/** Properties that name a resource for everybody. */
const NAMES = ['AlarmName', 'BucketName', 'DashboardName', 'LogGroupName', 'Name', 'QueueName', 'RoleName'];

function namesIn(template: Template): readonly { readonly type: string; readonly name: string }[] {
  return partsOf(template).flatMap(({ type, properties }) =>
    NAMES.map((property) => text(properties[property]))
      .filter((name) => name !== 'undefined' && !name.startsWith('<'))
      .map((name) => ({ type, name })),
  );
}

const physicalNames = (template: Template): string[] =>
  namesIn(template).map(({ type, name }) => `${type} ${name}`);

/** How AWS makes an ARN of a name, for the types whose ARNs patterns are about. */
const ARNS: Readonly<Record<string, (name: string) => string>> = {
  'AWS::CloudWatch::Alarm': (name) => `cloudwatch:eu-west-1:222222222222:alarm:${name}`,
  'AWS::CloudWatch::CompositeAlarm': (name) => `cloudwatch:eu-west-1:222222222222:alarm:${name}`,
  'AWS::Events::EventBus': (name) => `events:eu-west-1:222222222222:event-bus/${name}`,
  'AWS::Events::Rule': (name) => `events:eu-west-1:222222222222:rule/${name}`,
  'AWS::IAM::Role': (name) => `iam::222222222222:role/${name}`,
  'AWS::Logs::LogGroup': (name) => `logs:eu-west-1:222222222222:log-group:${name}`,
  'AWS::Scheduler::ScheduleGroup': (name) => `scheduler:eu-west-1:222222222222:schedule/${name}/a-sync`,
  'AWS::SecretsManager::Secret': (name) => `secretsmanager:eu-west-1:222222222222:secret:${name}-a1B2c3`,
  'AWS::SQS::Queue': (name) => `sqs:eu-west-1:222222222222:${name}`,
};

const arnsOf = (template: Template): string[] =>
  namesIn(template).flatMap(({ type, name }) => {
    const arn = ARNS[type];
    return arn === undefined ? [] : [`arn:aws:${arn(name)}`];
  });

const together = (edit: (beta: EnvironmentSettings) => Readonly<Record<string, EnvironmentSettings>>) => () =>
  parseEnvironments({ alpha: settings.alpha ?? base, ...edit(settings.beta ?? base) });

test('environments that could reach each other are refused together', () => {
  const role = 'arn:aws:iam::222222222222:role/unload';
  const unloading = { extraction: { by: 'unload', role } } as const;
  together((beta) => ({ beta }))();
  assert.throws(
    together((beta) => ({ 'alpha-two': beta })),
    {
      message:
        /^These environments cannot be deployed together:\n- the names "alpha" and "alpha-two" cannot share/,
    },
  );
  assert.throws(
    together((beta) => ({ beta: { ...beta, warehouse: { ...beta.warehouse, schema: 'tailrace_alpha' } } })),
    {
      message: /alpha and beta would keep snapshots in the same schema, tailrace_alpha, .* give one another/,
    },
  );
  assert.throws(
    together((beta) => ({
      alpha: { ...beta, ...unloading, warehouse: base.warehouse },
      beta: { ...beta, ...unloading },
    })),
    {
      message: /alpha and beta unload with the same role, arn:aws:iam::222222222222:role\/unload,/,
    },
  );
});

test('a role that two environments unload with is refused in different Regions too', () => {
  const beta = settings.beta ?? base;
  const unloading = (role: string) => ({ ...beta, extraction: { by: 'unload', role } }) as const;
  const elsewhere = (role: string, otherRole: string) =>
    together(() => ({
      alpha: unloading(role),
      beta: { ...unloading(otherRole), aws: { ...beta.aws, region: 'eu-central-1' } },
    }));
  const [role, another] = ['unload', 'another'].map((one) => `arn:aws:iam::222222222222:role/${one}`);
  assert.ok(role !== undefined && another !== undefined);
  assert.throws(elsewhere(role, role), {
    message:
      /alpha and beta unload with the same role, arn:aws:iam::222222222222:role\/unload, which could then/,
  });
  elsewhere(role, another)();
});

test('in different accounts or Regions they may be called as they like', () => {
  together((beta) => ({ 'alpha-two': { ...beta, aws: { ...beta.aws, region: 'eu-central-1' } } }))();
  together((beta) => ({ 'alpha-two': { ...beta, aws: { ...beta.aws, account: '333333333333' } } }))();
});
