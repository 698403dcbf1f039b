/** The dashboard and the saved queries: what is on it, and that they ask for nothing that is not there. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { environments } from '../../infra/environments.ts';
import { SAVED_QUERIES } from '../../infra/saved-queries.ts';
import { loggable } from '../../shared/aws/loggable.ts';
import { METRICS } from '../../shared/core/metrics.ts';
import { properties, resource, resources, templateOf } from './templates.ts';

const { local, dev } = environments;
assert.ok(local && dev);
/** Three destination accounts. */
const template = templateOf({ name: 'local', settings: local });
const { DashboardBody, DashboardName } = properties(
  resource(template, 'AWS::CloudWatch::Dashboard', 'Dashboard'),
);
/** References by a name: a body is one text with references in it. */
const body: { widgets: { type: string; properties: Record<string, unknown> }[] } = JSON.parse(
  DashboardBody['Fn::Join'][1]
    .map((part: unknown) => (typeof part === 'string' ? part : 'reference'))
    .join(''),
);
const titled = (title: string): Record<string, unknown> =>
  body.widgets.find(({ properties: { title: own } }) => own === title)?.properties ?? assert.fail(title);

test('a dashboard for each environment, with these widgets', () => {
  assert.equal(DashboardName, 'tailrace-local');
  assert.deepEqual(
    body.widgets.map(({ type, properties: { title } }) => [type, title]),
    [
      ['alarm', 'Alarms (docs/runbook.md)'],
      ['log', 'Freshness: last commit of each sync'],
      ['log', 'What needs attention'],
      ['metric', 'Rows by outcome'],
      ['metric', 'Rate used of rate allowed, percent'],
      ['metric', 'Age of the oldest message, seconds'],
      ['metric', 'Breakers open, accounts starved, answers that said: too fast'],
      ['metric', 'Warehouse seconds an hour, from start to end of statements'],
      ['metric', 'Estimated cost a day, US dollars'],
    ],
  );
  assert.equal((titled('Alarms (docs/runbook.md)').alarms as unknown[]).length, 27);
});

test('it can be left out: beyond three an AWS account pays for each', () => {
  const without = templateOf({ name: 'dev', settings: { ...dev, dashboard: false } });
  assert.equal(resources(without, 'AWS::CloudWatch::Dashboard').length, 0);
  assert.equal(resources(without, 'AWS::Logs::QueryDefinition').length, 10);
});

test('freshness is a question to the logs of every function, never a dimension', () => {
  const { query } = titled('Freshness: last commit of each sync') as { query: string };
  assert.equal(query.match(/SOURCE 'reference'/g)?.length, 13);
  assert.match(query, /by syncId/);
});

type Row = [string | { expression: string; label: string }, ...unknown[]];

test('metrics on it are counted, and kept by environment or account', () => {
  const rows = body.widgets.flatMap(({ properties: { metrics = [] } }) => metrics as Row[]);
  const ours = rows.filter(([namespace]) => namespace === 'Tailrace');
  assert.ok(ours.length >= 20);
  for (const [, name, ...dimensions] of ours) {
    assert.ok(String(name) in METRICS, String(name));
    const names = dimensions.filter((one, at) => typeof one === 'string' && at % 2 === 0);
    assert.deepEqual(
      names.filter((one) => one !== 'environment' && one !== 'account'),
      [],
      String(name),
    );
  }
});

test('the rate is a share of what the account allows and the engine takes of it', () => {
  const { metrics, annotations } = titled('Rate used of rate allowed, percent') as {
    metrics: Row[];
    annotations: unknown;
  };
  const expressions = metrics.flatMap(([first]) =>
    typeof first === 'object' ? [[first.label, first.expression]] : [],
  );
  // 98% of 1,000, 500 and 2,000 requests in ten seconds: 5,880, 2,940 and 11,760 a minute.
  assert.deepEqual(expressions, [
    ['crm', 'sent0 * 0.017006803'],
    ['audience', 'sent1 * 0.034013605'],
    ['app-database', 'sent2 * 0.008503401'],
  ]);
  assert.deepEqual(annotations, { horizontal: [{ value: 100, label: 'allowed', yAxis: 'left' }] });
});

/** What Powertools and Lambda put on their lines themselves. */
const THEIRS = [
  'message',
  'level',
  'type',
  'function_name',
  'record.errorType',
  'record.metrics.billedDurationMs',
  'record.metrics.durationMs',
  'record.metrics.maxMemoryUsedMB',
  'record.metrics.memorySizeMB',
  'record.requestId',
  'record.status',
];
const WORDS = /[a-zA-Z@][\w.@]*/g;
const LANGUAGE = new Set(
  'fields filter stats sort limit by as asc desc and or count sum avg max latest bin now coalesce toMillis fromMillis d'.split(
    ' ',
  ),
);

test('saved queries ask for fields that a log line may have', () => {
  for (const [name, query] of Object.entries(SAVED_QUERIES)) {
    const bare = query.replaceAll(/"[^"]*"/g, '');
    const aliases = new Set([...bare.matchAll(/ as (\w+)/g)].map(([, alias]) => alias));
    const fields = [...bare.matchAll(WORDS)]
      .map(([word]) => word)
      .filter(
        (word) =>
          !word.startsWith('@') && !LANGUAGE.has(word) && !aliases.has(word) && !THEIRS.includes(word),
      );
    assert.deepEqual(
      fields.filter((field) => field !== 'run' && !(field in loggable({ [field]: 'x' }))),
      [],
      name,
    );
  }
});

/** Every message that a function logs, as its sources write it: a code, or a step of a run with what became of it. */
function messagesOfTheCode(): ReadonlySet<string> {
  const sources = globSync('{shared,lambdas}/**/*.ts').map((file) => readFileSync(file, 'utf8'));
  const logged = sources.flatMap((source) =>
    [...source.matchAll(/\blog\(\s*(?:'(?:info|warn|error)'|[^,'()]+\?[^,]+),\s*'(\w+)'/g)].map(
      ([, code]) => code,
    ),
  );
  const traced = readFileSync('lambdas/traced.ts', 'utf8');
  const [, steps = ''] = /export type Step =([^;]+);/.exec(traced) ?? [];
  const ends = [...traced.matchAll(/\$\{step\}(_\w+)`/g)].map(([, end]) => end);
  const stepped = [...steps.matchAll(/'(\w+)'/g)].flatMap(([, step]) => ends.map((end) => `${step}${end}`));
  return new Set([...logged, ...stepped].filter((one) => one !== undefined));
}

test('what the queries look for is what the code says', () => {
  const queries = Object.values(SAVED_QUERIES).join('\n');
  const wanted = new Set([...queries.matchAll(/message (?:=|!=) "(\w+)"/g)].map(([, code]) => code ?? ''));
  const said = messagesOfTheCode();
  assert.ok(wanted.size >= 5 && said.size >= 30);
  assert.deepEqual(
    [...wanted].filter((one) => !said.has(one)),
    [],
  );
  // A result that a query names is one that the code gives.
  for (const [, is] of queries.matchAll(/\bis = "(\w+)"/g)) {
    const sources = globSync('shared/engine/*.ts').map((file) => readFileSync(file, 'utf8'));
    assert.ok(
      sources.some((source) => source.includes(`is: '${is}'`)),
      is,
    );
  }
});
