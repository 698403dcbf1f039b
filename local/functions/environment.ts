/**
 * One execution environment of a function: a worker thread with its own variables and a heap as large as the
 * function's memory. States: `starting` -> `idle` <-> `busy` -> `dead` (timed out, crashed, killed or stopped); a
 * dead one is never used again. Unlike Lambda's it is not frozen between invocations.
 */
import type { Writable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import type { Answer, Bootstrap, Invocation } from './worker.ts';

export type InvokeResult =
  | { readonly is: 'result'; readonly payload: string }
  /** Lambda's `FunctionError`: the handler threw, timed out, or its process died. */
  | { readonly is: 'error'; readonly payload: string };

export type Environment = {
  /** Never throws; one call at a time. The time limit counts from the end of the environment's start. */
  invoke(call: {
    readonly requestId: string;
    readonly event: string;
    readonly timeoutMs: number;
  }): Promise<InvokeResult>;
  /** Ends at once, as a hard crash would; a running invocation answers with an error. */
  kill(reason: string): void;
  readonly dead: boolean;
};

export type EnvironmentSettings = Bootstrap & {
  readonly variables: Readonly<Record<string, string>>;
  readonly memoryMb: number;
  readonly log: Writable;
};

/** Lambda gives an init 10 s; a laptop that runs everything at once may take longer. */
const START_MS_MAX = 60_000;

export function startEnvironment(settings: EnvironmentSettings): Environment {
  const { variables, memoryMb, log, ...bootstrap } = settings;
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: bootstrap satisfies Bootstrap,
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

  let dead = false;
  let settle: ((result: InvokeResult) => void) | undefined;
  const ready = Promise.withResolvers<void>();
  const slowStart = setTimeout(
    () => die('Runtime.InitTimeout', `no init within ${START_MS_MAX} ms`),
    START_MS_MAX,
  );

  function die(errorType: string, errorMessage: string): void {
    if (dead) return;
    dead = true;
    clearTimeout(slowStart);
    ready.resolve();
    settle?.(failure(errorType, errorMessage));
    void worker.terminate();
  }
  worker.on('error', (error) =>
    die('Runtime.ExitError', error instanceof Error ? error.message : String(error)),
  );
  worker.on('exit', (code) => die('Runtime.ExitError', `the environment exited with code ${code}`));
  worker.on('message', (answer: Answer) => {
    if (answer.is === 'ready') {
      clearTimeout(slowStart);
      ready.resolve();
    } else settle?.(answer);
  });

  return {
    get dead() {
      return dead;
    },
    kill: (reason) => die('Runtime.Killed', reason),
    async invoke({ requestId, event, timeoutMs }) {
      const done = Promise.withResolvers<InvokeResult>();
      settle = done.resolve;
      await ready.promise;
      const deadlineAt = Date.now() + timeoutMs;
      if (dead) done.resolve(failure('Runtime.ExitError', 'the environment died during its start'));
      else worker.postMessage({ requestId, event, deadlineAt } satisfies Invocation);
      const timer = setTimeout(
        () => die('Sandbox.Timedout', `Task timed out after ${timeoutMs} ms`),
        timeoutMs,
      );
      const result = await done.promise;
      clearTimeout(timer);
      settle = undefined;
      return result;
    },
  };
}

const failure = (errorType: string, errorMessage: string): InvokeResult => ({
  is: 'error',
  payload: JSON.stringify({ errorType, errorMessage }),
});
