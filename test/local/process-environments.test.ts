/** Execution environments that are processes: as good as threads, and what becomes of them when somebody dies. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { runsWith } from '../../local/chaos/signals.ts';
import { type Fixture, startFixture } from './fixture.ts';

let fixture: Fixture;
const pids: number[] = [];
before(async () => {
  fixture = await startFixture({
    environments: 'processes',
    onInvocation: (logicalId, pid) => void (logicalId === 'Probe' && pids.push(pid ?? 0)),
  });
});
after(() => fixture.close());

test('an environment that is a process runs warm, with its own variables and time limit', async () => {
  const first = await fixture.probe({});
  const second = await fixture.probe({});
  assert.deepEqual([first.answer.invocations, second.answer.invocations], [1, 2]);
  assert.equal(first.answer.home, undefined);
  assert.ok((first.answer.remainingMs ?? 0) > 1000 && (first.answer.remainingMs ?? 0) <= 2000);
  assert.equal(pids[0], pids[1]);
  assert.notEqual(pids[0], process.pid);
});

test('a function that throws, hangs, exits or is killed from outside answers with a FunctionError', async () => {
  assert.equal((await fixture.probe({ fail: 'no such luck' })).answer.errorMessage, 'no such luck');
  assert.equal(
    (await fixture.probe({ exit: true })).answer.errorMessage,
    'the environment exited with code 3',
  );
  assert.equal((await fixture.probe({ hang: true })).answer.errorType, 'Sandbox.Timedout');
  const calls = pids.length;
  const killed = fixture.probe({ hang: true });
  while (pids.length === calls) await sleep(5);
  process.kill(pids.at(-1) ?? 0, 'SIGKILL');
  assert.equal((await killed).answer.errorMessage, 'the environment exited with SIGKILL');
});

test('a stopped environment is ended by its time limit, as a hanging one', async () => {
  await fixture.probe({});
  process.kill(pids.at(-1) ?? 0, 'SIGSTOP');
  assert.equal((await fixture.probe({})).answer.errorType, 'Sandbox.Timedout');
  await ended(pids.at(-1) ?? 0, 1000);
});

test('services are killed: an idle environment ends, a busy one with its invocation or its time limit', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'tailrace-orphans-'));
  const script = fileURLToPath(new URL('./run-fixture.ts', import.meta.url));
  const services = spawn(process.execPath, [script, directory, 'processes'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface(services.stdout)[Symbol.asyncIterator]();
  const { outputs, ...client } = JSON.parse((await lines.next()).value ?? '{}');
  const lambda = new LambdaClient({ ...client, maxAttempts: 1 });
  const invoke = (event: object) =>
    lambda.send(new InvokeCommand({ FunctionName: outputs.Probe, Payload: JSON.stringify(event) }));
  const pidOf = async (): Promise<number> => JSON.parse((await lines.next()).value ?? '{}').probe;
  const file = (name: string): string => path.join(directory, name);
  const idle = invoke({ inside: file('first'), until: file('go') }).catch(() => undefined);
  await exists(file('first'));
  const busy = invoke({ inside: file('second'), hang: true }).catch(() => undefined);
  await exists(file('second'));
  writeFileSync(file('go'), '');
  await idle;
  services.kill('SIGKILL');
  await once(services, 'exit');
  await busy;
  const both = [await pidOf(), await pidOf()] as const;
  assert.ok(runsWith(both[1], 'process-entry.ts'), 'the busy one outlives the services');
  for (const pid of both) await ended(pid, 5000);
  rmSync(directory, { recursive: true, force: true });
});

async function exists(file: string): Promise<void> {
  while (!existsSync(file)) await sleep(5);
}

async function ended(pid: number, withinMs: number): Promise<void> {
  const until = Date.now() + withinMs;
  while (runsWith(pid, 'process-entry.ts')) {
    assert.ok(Date.now() < until, `process ${pid} lives on`);
    await sleep(20);
  }
}
