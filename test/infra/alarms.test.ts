/**
 * Alarms, looked up in the templates: which there are, what each waits for, that it is counted somewhere, that a person
 * hears of it once and of its end, and what they cost.
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Stack } from 'aws-cdk-lib';
import * as sns from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { engineMetric } from '../../infra/alarms/engine-alarms.ts';
import { ALARMS } from '../../infra/alarms/meanings.ts';
import { raise, tellOnce } from '../../infra/alarms/raise.ts';
import { environments } from '../../infra/environments.ts';
import { SAVED_QUERIES } from '../../infra/saved-queries.ts';
import { compilePattern } from '../../local/patterns.ts';
import { METRICS, type Metric } from '../../shared/core/metrics.ts';
import { TOLD_BY } from '../../shared/engine/watch-sight.ts';
import { type Named, properties, resource, resources, templateOf } from './templates.ts';

const { dev } = environments;
assert.ok(dev?.accounts?.[0]);
const second = { ...dev.accounts[0], name: 'second' };
/** The environment that the price of an idle one is stated for: two destination accounts. */
const template = templateOf({ name: 'dev', settings: { ...dev, accounts: [...dev.accounts, second] } });
const prod = templateOf('prod');
const alarms = resources(template, 'AWS::CloudWatch::Alarm');
const composites = resources(template, 'AWS::CloudWatch::CompositeAlarm');

const named = (name: string): Record<string, unknown> =>
  properties(alarms.find((one) => properties(one).AlarmName === `Tailrace-dev-${name}`) ?? assert.fail(name));

type Stat = { readonly Namespace: string; readonly MetricName: string; readonly Dimensions?: Dimension[] };
type Dimension = { readonly Name: string; readonly Value: unknown };

/** Every metric that an alarm looks at, of an expression too. */
function metricsOf(alarm: Named): readonly Stat[] {
  const { Metrics, ...single } = properties(alarm);
  if (Metrics === undefined) return [single];
  return Metrics.flatMap(({ MetricStat }: { MetricStat?: { Metric: Stat } }) =>
    MetricStat === undefined ? [] : [MetricStat.Metric],
  );
}

test('these are the alarms: once for the environment, and three for each destination account', () => {
  const names = alarms.map((alarm) => String(properties(alarm).AlarmName).replace('Tailrace-dev-', ''));
  assert.deepEqual(names.toSorted(), [
    'BreakerOpen',
    'BudgetStarving',
    'CommitMismatch',
    'CostHigh',
    'DeadLetters',
    'DeadLettersStuck-second',
    'DeadLettersStuck-webhook',
    'DefinitionRefused',
    'ErrorsLogged',
    'EventsGivenUp',
    'EvidenceLost',
    'ExtractorThrottled',
    'FunctionsFailing',
    'LoaderThrottled-second',
    'LoaderThrottled-webhook',
    'LoopDropped-second',
    'LoopDropped-webhook',
    'RowsRejected',
    'RunHeld',
    'RunsOverdue',
    'SecretFailing',
    'StagingGrowing',
    'StatementsFailing',
    'SweepSilent',
  ]);
  assert.equal(Object.keys(ALARMS).length, 21);
});

test('what they cost a month: ten cents for each metric that one looks at, half a dollar for each composite', () => {
  const metrics = alarms.flatMap((alarm) => metricsOf(alarm)).length;
  assert.equal(metrics, 29);
  assert.equal(composites.length, 2);
  // 29 x 0.10 + 2 x 0.50; an environment of provisioned Redshift looks at one metric less.
  assert.equal(metrics * 10 + composites.length * 50, 390);
  const withOne = resources(prod, 'AWS::CloudWatch::Alarm').flatMap((alarm) => metricsOf(alarm)).length;
  assert.equal(withOne, 25);
});

/** While one of these is on others are blind: a composite that is on for another reason must not hide it. */
const TOLD_ALONE = new Set(
  ['FunctionsFailing', 'SweepSilent', 'EvidenceLost'].map((id) => `Tailrace-dev-${id}`),
);

