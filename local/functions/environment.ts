/**
 * One execution environment of a function, with its own variables and a heap as large as the function's memory.
 * States: `starting` -> `idle` <-> `busy` -> `dead` (timed out, crashed, killed or stopped); a dead one is never used
 * again. What it runs on is its kind: a thread (fast, the usual) or a process (can be killed and paused from outside,
 * and outlives the services for as long as its invocation lasts). Neither is frozen between invocations, as Lambda's is.
 */
import type { EnvironmentKind, EnvironmentSettings, StartHost } from './host.ts';
import { startProcess } from './process-host.ts';
import { startThread } from './thread-host.ts';

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
  /** Of an environment that is a process. */
  readonly pid: number | undefined;
};

const HOSTS: Readonly<Record<EnvironmentKind, StartHost>> = {
  threads: startThread,
  processes: startProcess,
};

/** Lambda gives an init 10 s; a laptop that runs everything at once may take longer. */
const START_MS_MAX = 60_000;

export function startEnvironment(settings: EnvironmentSettings): Environment {
  let dead = false;
  let settle: ((result: InvokeResult) => void) | undefined;
  const ready = Promise.withResolvers<void>();
  const slowStart = setTimeout(
    () => die('Runtime.InitTimeout', `no init within ${START_MS_MAX} ms`),
    START_MS_MAX,
  );
  const host = HOSTS[settings.kind](settings, {
    answer(answer) {
      if (answer.is === 'ready') {
        clearTimeout(slowStart);
        ready.resolve();
      } else settle?.(answer);
    },
    ended: (reason) => die('Runtime.ExitError', reason),
  });

  function die(errorType: string, errorMessage: string): void {
    if (dead) return;
    dead = true;
    clearTimeout(slowStart);
    ready.resolve();
    settle?.(failure(errorType, errorMessage));
    host.end();
  }

  return {
    get dead() {
      return dead;
    },
    pid: host.pid,
    kill: (reason) => die('Runtime.Killed', reason),
    async invoke({ requestId, event, timeoutMs }) {
      const done = Promise.withResolvers<InvokeResult>();
      settle = done.resolve;
      await ready.promise;
      const deadlineAt = Date.now() + timeoutMs;
      if (dead) done.resolve(failure('Runtime.ExitError', 'the environment died during its start'));
      else host.post({ requestId, event, deadlineAt });
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
