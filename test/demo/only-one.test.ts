/** A second start in the same folder says so and stops; after a kill or an orderly end the folder is free. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { takeFolder } from '../../local/demo/only-one.ts';

const START = path.join(import.meta.dirname, '..', '..', 'local', 'start.ts');

test('npm start -- --keep beside a running one: one sentence, exit 1, nothing touched', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tailrace-only-one-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const data = path.join(folder, '.tailrace', 'local');
  mkdirSync(data, { recursive: true });
  writeFileSync(path.join(data, 'process-id'), `${process.pid}\n`);

  const child = spawn(process.execPath, [START, '--keep'], { cwd: folder, env: { NO_COLOR: '1' } });
  let said = '';
  child.stdout.on('data', (part: Buffer) => (said += part.toString()));
  child.stderr.on('data', (part: Buffer) => (said += part.toString()));
  const [code] = (await once(child, 'close')) as [number];

  assert.equal(code, 1);
  assert.equal(
    said,
    `✗ The stack already runs in .tailrace/local, as process ${process.pid}: use that one, or end it (Ctrl-C there, or \`kill ${process.pid}\`) and start again; if process ${process.pid} is something else, delete .tailrace/local/process-id.\n`,
  );
  assert.deepEqual(readdirSync(data), ['process-id']);
});

test('a folder whose owner was killed is taken over, and left free', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tailrace-only-one-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const gone = spawn(process.execPath, ['-e', '']);
  await once(gone, 'close');
  const file = path.join(folder, 'process-id');
  writeFileSync(file, `${gone.pid}\n`);

  const leave = takeFolder(folder);
  assert.equal(readFileSync(file, 'utf8'), `${process.pid}\n`);
  leave();
  assert.equal(existsSync(file), false);
});
