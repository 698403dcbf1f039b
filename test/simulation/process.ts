/**
 * A function's execution environment: its ports are remote calls that take time, get lost, or take effect and say
 * nothing; it may be killed between any two, and what it had asked for still happens.
 */
import { Fault } from '../../shared/core/fault.ts';
import type { ObjectStore, Ports } from '../../shared/ports.ts';
import type { MemoryPorts } from '../memory/memory-ports.ts';
import type { Random } from '../memory/seeded.ts';
import type { Faults } from './fault-rates.ts';

export type Process = {
  readonly id: number;
  /** Killed, or returned: nothing of it runs any more. */
  ended: 'no' | 'killed' | 'returned';
  readonly skewMs: number;
  readonly kill: () => void;
};

export type Invoked<T> =
  | { readonly is: 'returned'; readonly value: T }
  | { readonly is: 'threw'; readonly error: unknown }
  | { readonly is: 'killed' };

export type Host = {
  readonly base: MemoryPorts;
  readonly faults: Faults;
  readonly random: Random;
  /** Work of a process that had returned: a frozen environment must have nothing pending. */
  onLateWork(process: Process, what: string): void;
};

let processes = 0;

/** Runs one invocation in a process of its own, killed at `timeoutMs`. */
export async function invoke<T>(
  host: Host,
  timeoutMs: number,
  work: (ports: Ports, process: Process) => Promise<T>,
): Promise<Invoked<T>> {
  const { clock } = host.base;
  let died: () => void = () => undefined;
  const death = new Promise<Invoked<T>>((resolve) => {
    died = () => resolve({ is: 'killed' });
  });
  processes += 1;
  const process: Process = {
    id: processes,
    ended: 'no',
    skewMs: 0,
    kill: () => {
      if (process.ended !== 'no') return;
      process.ended = 'killed';
      died();
    },
  };
  clock.schedule(clock.now() + timeoutMs, process.kill);
  const done = work(remotePorts(host, process), process).then(
    (value): Invoked<T> => ({ is: 'returned', value }),
    (error: unknown): Invoked<T> => ({ is: 'threw', error }),
  );
  const ended = await Promise.race([done, death]);
  if (process.ended === 'no') process.ended = 'returned';
  return ended;
}

const never = <T>(): Promise<T> => new Promise(() => undefined);

/** A call over the network: request, effect, answer. */
export function remote<Args extends readonly unknown[], T>(
  host: Host,
  process: Process,
  what: string,
  call: (...args: Args) => Promise<T>,
): (...args: Args) => Promise<T> {
  const { base, faults, random } = host;
  const wait = (ms: number): Promise<void> => base.clock.sleep(ms);
  return async (...args) => {
    if (process.ended === 'returned') host.onLateWork(process, what);
    if (process.ended !== 'no') return never();
    if (faults.fires('crashPerCall')) {
      process.kill();
      return never();
    }
    if (faults.fires('pausePerCall')) {
      await wait(30_000 + random.below(600_000));
      if (process.ended !== 'no') return never();
    }
    await wait(latency(host));
    const isLost = faults.fires('lostPerCall');
    const answer = isLost ? undefined : await call(...args);
    await wait(latency(host));
    if (process.ended !== 'no') return never();
    if (isLost || faults.fires('appliedButFailedPerCall')) {
      throw new Fault('transient', 'network', `${what} did not answer`);
    }
    return answer as T;
  };
}

function latency({ faults, random }: Host): number {
  return faults.fires('slowPerCall') ? 1000 + random.below(20_000) : 2 + random.below(30);
}

function remotePorts(host: Host, process: Process): Ports {
  const { base } = host;
  const far = <Args extends readonly unknown[], T>(what: string, call: (...args: Args) => Promise<T>) =>
    remote(host, process, what, call);
  const { state, objects, warehouse, queue, definitions, events } = base;
  return {
    ...base,
    clock: {
      now: () => base.clock.now() + process.skewMs,
      sleep: async (ms, signal) => {
        await base.clock.sleep(ms, signal);
        if (process.ended === 'killed') await never();
      },
    },
    state: {
      read: far('read', state.read),
      update: far('update', state.update),
      list: far1('list', host, process, state.list),
    },
    objects: {
      ...objects,
      put: far('put', objects.put),
      get: far('get', objects.get),
      list: far1('list', host, process, objects.list),
      range: ranges(host, process, objects),
    },
    warehouse: {
      describe: far('describe', warehouse.describe),
      submit: far('submit', warehouse.submit),
      status: far('status', warehouse.status),
      counts: far('counts', warehouse.counts),
      stage: far('stage', warehouse.stage),
      cancel: far('cancel', warehouse.cancel),
      forget: far('forget', warehouse.forget),
    },
    queue: { send: far('send', queue.send) },
    definitions: { ...definitions, accepted: far('accepted', definitions.accepted) },
    events: { publish: far('publish', events.publish) },
  };
}

/** A listing as one remote call. */
function far1<T>(
  what: string,
  host: Host,
  process: Process,
  list: (of: string) => AsyncIterable<T>,
): (of: string) => AsyncIterable<T> {
  const all = remote(host, process, what, async (of: string) => {
    const items: T[] = [];
    for await (const item of list(of)) items.push(item);
    return items;
  });
  return async function* (of) {
    yield* await all(of);
  };
}

function ranges(host: Host, process: Process, objects: ObjectStore): ObjectStore['range'] {
  const open = remote(host, process, 'range', async () => undefined);
  return async function* (key, from, to, signal) {
    await open();
    yield* objects.range(key, from, to, signal);
  };
}
