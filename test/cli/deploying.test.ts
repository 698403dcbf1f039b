/**
 * What docs/deploying.md shows must work: its settings synthesize, its grants are enough for what the engine does and for
 * no more (on PostgreSQL, from which Redshift's grants come), its commands and links exist, its permissions are the
 * doctor's.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Client } from 'pg';
import { parse as parseYaml } from 'yaml';
import { faultsOf } from '../../cli/push.ts';
import { parseEnvironment } from '../../infra/setting-rules.ts';
import type { EnvironmentSettings } from '../../infra/settings.ts';
import { synthesize } from '../../infra/synthesize.ts';
import { type PostgresServer, startPostgres } from '../../local/postgres-server.ts';
import { engineSchemaSql, TEMPORARY_TABLE_SQL } from '../../shared/warehouse/check-sql.ts';

const page = readFileSync('docs/deploying.md', 'utf8');
const blocks = (language: string): readonly string[] =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, text = '']) => text);
/** Indented lines, continued ones joined. */
const commands = [...page.replaceAll(/```[\s\S]*?```/g, '').matchAll(/^ {4} *(\S(?:.*\\\n)*.*)$/gm)].map(
  ([, text = '']) => text.replaceAll(/\\\n\s*/g, ''),
);

const folder = mkdtempSync(path.join(tmpdir(), 'tailrace-deploying-'));
after(() => rmSync(folder, { recursive: true, force: true }));

// ---------------------------------------------------------------- settings

const [whole = '', ...variants] = blocks('ts');
const evaluated = (expression: string): unknown => new Function(`return (${expression});`)();
const dev = evaluated(
  whole.replace(/^const dev: EnvironmentSettings = /, '').replace(/;\s*$/, ''),
) as EnvironmentSettings;

test('the environment on the page synthesizes, and each variant of it is accepted', () => {
  parseEnvironment('dev', dev);
  assert.equal(variants.length, 7);
  const changes = variants.map((text) => evaluated(`{${text}}`) as Partial<EnvironmentSettings>);
  for (const change of changes) parseEnvironment('dev', { ...dev, ...change });
  const { template } = synthesize({ name: 'dev', settings: dev }, path.join(folder, 'one'));
  const most: EnvironmentSettings = Object.assign({ ...dev }, ...changes);
  const other = synthesize({ name: 'dev', settings: most }, path.join(folder, 'other'));
  assert.match(JSON.stringify(other.template.Outputs.KeyStatements), /kms:GenerateDataKey/);
  const named = ['WarehouseRole', 'UnloadRole', 'DefinitionsTable', 'ApiFunction', 'AlarmTopic'];
  for (const output of [...named, 'Release', 'Loaders']) assert.ok(template.Outputs[output], output);
  for (const output of named) assert.ok(page.includes(`\`${output}\``), output);
});

test('the definition on the page is accepted', () => {
  assert.deepEqual(faultsOf(parseYaml(blocks('yaml')[0] ?? '')), []);
});

// ---------------------------------------------------------------- grants

/** Statements without their comments. */
const statements = (text: string): readonly string[] =>
  text
    .replaceAll(/^--.*$/gm, '')
    .split(';')
    .map((sql) => sql.trim())
    .filter((sql) => sql !== '');
const [reading = '', owning = '', assuming = '', leaving = ''] = blocks('sql');
const USER = '"IAMR:tailrace-dev-warehouse"';

/** Redshift's own words for two things that PostgreSQL says otherwise. */
const asPostgres = (sql: string): string => sql.replace(' PASSWORD DISABLE', '');

let server: PostgresServer;
before(async () => {
  server = await startPostgres({ dataDir: path.join(folder, 'postgres'), persistent: false });
  await as('admin', 'postgres', ['create database analytics']);
  await as('admin', 'analytics', [
    'revoke temporary on database analytics from public',
    'create schema analytics',
    'create schema private',
    'create table analytics.customers (customer_id int, email text, ltv numeric)',
    'create table private.salaries (person int)',
  ]);
});
after(() => server?.stop());

