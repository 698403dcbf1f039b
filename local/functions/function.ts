/**
 * A Lambda function of the template: a pool of execution environments, reused while warm, at most as many as its
 * concurrency. What AWS bills per function (invocations, durations) is counted.
 */
import { randomUUID } from 'node:crypto';
import { createWriteStream, mkdirSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';
import { type Environment, type InvokeResult, startEnvironment } from './environment.ts';
import type { EnvironmentKind } from './host.ts';

export type FunctionSettings = {
  readonly logicalId: string;
  readonly name: string;
  readonly arn: string;
  readonly roleArn: string;
  /** The bundle's file and the exported handler in it. */
  readonly file: string;
  readonly exportName: string;
  readonly timeoutMs: number;
  readonly memoryMb: number;
  /** Undefined: not reserved. */
  readonly reservedConcurrency: number | undefined;
  readonly variables: Readonly<Record<string, string>>;
  readonly logFile: string;
  readonly environments: EnvironmentKind;
  /** Told of each invocation as it begins, with the environment's process if it has one. */
  readonly onInvocation: OnInvocation | undefined;
};

export type OnInvocation = (
  logicalId: string,
  pid: number | undefined,
  /** Resolves at its end, also a bad one. */
  ended: Promise<InvokeResult>,
) => void;

export type FunctionUsage = {
  invocations: number;
  errors: number;
  coldStarts: number;
  /** Sum over invocations, as billed: start of the handler to its end, whole milliseconds. */
  billedMs: number;
};

export type LocalFunction = {
  readonly settings: FunctionSettings;
  readonly usage: FunctionUsage;
  /** Undefined when all environments are busy (Lambda's throttle); otherwise never throws. */
  invoke(event: string): Promise<InvokeResult> | undefined;
  readonly hasSlot: boolean;
  /** Resolves when an environment may be free, or the signal aborts. */
  slot(signal: AbortSignal): Promise<void>;
  /** Kills environments, busy ones included; returns how many. */
  kill(reason: string): number;
  /** From now on invocations run this; those that are at work end as they began, in their old environments. */
  deploy(release: Release): void;
  stop(): void;
};

/** What an update of a function may change while the function stays the same. */
export type Release = Pick<FunctionSettings, 'file' | 'exportName' | 'timeoutMs' | 'memoryMb' | 'variables'>;

/** An account's unreserved concurrency would be 900; a laptop has fewer threads to give, and still fewer processes. */
const UNRESERVED_MAX = { threads: 20, processes: 4 } as const;

export function createFunction(settings: FunctionSettings): LocalFunction {
  const max = settings.reservedConcurrency ?? UNRESERVED_MAX[settings.environments];
  const idle: Environment[] = [];
  const busy = new Set<Environment>();
  const waiting = new Set<() => void>();
  let release: Release = settings;
  const madeOf = new WeakMap<Environment, Release>();
  const usage: FunctionUsage = { invocations: 0, errors: 0, coldStarts: 0, billedMs: 0 };
  const log = openLog(settings.logFile);

  /** The environment used last: the others may grow cold. */
  function acquire(): Environment {
    for (let warm = idle.pop(); warm !== undefined; warm = idle.pop()) if (!warm.dead) return warm;
    usage.coldStarts += 1;
    const { file, exportName, variables, memoryMb } = release;
    const bootstrap = { file, exportName, functionArn: settings.arn };
    const made = startEnvironment({ kind: settings.environments, bootstrap, variables, memoryMb, log });
    madeOf.set(made, release);
    return made;
  }

  /** An environment of code that was replaced takes no other event. */
  function giveBack(environment: Environment): void {
    if (madeOf.get(environment) === release) idle.push(environment);
    else environment.kill('replaced');
  }

  async function run(environment: Environment, event: string): Promise<InvokeResult> {
    const startedAt = Date.now();
    const ended = environment.invoke({
      requestId: randomUUID(),
      event,
      timeoutMs: madeOf.get(environment)?.timeoutMs ?? settings.timeoutMs,
    });
    settings.onInvocation?.(settings.logicalId, environment.pid, ended);
    const result = await ended;
    usage.invocations += 1;
    usage.billedMs += Date.now() - startedAt;
    if (result.is === 'error') usage.errors += 1;
    busy.delete(environment);
    if (!environment.dead) giveBack(environment);
    for (const wake of [...waiting]) wake();
    return result;
  }

  return {
    settings,
    usage,
    get hasSlot() {
      return busy.size < max;
    },
    invoke(event) {
      if (busy.size >= max) return undefined;
      const environment = acquire();
      busy.add(environment);
      return run(environment, event);
    },
    async slot(signal) {
      if (busy.size < max || signal.aborted) return;
      await new Promise<void>((resolve) => {
        const done = (): void => {
          waiting.delete(done);
          signal.removeEventListener('abort', done);
          resolve();
        };
        waiting.add(done);
        signal.addEventListener('abort', done);
      });
    },
    kill(reason) {
      const all = [...busy, ...idle.splice(0)];
      for (const environment of all) environment.kill(reason);
      return all.length;
    },
    deploy(next) {
      release = next;
      for (const environment of idle.splice(0)) environment.kill('replaced');
    },
    stop() {
      for (const environment of [...busy, ...idle.splice(0)]) environment.kill('the local stack stopped');
      log.end();
    },
  };
}

/** A stack that is kept running for days must not fill the disk: one old log is kept. */
const LOG_BYTES_MAX = 20 * 1024 * 1024;
/** Every environment pipes into it. */
const LOG_LISTENERS_MAX = 200;

function openLog(file: string) {
  mkdirSync(path.dirname(file), { recursive: true });
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > LOG_BYTES_MAX) renameSync(file, `${file}.1`);
  const log = createWriteStream(file, { flags: 'a' }).setMaxListeners(LOG_LISTENERS_MAX);
  // What a killed environment had still in its pipe comes after the end; it must not end the process.
  return log.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ERR_STREAM_WRITE_AFTER_END') throw error;
  });
}
