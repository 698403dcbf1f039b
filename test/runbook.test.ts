/**
 * The runbook and what is deployed say the same: each alarm has its entry and each entry its alarm, each entry says what to
 * look at, what to do and what not to do, and every command, saved query and output that it names exists.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ALARMS, COMPOSITES, runbookHeading } from '../infra/alarms/meanings.ts';
import { SAVED_QUERIES } from '../infra/saved-queries.ts';
import { properties, resources, templateOf } from './infra/templates.ts';

const text = readFileSync('docs/runbook.md', 'utf8');
const prod = templateOf('prod');
/** As GitHub makes an anchor of a heading. */
const anchorOf = (heading: string): string => heading.toLowerCase().replaceAll(' ', '-');
const entries = new Map(
  text
    .split(/^## /m)
    .slice(1)
    .map((entry) => [anchorOf(entry.split('\n')[0] ?? ''), entry]),
);

test('every alarm of the template has an entry, and its description names it; every entry has an alarm', () => {
  const alarms = ['Alarm', 'CompositeAlarm'].flatMap((kind) => resources(prod, `AWS::CloudWatch::${kind}`));
  const named = alarms.map((alarm) => {
    const { AlarmDescription, AlarmName } = properties(alarm);
    const [, anchor = ''] = /docs\/runbook\.md#([a-z-]+)$/.exec(AlarmDescription) ?? [];
    assert.ok(entries.has(anchor), `${AlarmName}: there is no heading for #${anchor}`);
    return anchor;
  });
  assert.deepEqual([...entries.keys()].toSorted(), [...new Set(named)].toSorted());
  assert.equal(entries.size, 23);
});

test('an alarm and its heading are one name in two spellings', () => {
  assert.deepEqual(['RunsOverdue', 'EventsGivenUp', 'Critical', 'LoopDropped'].map(runbookHeading), [
    'runs-overdue',
    'events-given-up',
    'critical',
    'loop-dropped',
  ]);
  const ids = [...Object.keys(ALARMS), ...Object.values(COMPOSITES).map(({ id }) => id)];
  assert.deepEqual(ids.map(runbookHeading).toSorted(), [...entries.keys()].toSorted());
});

test('every entry says what it means, what to look at, what to do and what not to do', () => {
  for (const [anchor, entry] of entries) {
    for (const part of ['**Means.** ', '**Look.**', '**Do.** ', '**Do not.** ']) {
      assert.ok(entry.includes(`\n${part}`), `${anchor} lacks ${part}`);
    }
  }
});

test('every place of the runbook that the code points to is there', () => {
  const sources = globSync('{shared,lambdas,infra,cli}/**/*.ts').map((file) => readFileSync(file, 'utf8'));
  const written = sources.flatMap((source) =>
    [...source.matchAll(/runbook\.md#([a-z-]+)/g)].map(([, to]) => to),
  );
  const given = sources.flatMap((source) => [
    ...[...source.matchAll(/runbook: (?:runbookOf\(code\) \?\? )?'([a-z-]+)'/g)].map(([, to]) => to),
    ...[...source.matchAll(/badEnd\(detail, '[^']*', '([a-z-]+)'\)/g)].map(([, to]) => to),
    ...[...source.matchAll(/return '([a-z]+-[a-z-]+)';/g)].map(([, to]) => to),
  ]);
  const all = [...written, ...given].filter((to) => to !== undefined);
  for (const expected of [
    'statements-failing',
    'runs-overdue',
    'run-held',
    'definition-refused',
    'breaker-open',
  ]) {
    assert.ok(given.includes(expected), expected);
  }
  const places = all.filter((to) => to !== 'request-invalid');
  assert.deepEqual(
    places.filter((to) => !entries.has(to)),
    [],
  );
});

test('every verb, saved query and output that the runbook names exists', () => {
  const cli = globSync('cli/*.ts').map((file) => readFileSync(file, 'utf8'));
  const verbs = new Set(
    cli.flatMap((source) => [...source.matchAll(/\.command\('(\w+)/g)].map(([, verb]) => verb)),
  );
  const used = [...text.matchAll(/(?:`|^ {4})tailrace (\w+)/gm)].map(([, verb]) => verb);
  assert.ok(used.length >= 20);
  assert.deepEqual(
    used.filter((verb) => !verbs.has(verb)),
    [],
  );
  const queries = [...text.matchAll(/(?:`|^ {4})query (?:'([^']+)'|(\w+))/gm)].map(
    ([, quoted, word]) => quoted ?? word ?? '',
  );
  assert.ok(queries.length >= 20);
  assert.deepEqual(
    queries.filter((name) => !(name in SAVED_QUERIES)),
    [],
  );
  const saved = resources(prod, 'AWS::Logs::QueryDefinition').map((one) => properties(one).Name);
  assert.deepEqual(
    saved.toSorted(),
    Object.keys(SAVED_QUERIES)
      .map((name) => `Tailrace/prod/${name}`)
      .toSorted(),
  );
  const outputs = [...text.matchAll(/\$\(output (\w+)\)|the output `(\w+)`/g)].map(
    ([, call, word]) => call ?? word ?? '',
  );
  assert.ok(outputs.length >= 4);
  const deployed = Object.keys(templateOf('prod').Outputs);
  assert.deepEqual(
    outputs.filter((name) => name !== 'KeyStatements' && !deployed.includes(name)),
    [],
  );
});

test('the helpers at its top are a shell script', () => {
  const [, script = ''] = /```sh\n([\s\S]*?)```/.exec(text) ?? [];
  assert.match(script, /^query\(\) \{/m);
  const checked = spawnSync('bash', ['-n'], { input: script, encoding: 'utf8' });
  assert.equal(checked.stderr, '');
  assert.equal(checked.status, 0);
});

/** The helpers with an `aws` that says `Running` so many times, then `ended`, and leaves a line of each of its calls. */
function queried(running: number, ended: string): { stdout: string; stderr: string; asked: number } {
  const [, script = ''] = /```sh\n([\s\S]*?)```/.exec(text) ?? [];
  const aws = `
    calls=$(mktemp)
    aws() { echo "$*" >> "$calls"
      case "$*" in
        *describe-query-definitions*) echo 'filter run = "SYNC/EPOCH"';;
        *describe-log-groups*) printf '/tailrace/prod/a\\t/tailrace/prod/b\\n';;
        *start-query*) case "$*" in *'filter run = "people/7"'*) echo id-1;; *) return 1;; esac;;
        *'--query status'*) if [ "$(grep -c 'query status' "$calls")" -gt ${running} ]; then echo ${ended}; else echo Running; fi;;
        *) echo 'a line';;
      esac; }
    sleep() { :; }`;
  const asked =
    'query "Follow one run" 24 people/7; echo "asked $(grep -c "query status" "$calls")"; rm "$calls"';
  const { stdout, stderr } = spawnSync('bash', [], { input: `${script}${aws}\n${asked}`, encoding: 'utf8' });
  return { stdout: stdout.replace(/asked .*\n/, ''), stderr, asked: Number(/asked (\d+)/.exec(stdout)?.[1]) };
}

test('a saved query is waited for until it has ended, and says how', () => {
  assert.deepEqual(queried(3, 'Complete'), {
    stdout: 'a line\n',
    stderr: 'Follow one run: Complete\n',
    asked: 4,
  });
  assert.deepEqual(queried(0, 'Failed').stderr, 'Follow one run: Failed\n');
});

test('names of log groups and queues in the runbook are those of the template', () => {
  const groups = resources(prod, 'AWS::Logs::LogGroup').map((one) => properties(one).LogGroupName);
  assert.ok(groups.every((name) => name.startsWith('/tailrace/prod/')));
  assert.ok(groups.includes('/tailrace/prod/load-batch/webhook'));
  // CloudFormation names the queue after the stack and the logical id.
  assert.ok(
    resources(prod, 'AWS::SQS::Queue').some(
      ({ id, Properties }) => id.startsWith('Undelivered') && Properties?.QueueName === undefined,
    ),
  );
  const [bus] = resources(prod, 'AWS::Scheduler::ScheduleGroup').map((one) => properties(one).Name);
  assert.equal(bus, 'tailrace-prod');
});
