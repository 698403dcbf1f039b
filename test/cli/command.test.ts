/** The command without an environment: what it says of files, faults and a stack that is not there. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { LOCAL_ENDPOINTS } from '../../cli/environment.ts';
import { printFaults } from '../../cli/print-error.ts';
import { faultsOf } from '../../cli/push.ts';
import { readDefinition } from '../../cli/read-definition.ts';
import { detail, overview } from '../../cli/status.ts';
import { Fault } from '../../shared/core/fault.ts';
import type { SyncStatus } from '../../shared/engine/sync-status.ts';

const LAUNCHER = path.resolve('bin/tailrace.js');

function scratch(t: { after(done: () => void): void }): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'tailrace-cli-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('without a local stack the command says how to start one', (t) => {
  const { status, stderr } = spawnSync(process.execPath, [LAUNCHER, 'status'], {
    cwd: scratch(t),
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  });
  assert.equal(status, 1);
  assert.equal(
    stderr,
    '✗ the local stack is not running (local_stack_not_running)\n' +
      '  Start it with `npm start -- --keep` in another terminal, or name an environment by `--env`.\n',
  );
});

test('every verb is there, and an unknown one is answered with the nearest', () => {
  const help = spawnSync(process.execPath, [LAUNCHER, '--help'], { encoding: 'utf8' }).stdout;
  for (const verb of ['push', 'run', 'status', 'approve', 'discard', 'pause', 'resume', 'doctor']) {
    assert.match(help, new RegExp(`^ {2}${verb} `, 'm'));
  }
  const wrong = spawnSync(process.execPath, [LAUNCHER, 'stauts'], { encoding: 'utf8' });
  assert.equal(wrong.status, 1);
  assert.match(wrong.stderr, /Did you mean status\?/);
});

test('a definition is read as YAML or JSON; what cannot be read says where', async (t) => {
  const folder = scratch(t);
  const file = (name: string, text: string): string => {
    writeFileSync(path.join(folder, name), text);
    return path.join(folder, name);
  };
  assert.deepEqual(await readDefinition(file('a.json', '{"syncId":"a"}')), { syncId: 'a' });
  assert.deepEqual(await readDefinition(file('b.yaml', 'syncId: b\nfields: [{ to: x }]')), {
    syncId: 'b',
    fields: [{ to: 'x' }],
  });
  await assert.rejects(readDefinition(file('c.yaml', 'a: [1')), (error) => {
    assert.ok(error instanceof Fault);
    assert.equal(error.code, 'file_unparsable');
    assert.match(error.message, /line 1/);
    return true;
  });
  await assert.rejects(readDefinition(path.join(folder, 'none.yaml')), { code: 'file_unreadable' });
});

test('what a parser would change in silence is refused, with the file and what to do', async (t) => {
  const folder = scratch(t);
  const refused = async (name: string, text: string | Uint8Array): Promise<string> => {
    const file = path.join(folder, name);
    writeFileSync(file, text);
    const error = await readDefinition(file).then(
      () => assert.fail(`${name} was read`),
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof Fault, String(error));
    assert.equal(error.code, 'file_unparsable');
    assert.ok(error.message.startsWith(`${file}: `) && (error.remedy ?? '') !== '');
    return error.message.slice(file.length + 2);
  };
  assert.match(
    await refused('twice.json', '{"enabled":false,"enabled":true}'),
    /unique at line 1, column 18/,
  );
  assert.match(await refused('twice.yaml', 'owner: a\nowner: b'), /unique at line 2/);
  assert.match(await refused('tag.yaml', 'owner: !!js/function "x"'), /Unresolved tag/);
  assert.match(await refused('nobody.yaml', 'owner: *nobody'), /nobody/);
  assert.match(await refused('two.yaml', 'a: 1\n---\nb: 2\n'), /more than one document/);
  assert.match(await refused('deep.json', `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`), /nests deeper/);
  assert.match(await refused('latin1.yaml', Uint8Array.of(0x61, 0x3a, 0x20, 0xe9)), /not UTF-8/);
  const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]', ...['ab', 'bc', 'cd', 'de'].map(nested)].join('\n');
  assert.match(await refused('bomb.yaml', bomb), /aliases/);
});

/** `b: &b [*a,*a,...]` */
const nested = ([from = '', to = '']: Iterable<string> & ArrayLike<string>): string =>
  `${to}: &${to} [${Array(9).fill(`*${from}`).join(',')}]`;

