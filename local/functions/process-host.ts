/**
 * Execution environments as processes of their own, in the process group of this one. What becomes of them when it
 * dies is told in `process-entry.ts`.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Answer, Invocation } from './handler.ts';
import type { EnvironmentSettings, Host, HostListener } from './host.ts';

const ENTRY = fileURLToPath(new URL('./process-entry.ts', import.meta.url));

export function startProcess(
  { bootstrap, variables, memoryMb, log }: EnvironmentSettings,
  told: HostListener,
): Host {
  const child = fork(ENTRY, [JSON.stringify(bootstrap)], {
    env: variables,
    // Lambda's Node runtime gives each of the three young spaces a twentieth of the memory.
    execArgv: [`--max-old-space-size=${memoryMb}`, `--max-semi-space-size=${Math.ceil(memoryMb / 20)}`],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  child.stdout?.pipe(log, { end: false });
  child.stderr?.pipe(log, { end: false });
  child.on('error', (error) => told.ended(error.message));
  child.on('exit', (code, signal) =>
    told.ended(`the environment exited with ${signal === null ? `code ${code}` : signal}`),
  );
  child.on('message', (answer) => told.answer(answer as Answer));
  return {
    pid: child.pid,
    // One that has just died is told by its exit, not here.
    post: (invocation: Invocation) => void child.send(invocation, () => undefined),
    end: () => void child.kill('SIGKILL'),
  };
}
