/**
 * The driver's hold on the services: starts them in a process group of their own, kills them alone or with everything
 * that they started, pauses them, starts them again on the same data and the same port.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Question, ServicesSettings, Told } from './services.ts';
import { runsWith, signal, signalTo } from './signals.ts';

export type Invocation = { readonly of: string; readonly pid: number };

export type Services = {
  readonly outputs: Readonly<Record<string, string>>;
  readonly starts: number;
  readonly isUp: boolean;
  onInvocation(listener: (invocation: Invocation) => void): void;
  /** Resolves when they answer. */
  start(): Promise<void>;
  /** SIGKILL to the services alone (environments are left to themselves), or to their whole group at once. */
  kill(whom: 'services' | 'everything'): Promise<void>;
  signal(name: 'SIGSTOP' | 'SIGCONT'): void;
  /** Both throw ServicesGone when the services die meanwhile: whether it took effect is not known. */
  sql(text: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
  pending(): Promise<number>;
  /** Environments of services that were killed, and that still run. */
  orphans(): readonly number[];
  /** False when the environment has ended. */
  signalTo(pid: number, name: NodeJS.Signals): boolean;
  /** Ends everything that was ever started, at once. */
  end(): void;
};

export class ServicesGone extends Error {}

type Waiting = { readonly resolve: (value: unknown) => void; readonly reject: (error: Error) => void };

export function servicesOf(settings: ServicesSettings): Services {
  const listeners: ((invocation: Invocation) => void)[] = [];
  const waiting = new Map<number, Waiting>();
  let starts = 0;
  /** Process -> the start of the services that it belongs to. */
  const environments = new Map<number, number>();
  let child: ChildProcess | undefined;
  let outputs: Readonly<Record<string, string>> = {};
  let isUp = false;
  let asked = 0;

  function hear(told: Told): void {
    if (told.is === 'ready') outputs = told.outputs;
    else if (told.is === 'invocation') {
      environments.set(told.pid, starts);
      for (const listener of listeners) listener(told);
    } else {
      const { to } = told;
      if (told.is === 'answer') waiting.get(to)?.resolve(told.value);
      else waiting.get(to)?.reject(new Error(told.message));
      waiting.delete(to);
    }
  }

  function gone(): void {
    isUp = false;
    for (const { reject } of waiting.values()) reject(new ServicesGone('the services died'));
    waiting.clear();
  }

  const ask = (question: { sql: string } | { ask: 'pending' }): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (child === undefined || !isUp) return reject(new ServicesGone('the services are down'));
      asked += 1;
      waiting.set(asked, { resolve, reject });
      child.send({ id: asked, ...question } satisfies Question, () => undefined);
    });

  return {
    get outputs() {
      return outputs;
    },
    get starts() {
      return starts;
    },
    get isUp() {
      return isUp;
    },
    onInvocation: (listener) => void listeners.push(listener),
    async start() {
      child = spawnServices(settings, hear);
      starts += 1;
      child.once('exit', gone);
      await ready(child);
      isUp = true;
    },
    async kill(whom) {
      const pid = child?.pid;
      if (child === undefined || pid === undefined) return;
      const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
      signal(whom === 'everything' ? -pid : pid, 'SIGKILL');
      await ended;
    },
    signal: (name) => void (child?.pid !== undefined && signal(child.pid, name)),
    sql: async (text) => (await ask({ sql: text })) as readonly Record<string, unknown>[],
    pending: async () => (await ask({ ask: 'pending' })) as number,
    orphans: () =>
      [...environments]
        .filter(([pid, start]) => (start < starts || !isUp) && runsWith(pid, settings.assembly))
        .map(([pid]) => pid),
    signalTo: (pid, name) => signalTo(pid, settings.assembly, name),
    end() {
      if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null)
        signal(-child.pid, 'SIGKILL');
      for (const pid of environments.keys()) signalTo(pid, settings.assembly, 'SIGKILL');
    },
  };
}

/** `detached` makes it the leader of a group; its environments are members, also when it is dead. */
function spawnServices(settings: ServicesSettings, hear: (told: Told) => void): ChildProcess {
  const script = path.join(import.meta.dirname, 'services.ts');
  const child = spawn(process.execPath, [script, JSON.stringify(settings)], {
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  child.on('message', (told) => hear(told as Told));
  return child;
}

/** Loading the code on a machine with other things to do. */
const START_MS_MAX = 60_000;

async function ready(child: ChildProcess): Promise<void> {
  const late = AbortSignal.timeout(START_MS_MAX);
  await new Promise<void>((resolve, reject) => {
    child.on('message', (told) => {
      if ((told as Told).is === 'ready') resolve();
    });
    child.once('exit', (code) => reject(new Error(`the services ended with ${code} before they were ready`)));
    late.addEventListener('abort', () =>
      reject(new Error(`the services were not ready in ${START_MS_MAX} ms`)),
    );
  });
}