test('an integer beyond 2^53 reaches the check with its digits, and is refused there', async (t) => {
  const folder = scratch(t);
  for (const name of ['big.json', 'big.yaml']) {
    const file = path.join(folder, name);
    writeFileSync(file, '{"fields": [{"to": "n", "value": 9007199254740993}], "guards": {"maxDeletes": 7}}');
    const read = await readDefinition(file);
    assert.deepEqual(read, { fields: [{ to: 'n', value: 9007199254740993n }], guards: { maxDeletes: 7 } });
    const fault = faultsOf(read).find(({ code }) => code === 'number_not_exact');
    assert.equal(fault?.path, 'fields[0].value');
    assert.match(fault.message, /9007199254740993/);
  }
});

test('the broken example is refused on this machine, every fault with path and remedy', async () => {
  const faults = faultsOf(await readDefinition('examples/broken.yaml'));
  const paths = faults.map(({ path: place }) => place);
  for (const place of ['fields[1].as.decimal', 'fields[2].form']) assert.ok(paths.includes(place), place);
  assert.ok(faults.every(({ code, message, remedy }) => code !== '' && message !== '' && remedy !== ''));
});

test('every other example passes', async () => {
  for (const name of [
    'customers-to-crm',
    'companies-to-crm',
    'subscribers-to-audience',
    'customers-to-app',
  ]) {
    assert.deepEqual(faultsOf(await readDefinition(`examples/${name}.yaml`)), [], name);
  }
  assert.deepEqual(faultsOf(await readDefinition('examples/daily-revenue-to-app.yaml')), []);
});