async function as(who: 'admin' | 'engine', database: string, sqls: readonly string[]): Promise<void> {
  const { port, user, password } = server;
  const client = new Client({ host: '127.0.0.1', port, user, password, database });
  await client.connect();
  try {
    if (who === 'engine') await client.query(`set role ${USER}`);
    for (const sql of sqls) await client.query(sql);
  } finally {
    await client.end();
  }
}
const may = (...sqls: readonly string[]) => as('engine', 'analytics', sqls);
const mayNot = (sql: string, why = /permission denied/) => assert.rejects(may(sql), why, sql);

test('the grants for reading are enough for a model, and for nothing else', async () => {
  await as('admin', 'analytics', statements(reading).map(asPostgres));
  await may('select customer_id, email, ltv from analytics.customers', ...TEMPORARY_TABLE_SQL);
  await mayNot('insert into analytics.customers values (1)');
  await mayNot('delete from analytics.customers');
  await mayNot('create table analytics.mine (n int)');
  await mayNot('select * from private.salaries');
  await mayNot('create schema tailrace');
  // What is made later can be read as well.
  await as('admin', 'analytics', ['create table analytics.later (n int)']);
  await may('select * from analytics.later');
});

test('with the schema of its own the engine keeps tables there, and still nowhere else', async () => {
  await assert.rejects(may(...engineSchemaSql('tailrace', 'one')), /schema "tailrace" does not exist/);
  await as('admin', 'analytics', statements(owning));
  await may(...engineSchemaSql('tailrace', 'one'));
  await mayNot('create table analytics.mine (n int)');
});

test('what is removed at the end leaves nothing behind', async () => {
  await as('admin', 'analytics', statements(leaving));
  await assert.rejects(as('engine', 'analytics', []), /does not exist/);
});

test('the one grant that only Redshift knows has the words of its manual, and the others are all run above', () => {
  assert.match(
    assuming,
    /^GRANT ASSUMEROLE ON 'arn:aws:iam::\d{12}:role\/[\w-]+' TO "IAMR:[\w-]+" FOR UNLOAD, COPY;\n$/,
  );
  assert.deepEqual(
    [reading, owning, leaving].map((text) => statements(text).length),
    [5, 1, 6],
  );
  assert.equal(blocks('sql').length, 4);
});

// ---------------------------------------------------------------- commands, links, permissions

test('every command of the page exists', () => {
  const help = execFileSync(process.execPath, ['bin/tailrace.js', '--help'], { encoding: 'utf8' });
  const cdk = new Set(['synth', 'bootstrap', 'deploy', 'diff', 'rollback', 'destroy']);
  const verbs = commands.flatMap((line) => /^npx tailrace --env \w+ (\w+)/.exec(line)?.[1] ?? []);
  assert.deepEqual([...new Set(verbs)].toSorted(), ['doctor', 'push', 'status']);
  for (const verb of verbs) assert.match(help, new RegExp(`^ {2}${verb} `, 'm'));
  const tools = commands.flatMap((line) => /npx cdk (\w+)/.exec(line)?.[1] ?? []);
  assert.ok(tools.length >= 8);
  for (const tool of tools) assert.ok(cdk.has(tool), tool);
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
  const named = [...page.matchAll(/`npm run (\w+)`/g)].map(([, name = '']) => name);
  assert.ok(named.includes('generate'));
  for (const name of named) assert.ok(name in scripts, name);
  for (const line of commands.filter((one) => /\baws /.test(one))) assert.match(line, KNOWN_AWS, line);
});

/** Service and operation, as the AWS CLI spells them. */
const KNOWN_AWS =
  /\baws (?:redshift-serverless (?:get-workgroup|get-namespace|update-namespace)|redshift modify-cluster-iam-roles|cloudformation (?:describe-stacks|list-stack-resources|update-termination-protection)|sts get-caller-identity|s3 rm|secretsmanager put-secret-value|cloudwatch set-alarm-state)(?: |$)/;

