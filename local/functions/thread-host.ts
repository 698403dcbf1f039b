/** Execution environments as worker threads of this process: they start fast, and die with it. */
import { Worker } from 'node:worker_threads';
import type { Answer, Invocation } from './handler.ts';
import type { EnvironmentSettings, Host, HostListener } from './host.ts';

export function startThread(
  { bootstrap, variables, memoryMb, log }: EnvironmentSettings,
  told: HostListener,
): Host {
  const worker = new Worker(new URL('./thread-entry.ts', import.meta.url), {
    workerData: bootstrap,
    env: variables,
    execArgv: [],
    stdout: true,
    stderr: true,
    resourceLimits: {
      maxOldGenerationSizeMb: memoryMb,
      // Lambda's Node runtime gives each of the three young spaces a twentieth of the memory.
      maxYoungGenerationSizeMb: Math.ceil((3 * memoryMb) / 20),
    },
  });
  worker.stdout.pipe(log, { end: false });
  worker.stderr.pipe(log, { end: false });
  worker.on('error', (error) => told.ended(error instanceof Error ? error.message : String(error)));
  worker.on('exit', (code) => told.ended(`the environment exited with code ${code}`));
  worker.on('message', (answer: Answer) => told.answer(answer));
  return {
    pid: undefined,
    post: (invocation: Invocation) => worker.postMessage(invocation),
    end: () => void worker.terminate(),
  };
}
