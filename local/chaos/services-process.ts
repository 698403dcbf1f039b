/**
 * The driver's hold on the services: starts them in a process group of their own, kills them alone or with everything
 * that they started, pauses them, starts them again on the same data and the same port.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Question, ServicesSettings, Told } from './services.ts';
import { runsWith, signal, signalTo } from './signals.ts';
import { countSuspicions, type Suspected } from './suspicions.ts';

export type Invocation = { readonly of: string; readonly pid: number };

export type Services = {
  readonly outputs: Readonly<Record<string, string>>;
  readonly starts: number;
  /** Crashes that loaders have suspected so far. */
  readonly suspected: Suspected;
  onInvocation(listener: (invocation: Invocation) => void): void;
  /** Invocations under way, the latest first. */
  working(): readonly Invocation[];
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
  /** Environments of the latest start that still run. */
  running(): readonly number[];
  /** False when the environment has ended. */
  signalTo(pid: number, name: NodeJS.Signals): boolean;
  /** Ends everything that was ever started, at once. */
  end(): void;
};

export class ServicesGone extends Error {}

export function servicesOf(settings: ServicesSettings): Services {
  const listeners: ((invocation: Invocation) => void)[] = [];
  /** Process -> the start of the services that it belongs to. */
  const environments = new Map<number, number>();
  const working = new Map<number, Invocation>();
  const suspicions = countSuspicions();
  const questions = openQuestions();
  let starts = 0;
  let child: ChildProcess | undefined;
  let outputs: Readonly<Record<string, string>> = {};
  let isUp = false;

  function hear(told: Told, start: number): void {
    if (told.is === 'ready') outputs = told.outputs;
    else if (told.is === 'point') suspicions.hear(told.point);
    else if (told.is === 'ended') working.delete(told.pid);
    else if (told.is !== 'invocation') questions.answer(told);
    else {
      environments.set(told.pid, start);
      // What dead services had still in the pipe is no work any more.
      if (start === starts && child !== undefined && isRunning(child)) {
        working.delete(told.pid);
        working.set(told.pid, { of: told.of, pid: told.pid });
      }
      for (const listener of listeners) listener(told);
    }
  }

  async function start(): Promise<void> {
    starts += 1;
    const nth = starts;
    child = spawnServices(settings, (told) => hear(told, nth));
    child.once('exit', () => {
      isUp = false;
      working.clear();
      questions.giveUp();
    });
    await ready(child);
    isUp = true;
  }

  async function kill(whom: 'services' | 'everything'): Promise<void> {
    if (child?.pid === undefined || !isRunning(child)) return;
    const ended = once(child, 'exit');
    signal(whom === 'everything' ? -child.pid : child.pid, 'SIGKILL');
    await ended;
  }

  const isOurs = (pid: number): boolean => runsWith(pid, settings.assembly);
  const ask = (question: Asked): Promise<unknown> => questions.ask(isUp ? child : undefined, question);

  return {
    get outputs() {
      return outputs;
    },
    get starts() {
      return starts;
    },
    suspected: suspicions.suspected,
    onInvocation: (listener) => void listeners.push(listener),
    working: () => [...working.values()].toReversed(),
    start,
    kill,
    signal: (name) => void (child?.pid !== undefined && isRunning(child) && signal(child.pid, name)),
    sql: async (sql) => (await ask({ sql })) as readonly Record<string, unknown>[],
    pending: async () => (await ask({ ask: 'pending' })) as number,
    orphans: () =>
      [...environments].flatMap(([pid, nth]) => ((nth < starts || !isUp) && isOurs(pid) ? [pid] : [])),
    running: () => [...environments].flatMap(([pid, nth]) => (nth === starts && isOurs(pid) ? [pid] : [])),
    signalTo: (pid, name) => signalTo(pid, settings.assembly, name),
    end() {
      if (child?.pid !== undefined && isRunning(child)) signal(-child.pid, 'SIGKILL');
      for (const pid of environments.keys()) signalTo(pid, settings.assembly, 'SIGKILL');
    },
  };
}

const isRunning = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode === null && signalCode === null;

type Asked = { readonly sql: string } | { readonly ask: 'pending' };
type Waiting = { readonly resolve: (value: unknown) => void; readonly reject: (error: Error) => void };

/** Questions to the services that wait for an answer. */
function openQuestions() {
  const waiting = new Map<number, Waiting>();
  let asked = 0;
  return {
    ask: (child: ChildProcess | undefined, question: Asked): Promise<unknown> =>
      new Promise((resolve, reject) => {
        if (child === undefined) return reject(new ServicesGone('the services are down'));
        asked += 1;
        waiting.set(asked, { resolve, reject });
        child.send({ id: asked, ...question } satisfies Question, () => undefined);
      }),
    answer(told: Extract<Told, { to: number }>): void {
      if (told.is === 'answer') waiting.get(told.to)?.resolve(told.value);
      else waiting.get(told.to)?.reject(new Error(told.message));
      waiting.delete(told.to);
    },
    giveUp(): void {
      for (const { reject } of waiting.values()) reject(new ServicesGone('the services died'));
      waiting.clear();
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