test('a person hears of it once, at its beginning and at its end, from two composites', () => {
  const topic = resource(template, 'AWS::SNS::Topic', 'Alarms');
  for (const alarm of alarms) {
    const { AlarmName, AlarmActions, OKActions, InsufficientDataActions } = properties(alarm);
    const told = TOLD_ALONE.has(AlarmName) ? [{ Ref: topic.id }] : undefined;
    assert.deepEqual([AlarmActions, OKActions, InsufficientDataActions], [told, told, undefined], AlarmName);
    const rules = composites.filter((one) =>
      JSON.stringify(properties(one).AlarmRule).includes(`"${alarm.id}"`),
    );
    assert.equal(rules.length, 1, `${alarm.id} is in exactly one composite`);
  }
  assert.deepEqual(
    composites.map((one) => [
      properties(one).AlarmName,
      properties(one).AlarmActions,
      properties(one).OKActions,
    ]),
    [
      ['Tailrace-dev-Critical', [{ Ref: topic.id }], [{ Ref: topic.id }]],
      ['Tailrace-dev-Warning', [{ Ref: topic.id }], [{ Ref: topic.id }]],
    ],
  );
});

test('what is critical and what is not', () => {
  const [critical] = composites;
  const rule: { 'Fn::Join': [string, unknown[]] } = properties(critical ?? assert.fail()).AlarmRule;
  const ids = rule['Fn::Join'][1].flatMap((part) =>
    typeof part === 'object' ? [(part as { Ref: string }).Ref.replace(/[0-9A-F]{8}$/, '')] : [],
  );
  assert.deepEqual(ids.toSorted(), [
    'CommitMismatch',
    'ErrorsLogged',
    'EventsGivenUp',
    'EvidenceLost',
    'FunctionsFailing',
    'RunsOverdue',
    'SecretFailing',
    'SweepSilent',
    'TosecondDeadLettersStuck',
    'TosecondLoopDropped',
    'TowebhookDeadLettersStuck',
    'TowebhookLoopDropped',
  ]);
});

test('every gauge of the watch has an alarm, on its highest value, that ends when the gauge is gone', () => {
  const gauges = Object.entries(METRICS).filter(([, { is }]) => is === 'gauge');
  assert.equal(gauges.length, 9);
  for (const [gauge] of gauges) {
    const [watching, ...more] = alarms.filter((alarm) => properties(alarm).MetricName === gauge);
    assert.ok(watching && more.length === 0, gauge);
    const { Namespace, Dimensions, Statistic, Threshold, TreatMissingData, ...rest } = properties(watching);
    assert.deepEqual(
      [Namespace, Dimensions, Statistic, Threshold, TreatMissingData],
      ['Tailrace', [{ Name: 'environment', Value: 'dev' }], 'Maximum', 0, 'notBreaching'],
    );
    assert.deepEqual([rest.Period, rest.DatapointsToAlarm, rest.EvaluationPeriods], [300, 1, 3]);
  }
});