const counts = { rows: 12, accepted: 9, rejected: 2, invalid: 1, skipped: 0, dead: 0 };
const STATUS: SyncStatus = {
  syncId: 'orders',
  phase: 'held',
  epoch: 7,
  paused: null,
  hold: {
    planHash: 'abc123',
    reasons: [{ code: 'too_many_deletes', message: '400 deletes, 100 allowed' }],
    until: 0,
  },
  waiting: null,
  notBefore: 0,
  lastScheduled: 0,
  wanted: 0,
  watermark: null,
  modelRows: 12,
  failures: 3,
  dirtyEpochs: 0,
  definition: null,
  runs: [
    {
      epoch: 7,
      definitionVersion: 1,
      state: 'committed',
      code: null,
      reason: null,
      endedAt: Date.UTC(2026, 0, 2, 3, 4, 5),
      startedAt: null,
      settled: 1,
      batches: 1,
      counts,
      extraction: null,
      failures: 3,
    },
  ],
};
// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape of a colour is one
const plain = (text: string): string => text.replace(/\u001b\[\d+m/g, '').replace(/ +$/gm, '');

test('a held sync shows why, and the very commands that decide about this plan', () => {
  const text = plain(detail(STATUS));
  assert.match(text, /held {8}400 deletes, 100 allowed/);
  assert.match(text, /tailrace approve orders abc123/);
  assert.match(text, /tailrace discard orders abc123$/m);
  assert.match(plain(overview([STATUS])), /^orders +held +#7 +9 +2 +1 +3 +2026-01-02 03:04:05$/m);
});

test('a run that waits for its account says so, and until when', () => {
  const waiting = { account: 'crm', why: 'told_to_wait', until: Date.UTC(2026, 0, 3, 4, 5, 6) } as const;
  const loading: SyncStatus = { ...STATUS, phase: 'loading', hold: null, waiting };
  assert.match(plain(overview([loading])), /^orders +waits for crm +#7 /m);
  assert.match(plain(detail(loading)), /^waiting +for crm until 2026-01-03 04:05:06 UTC: it asked for that/m);
});

test('what stands still says since or until when, and what to type', () => {
  const at = Date.UTC(2026, 0, 3, 4, 5, 6);
  const idle: SyncStatus = { ...STATUS, phase: 'idle', hold: null };
  const held = { planHash: 'abc123', reasons: [], until: at };
  assert.match(
    plain(detail({ ...STATUS, hold: held })),
    /^ +if nobody decides, it is discarded at 2026-01-03 04:05:06 UTC$/m,
  );
  const paused = { code: 'paused_by_operator', at, definitionVersion: 1 };
  assert.match(
    plain(detail({ ...idle, paused })),
    /^paused +since 2026-01-03 04:05:06 UTC: paused_by_operator\n +tailrace resume orders$/m,
  );
  assert.match(
    plain(detail({ ...idle, notBefore: at }, at - 1)),
    /^next run +not before 2026-01-03 04:05:06 UTC: /m,
  );
  assert.doesNotMatch(plain(detail({ ...idle, notBefore: at }, at)), /next run/);
});

test('a sync whose last run failed does not look like one that is well', () => {
  const [run] = STATUS.runs;
  assert.ok(run !== undefined);
  const idle: SyncStatus = { ...STATUS, phase: 'idle', hold: null };
  const failed: SyncStatus = { ...idle, runs: [{ ...run, state: 'failed', code: 'model_refused' }] };
  assert.match(plain(overview([failed])), /^orders +failed \(model_refused\) +#7 /m);
  const refused: SyncStatus = { ...idle, runs: [{ ...run, state: 'fenced', code: 'auth_refused' }] };
  assert.match(plain(overview([refused])), /^orders +fenced \(auth_refused\) +#7 /m);
  assert.match(plain(overview([idle])), /^orders +idle +#7 /m);
});

test('a file that cannot be read does not keep the others from being pushed', (t) => {
  const cwd = scratch(t);
  mkdirSync(path.join(cwd, '.tailrace/local'), { recursive: true });
  // Nothing listens there, and nothing needs to: both files are refused on this machine.
  const stack = {
    ...{ region: 'us-east-1', endpoint: 'http://127.0.0.1:1/' },
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    outputs: { DefinitionsTable: 'd', StateTable: 's', ApiFunction: 'f' },
  };
  writeFileSync(path.join(cwd, LOCAL_ENDPOINTS), JSON.stringify(stack));
  writeFileSync(path.join(cwd, 'empty.yaml'), '');
  const { status, stderr } = spawnSync(process.execPath, [LAUNCHER, 'push', 'none.yaml', 'empty.yaml'], {
    ...{ cwd, encoding: 'utf8' as const, env: { ...process.env, NO_COLOR: '1' } },
  });
  assert.equal(status, 1);
  assert.match(stderr, /^✗ none\.yaml cannot be read \(ENOENT\)/m);
  assert.match(stderr, /^✗ empty\.yaml is refused: 1 thing is wrong/m);
});

test('a definition with very many faults does not run off the screen', (t) => {
  const said: string[] = [];
  t.mock.method(console, 'error', (line: string) => said.push(line));
  const faults = Array.from({ length: 25 }, (_, at) => ({
    ...{ path: `fields[${at}].to`, code: 'wrong_type' as const, message: 'not text', remedy: 'write text' },
  }));
  printFaults('a.yaml', faults);
  const lines = plain(said.join('\n')).split('\n');
  assert.equal(lines[0], '✗ a.yaml is refused: 25 things are wrong');
  assert.equal(lines.at(-1), '  … and 15 more; mend these first');
  assert.ok(lines.length <= 45, String(lines.length));
});
