/**
 * A function's execution environment: its ports are remote calls that take time, get lost, or take effect and say
 * nothing; an invocation may be killed between any two, and what it had asked for still happens. An environment
 * that returned is frozen, and thawed for another invocation with all that it remembers.
 */
import { Fault } from '../../shared/core/fault.ts';
import type { ObjectStore, Ports } from '../../shared/ports.ts';
import type { MemoryPorts } from '../memory/memory-ports.ts';
import type { Random } from '../memory/seeded.ts';
import type { Faults } from './fault-rates.ts';
import { stageOf } from './stages.ts';

/** One invocation. */
export type Process = {
  /** Killed, or returned: nothing of it runs any more. */
  ended: 'no' | 'killed' | 'returned';
  /** Whose run it is about; undefined for the sweep. */
  readonly syncId: string | undefined;
  readonly kill: () => boolean;
};

export type Environment = {
  readonly ports: Ports;
  /** The invocation at work, or the last one. */
  process: Process;
  /** How far its clock is off. */
  readonly skewMs: number;
};

export type Invoked<T> =
  | { readonly is: 'returned'; readonly value: T }
  | { readonly is: 'threw' }
  | { readonly is: 'killed' };

export type Host = {
  readonly base: MemoryPorts;
  readonly faults: Faults;
  readonly random: Random;
  /** Work of a process that had returned: a frozen environment must have nothing pending. */
  onLateWork(what: string): void;
  /** A use case threw, whoever repeats it. */
  onThrown(error: unknown): void;
};

/** At most: the grace of the settings has room for twice this. */
export const SKEW_MS_MAX = 10_000;

const NOBODY: Process = { ended: 'returned', syncId: undefined, kill: () => false };

/** `syncId`: whose run it is made for. */
export function environment(host: Host, syncId?: string): Environment {
  const isSkewed = host.faults.fires('clockSkew', syncId);
  const skewMs = isSkewed ? host.random.below(2 * SKEW_MS_MAX) - SKEW_MS_MAX : 0;
  const made = { process: NOBODY, skewMs } as { -readonly [Name in keyof Environment]: Environment[Name] };
  made.ports = remotePorts(host, made);
  return made;
}

export type Invocation = { readonly syncId: string | undefined; readonly timeoutMs: number };

/** Runs one invocation in an environment of its own, killed at `timeoutMs`. */
export function invoke<T>(
  host: Host,
  invocation: Invocation,
  work: (ports: Ports) => Promise<T>,
): Promise<Invoked<T>> {
  return invokeIn(host, environment(host, invocation.syncId), invocation, ({ ports }) => work(ports));
}

/** The same in an environment that is at rest. */
export async function invokeIn<T>(
  host: Host,
  within: Environment,
  { syncId, timeoutMs }: Invocation,
  work: (within: Environment) => Promise<T>,
): Promise<Invoked<T>> {
  const { clock } = host.base;
  let died: () => void = () => undefined;
  const death = new Promise<Invoked<T>>((resolve) => {
    died = () => resolve({ is: 'killed' });
  });
  const process: Process = {
    ended: 'no',
    syncId,
    kill: () => {
      if (process.ended !== 'no') return false;
      process.ended = 'killed';
      died();
      return true;
    },
  };
  within.process = process;
  clock.schedule(clock.now() + timeoutMs, process.kill);
  const done = work(within).then(
    (value): Invoked<T> => ({ is: 'returned', value }),
    (error: unknown): Invoked<T> => {
      if (process.ended === 'no') host.onThrown(error);
      return { is: 'threw' };
    },
  );
  const ended = await Promise.race([done, death]);
  if (process.ended === 'no') process.ended = 'returned';
  return ended;
}

const never = <T>(): Promise<T> => new Promise(() => undefined);

/** A call over the network: request, effect, answer. */
export function remote<Args extends readonly unknown[], T>(
  host: Host,
  within: Environment,
  what: string,
  call: (...args: Args) => Promise<T>,
): (...args: Args) => Promise<T> {
  const { base, faults, random } = host;
  const wait = (ms: number): Promise<void> => base.clock.sleep(ms);
  return async (...args) => {
    const { process } = within;
    if (process.ended === 'returned') host.onLateWork(what);
    if (process.ended !== 'no') return never();
    const { syncId } = process;
    if (faults.fires('crashPerCall', syncId)) {
      process.kill();
      return never();
    }
    if (faults.fires('pausePerCall', syncId)) {
      await wait(30_000 + random.below(600_000));
      if (process.ended !== 'no') return never();
    }
    await wait(latency(host, syncId));
    const isLost = faults.fires('lostPerCall', syncId);
    const answer = isLost ? undefined : await call(...args);
    await wait(latency(host, syncId));
    if (process.ended !== 'no') return never();
    if (isLost || faults.fires('appliedButFailedPerCall', syncId)) {
      throw new Fault('transient', 'network', `${what} did not answer`);
    }
    return answer as T;
  };
}

function latency({ faults, random }: Host, syncId: string | undefined): number {
  return faults.fires('slowPerCall', syncId) ? 1000 + random.below(20_000) : 2 + random.below(30);
}

function remotePorts(host: Host, within: Environment): Ports {
  const { base } = host;
  const far = <Args extends readonly unknown[], T>(what: string, call: (...args: Args) => Promise<T>) =>
    remote(host, within, what, call);
  const { state, objects, warehouse, queue, definitions, schedules, events } = base;
  return {
    ...base,
    clock: {
      now: () => base.clock.now() + within.skewMs,
      sleep: async (ms, signal) => {
        const { process } = within;
        await base.clock.sleep(ms, signal);
        if (process.ended === 'killed') await never();
      },
    },
    state: {
      read: far('read', state.read),
      update: far('update', state.update),
      list: listing('list', host, within, state.list),
    },
    objects: {
      ...objects,
      put: far('put', objects.put),
      // The lifecycle takes what is marked, at once: a live pointer to it would break.
      supersede: far('supersede', async (key) => objects.remove(key)),
      get: far('get', objects.get),
      list: listing('list', host, within, objects.list),
      range: ranges(host, within, objects),
    },
    warehouse: {
      describe: far('describe', warehouse.describe),
      submit: far('submit', warehouse.submit),
      status: far('status', warehouse.status),
      counts: far('counts', warehouse.counts),
      stage: stageOf(base, within, far),
      cancel: far('cancel', warehouse.cancel),
      forget: far('forget', warehouse.forget),
    },
    queue: { send: far('send', queue.send) },
    definitions: {
      ...definitions,
      accepted: far('accepted', definitions.accepted),
      written: far('written', definitions.written),
      accept: far('accept', definitions.accept),
      forget: far('forget definition', definitions.forget),
      status: far('definition status', definitions.status),
      setStatus: far('set definition status', definitions.setStatus),
    },
    schedules: { put: far('put schedule', schedules.put), remove: far('remove schedule', schedules.remove) },
    events: { publish: far('publish', events.publish) },
  };
}

/** A listing as one remote call. */
function listing<T>(
  what: string,
  host: Host,
  within: Environment,
  list: (of: string) => AsyncIterable<T>,
): (of: string) => AsyncIterable<T> {
  const all = remote(host, within, what, async (of: string) => {
    const items: T[] = [];
    for await (const item of list(of)) items.push(item);
    return items;
  });
  return async function* (of) {
    yield* await all(of);
  };
}

function ranges(host: Host, within: Environment, objects: ObjectStore): ObjectStore['range'] {
  const open = remote(host, within, 'range', async () => undefined);
  return async function* (key, from, to, signal) {
    await open();
    yield* objects.range(key, from, to, signal);
  };
}