test('no alarm waits for a metric that nobody counts, and no dimension names a sync or a run', () => {
  const sources = globSync(['shared/{engine,aws}/*.ts', 'lambdas/*.ts']).map((file) =>
    readFileSync(file, 'utf8'),
  );
  const ours = alarms
    .flatMap((alarm) => metricsOf(alarm))
    .filter(({ Namespace }) => Namespace === 'Tailrace');
  assert.equal(ours.length, 12);
  for (const { MetricName, Dimensions = [] } of ours) {
    assert.ok(MetricName in METRICS, MetricName);
    const { is } = METRICS[MetricName as Metric];
    // A gauge is found by name and counted in one place for all of them.
    const counting = is === 'gauge' ? /found\('(\w+)'|\['(\w+)', / : /count\(\s*(?:d, )?'(\w+)'/;
    const counted = sources.flatMap((source) =>
      [...source.matchAll(new RegExp(counting, 'g'))].map(([, one, other]) => one ?? other),
    );
    assert.ok(counted.includes(MetricName), MetricName);
    for (const { Name } of Dimensions) assert.match(Name, /^(account|environment)$/, MetricName);
  }
});

test('a metric is asked for by what it is kept by', () => {
  assert.deepEqual(engineMetric('throttled', 'dev', 'crm').dimensions, {
    environment: 'dev',
    account: 'crm',
  });
  assert.throws(() => engineMetric('throttled', 'dev'), /kept by account/);
  assert.throws(() => engineMetric('errors', 'dev', 'crm'), /kept by environment/);
});

test('failures and billed time are read from the last line of each invocation of every function', () => {
  const filters = resources(template, 'AWS::Logs::MetricFilter').map((one) => properties(one));
  const groups = resources(template, 'AWS::Lambda::Function').map(
    (fn) => properties(fn).LoggingConfig.LogGroup.Ref,
  );
  assert.equal(groups.length, 12);
  for (const [MetricName, FilterPattern, MetricValue] of [
    ['functions_failed', '{ $.type = "platform.report" && $.record.status != "success" }', '1'],
    ['functions_billed_ms', '{ $.type = "platform.report" }', '$.record.metrics.billedDurationMs'],
  ]) {
    const own = filters.filter(({ MetricTransformations: [one] }) => one.MetricName === MetricName);
    assert.deepEqual(own.map(({ LogGroupName }) => LogGroupName.Ref).toSorted(), groups.toSorted());
    for (const filter of own) {
      assert.equal(filter.FilterPattern, FilterPattern);
      assert.deepEqual(filter.MetricTransformations, [
        { MetricName, MetricNamespace: 'Tailrace/dev', MetricValue },
      ]);
    }
  }
  assert.deepEqual(
    [named('FunctionsFailing').Namespace, named('FunctionsFailing').Threshold],
    ['Tailrace/dev', 2],
  );
});

test('a sweep that does not run is noticed by what is missing', () => {
  const { MetricName, ComparisonOperator, Threshold, Period, TreatMissingData } = named('SweepSilent');
  assert.deepEqual(
    [MetricName, ComparisonOperator, Threshold, Period, TreatMissingData],
    ['Invocations', 'LessThanThreshold', 1, 900, 'breaching'],
  );
});

test('what cannot be healed from state is alarmed on even if its evidence is lost', () => {
  const watched = alarms.find((one) => properties(one).AlarmName === 'Tailrace-dev-EvidenceLost');
  const metrics = metricsOf(watched ?? assert.fail()).map(({ MetricName, Dimensions = [] }) => [
    MetricName,
    JSON.stringify(Dimensions).replaceAll(/[0-9A-F]{8}/g, ''),
  ]);
  assert.deepEqual(metrics, [
    ['InvocationsFailedToBeSentToDeadLetterCount', '[{"Name":"ScheduleGroup","Value":"tailrace-dev"}]'],
    ['DestinationDeliveryFailures', '[{"Name":"FunctionName","Value":{"Ref":"ReconcileSyncs"}}]'],
    ['DestinationDeliveryFailures', '[{"Name":"FunctionName","Value":{"Ref":"RecordAudit"}}]'],
    [
      'InvocationsFailedToBeSentToDlq',
      '[{"Name":"EventBusName","Value":{"Ref":"Bus"}},{"Name":"RuleName","Value":"Tailrace-dev-Audited"}]',
    ],
  ]);
});

test('the estimated cost of a day: half a gigabyte for each billed second, and eight RPUs while extracting', () => {
  const { Metrics, Threshold } = named('CostHigh') as {
    Metrics: { Expression?: string }[];
    Threshold: number;
  };
  // 0.5 x 0.0000133334 / 1000 and 8 x 0.375 / 3600 / 1000
  assert.equal(
    Metrics.find(({ Expression }) => Expression !== undefined)?.Expression,
    'billed * 0.000000006666700 + FILL(extraction, 0) * 0.000000833333333',
  );
  assert.equal(Threshold, 20);
  const ofProd = resources(prod, 'AWS::CloudWatch::Alarm').find(({ id }) => id.startsWith('CostHigh'));
  assert.doesNotMatch(JSON.stringify(properties(ofProd ?? assert.fail())), /extraction/);
});

test('the size of the staging bucket is judged by what S3 says once a day', () => {
  const { Namespace, Period, Threshold, TreatMissingData } = named('StagingGrowing');
  assert.deepEqual(
    [Namespace, Period, Threshold, TreatMissingData],
    ['AWS/S3', 86_400, 107_374_182_400, 'ignore'],
  );
});

test('operators are told by a function, from the events that may be worth it', () => {
  const rules = ['OperatorsTold', 'OperatorsToldOfHealing'].map((id) =>
    properties(
      resources(template, 'AWS::Events::Rule').find((one) => new RegExp(`^${id}[0-9A-F]{8}$`).test(one.id)) ??
        assert.fail(id),
    ),
  );
  assert.deepEqual(
    rules.map(({ EventPattern }) => EventPattern),
    [
      {
        source: ['tailrace'],
        'detail-type': [
          'Run Held',
          'Run Discarded',
          'Run Failed',
          'Run Fenced',
          'Sync Paused',
          'Sync Resumed',
          'Definition Refused',
          'Breaker Opened',
          'Breaker Closed',
          'Attention Changed',
        ],
      },
      {
        source: ['tailrace'],
        'detail-type': ['Run Committed', 'Definition Accepted', 'Operator Answered'],
        detail: {
          $or: [
            { healedRuns: [{ exists: true }] },
            { dead: [{ 'anything-but': [0] }] },
            { afterRefusal: [true] },
            { verb: ['approve'], ok: [true] },
          ],
        },
      },
    ],
  );
  const [all, healing] = rules;
  const unnamed = Object.values(TOLD_BY).filter((type) => !all?.EventPattern['detail-type'].includes(type));
  assert.deepEqual(unnamed, [], 'behind each gauge there is an event that names the sync or the account');
  const isTaken = compilePattern(healing.EventPattern, 'OperatorsToldOfHealing');
  const taken = (type: string, detail: object) =>
    isTaken({ source: 'tailrace', 'detail-type': type, detail });
  const asked = { verb: 'approve', syncId: 'people' };
  assert.deepEqual(
    [
      taken('Run Committed', { epoch: 3, dead: 0 }),
      taken('Run Committed', { epoch: 3, dead: 7 }),
      taken('Run Committed', { epoch: 3, dead: 0, healedRuns: 1 }),
      taken('Definition Accepted', { version: 2 }),
      taken('Definition Accepted', { version: 2, afterRefusal: true }),
      taken('Operator Answered', { ...asked, ok: true }),
      taken('Operator Answered', { ...asked, ok: false }),
      taken('Operator Answered', { ...asked, verb: 'run', ok: true }),
      taken('Operator Asked', { ...asked, ok: true }),
    ],
    [false, true, true, false, true, true, false, false, false],
  );
});

test('the alarm for errors, which no event tells by name, says which saved query does', () => {
  const says = String(named('ErrorsLogged').AlarmDescription);
  const [, query = ''] = /saved query "([^"]+)"/.exec(says) ?? assert.fail(says);
  assert.match((SAVED_QUERIES as Record<string, string>)[query] ?? assert.fail(query), /latest\(run\)/);
});

test('more alarms than a composite may name: a sentence at synth, not a failed deployment', () => {
  const stack = new Stack(undefined, 'Crowded');
  const topic = new sns.Topic(stack, 'Topic');
  const raised = (count: number) =>
    Array.from({ length: count }, (_, at) =>
      raise(
        new Construct(stack, `Lane${count}-${at}`),
        'LoopDropped',
        {
          metric: engineMetric('errors', 'dev'),
          above: 0,
        },
        `${count}-${at}`,
      ),
    );
  assert.throws(
    () => tellOnce(stack, topic, raised(101)),
    /has 101 alarms of severity critical, but CloudWatch combines 100 at most/,
  );
});