test('a command uses what an earlier one has set, and in quotes: zsh does not split what has none', () => {
  const set = new Set<string>();
  for (const line of commands) {
    for (const [, name = ''] of line.matchAll(/\$([A-Z]\w*)/g))
      assert.ok(set.has(name), `${name} in ${line}`);
    for (const [, name = ''] of line.matchAll(/\b([A-Z]\w*)(?:=| in )/g)) set.add(name);
    assert.doesNotMatch(line.replaceAll(/"[^"]*"/g, ''), /\$[A-Z]/, line);
  }
  for (const name of ['UNLOAD_ROLE', 'NAMESPACE', 'ATTACHED', 'AWS_PROFILE']) assert.ok(set.has(name), name);
});

test('the role of UNLOAD is added to those that are attached, each by itself', () => {
  const from = commands.findIndex((line) => line.startsWith('UNLOAD_ROLE='));
  const to = commands.findIndex((line) => line.includes('update-namespace'));
  const script = commands.slice(from, to + 1).filter((line) => !line.includes('modify-cluster-iam-roles'));
  const aws = `aws() { case "$*" in
    *describe-stacks*) echo arn:aws:iam::1:role/unload;;
    *get-workgroup*) echo space;;
    *get-namespace*) printf 'IamRole(applyStatus=in-sync, iamRoleArn=arn:aws:iam::1:role/a)\\tarn:aws:iam::1:role/b\\n';;
    *update-namespace*) printf '%s\\n' "$@";;
  esac; }`;
  const shells = ['bash', 'zsh'].filter((shell) => spawnSync(shell, ['-c', ':']).status === 0);
  assert.ok(shells.includes('bash'));
  for (const shell of shells) {
    const { stdout } = spawnSync(shell, [], { input: [aws, ...script].join('\n'), encoding: 'utf8' });
    assert.deepEqual(stdout.trim().split('--iam-roles\n')[1]?.split('\n'), [
      'arn:aws:iam::1:role/a',
      'arn:aws:iam::1:role/b',
      'arn:aws:iam::1:role/unload',
    ]);
  }
});

test('every link and every file that the page names leads somewhere', () => {
  const links = [...page.matchAll(/\]\(([^)#]+)\)/g)].map(([, to = '']) => path.join('docs', to));
  const files = [...page.matchAll(/`((?:docs|infra|scripts)\/[\w./-]+)`/g)].map(([, file = '']) => file);
  assert.ok(links.length >= 2 && files.length >= 4);
  assert.deepEqual(
    [...links, ...files].filter((file) => !existsSync(file)),
    [],
  );
});

test('the doctor’s policy on the page has what the doctor asks for, and nothing more', () => {
  const policy = JSON.parse(blocks('json')[0] ?? '') as { Statement: { Action: string[] }[] };
  const listed = policy.Statement.flatMap(({ Action }) => Action).toSorted();
  const sources = globSync('cli/doctor*.ts').map((file) => readFileSync(file, 'utf8'));
  const named = sources.flatMap((source) =>
    [...source.matchAll(/'([a-z]+:[A-Z]\w+)'/g)].map(([, action = '']) => action),
  );
  // Behind the scan of an encrypted table there is its key.
  assert.deepEqual(listed, [...new Set([...named, 'kms:Decrypt'])].toSorted());
});

test('the page explains every check of the doctor', () => {
  const rows = page.slice(page.indexOf('| check |'), page.indexOf('A line is `ok`'));
  const sources = globSync('cli/doctor*.ts')
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');
  const names = [...sources.matchAll(/name: '([a-z ]+)', rule/g)].map(([, name = '']) => name);
  assert.ok(names.length >= 15, String(names.length));
  // The function that answers, and accounts that are not there, have no line when all is well.
  const silent = new Set(['functions', 'accounts']);
  assert.deepEqual(
    names.filter((name) => !silent.has(name) && !rows.includes(name)),
    [],
  );
});
