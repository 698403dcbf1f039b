/**
 * Execution environments whose process dies at chosen effects: before the request left, or right after, when it is on
 * its way and will be applied all the same. A dead process is a promise that never resolves, so nothing of it runs
 * any further, reads included; a process that returned must not do anything either.
 */
import type { BoundDestination, ObjectStore, Ports } from '../../shared/ports.ts';
import type { MemoryPorts } from '../memory/memory-ports.ts';
import type { Environment, Process } from '../simulation/process.ts';
import { stageOf } from '../simulation/stages.ts';

export type Kill = {
  /** Which effect, counted from 1 over the whole history. */
  readonly effect: number;
  readonly when: 'before' | 'after';
};

export type Ended<T> = { readonly is: 'returned'; readonly value: T } | { readonly is: 'threw' | 'killed' };

export type Crashing = {
  /** What each effect was, in order. */
  readonly effects: readonly string[];
  environment(): Environment;
  /** Runs one invocation to its end, or until it dies, in virtual time. */
  invoke<T>(within: Environment, timeoutMs: number, work: () => Promise<T>): Promise<Ended<T>>;
  /** What the platform does for a process that has returned; false when the process dies at it. */
  afterwards(what: string, act: () => void): boolean;
  /** The destination with its calls among the effects. */
  bound(within: Environment, destination: BoundDestination): BoundDestination;
};

/** What is told of processes as it happens. */
export type Witness = {
  /** A process dies where it was told to. */
  onKill(): void;
  /** A process did something after it had returned. */
  onLateWork(what: string): void;
  /** A use case threw, or did not end in time. */
  onThrown(error: unknown): void;
};

type Call<Args extends readonly unknown[], T> = (...args: Args) => Promise<T>;
type Wrap = <Args extends readonly unknown[], T>(what: string, call: Call<Args, T>) => Call<Args, T>;

export function crashing(base: MemoryPorts, kills: readonly Kill[], witness: Witness): Crashing {
  const effects: string[] = [];
  const alive = (within: Environment, what: string): boolean => {
    if (within.process.ended === 'returned') witness.onLateWork(what);
    return within.process.ended === 'no';
  };
  const killAt = (what: string): Kill | undefined => {
    effects.push(what);
    const kill = kills.find(({ effect }) => effect === effects.length);
    if (kill !== undefined) witness.onKill();
    return kill;
  };
  const reads =
    (within: Environment): Wrap =>
    (what, call) =>
    async (...args) => {
      if (!alive(within, what)) return never();
      const { process } = within;
      const answer = await call(...args);
      return process.ended === 'killed' ? never() : answer;
    };
  const writes =
    (within: Environment): Wrap =>
    (what, call) =>
    async (...args) => {
      if (!alive(within, what)) return never();
      const { process } = within;
      const kill = killAt(told(what, args));
      if (kill?.when === 'before') return dead(process);
      const answer = call(...args);
      if (kill !== undefined) {
        answer.catch(() => undefined);
        return dead(process);
      }
      const value = await answer;
      return process.ended === 'killed' ? never() : value;
    };
  return {
    effects,
    environment: () => {
      const within = { process: NOBODY, skewMs: 0 } as {
        -readonly [Name in keyof Environment]: Environment[Name];
      };
      within.ports = portsOf(base, { reads: reads(within), writes: writes(within), within });
      return within;
    },
    invoke: (within, timeoutMs, work) => invoke(base, witness, { within, timeoutMs, work }),
    afterwards: (what, act) => {
      const kill = killAt(what);
      if (kill?.when !== 'before') act();
      return kill === undefined;
    },
    bound: (within, destination) => boundDestination(destination, writes(within)),
  };
}

const NOBODY: Process = { ended: 'returned', syncId: undefined, kill: () => false };

const never = <T>(): Promise<T> => new Promise(() => undefined);

function dead<T>(process: Process): Promise<T> {
  process.kill();
  return never();
}

/** An effect as a message names it: `update SYNC people`. */
function told(what: string, [first]: readonly unknown[]): string {
  if (typeof first === 'string') return `${what} ${first}`;
  const key = first as { readonly partition?: string; readonly sort?: string } | undefined;
  return key?.partition === undefined ? what : `${what} ${key.partition} ${key.sort}`;
}

type Invocation<T> = {
  readonly within: Environment;
  readonly timeoutMs: number;
  readonly work: () => Promise<T>;
};

async function invoke<T>(
  { clock }: MemoryPorts,
  { onThrown }: Witness,
  { within, timeoutMs, work }: Invocation<T>,
): Promise<Ended<T>> {
  let ended: Ended<T> | undefined;
  const process: Process = {
    ended: 'no',
    syncId: undefined,
    kill: () => {
      if (process.ended !== 'no') return false;
      process.ended = 'killed';
      ended = { is: 'killed' };
      return true;
    },
  };
  within.process = process;
  work().then(
    (value) => {
      ended ??= { is: 'returned', value };
    },
    (error: unknown) => {
      if (ended !== undefined) return;
      ended = { is: 'threw' };
      onThrown(error);
    },
  );
  await clock.runWhile(clock.now() + timeoutMs, () => ended !== undefined);
  if (ended === undefined && process.kill()) onThrown(new Error(`it was not done after ${timeoutMs} ms`));
  if (process.ended === 'no') process.ended = 'returned';
  return ended ?? { is: 'killed' };
}

type Wraps = { readonly reads: Wrap; readonly writes: Wrap; readonly within: Environment };

function portsOf(base: MemoryPorts, { reads, writes, within }: Wraps): Ports {
  const { state, objects, warehouse, queue, definitions, schedules, events } = base;
  return {
    ...base,
    clock: { now: base.clock.now, sleep: reads('sleep', base.clock.sleep) },
    state: {
      read: reads('read', state.read),
      update: writes('update', state.update),
      list: listing(reads, state.list),
    },
    objects: {
      ...objects,
      put: writes('put', objects.put),
      supersede: writes('supersede', objects.supersede),
      get: reads('get', objects.get),
      list: listing(reads, objects.list),
      range: ranges(within, objects),
    },
    warehouse: {
      describe: reads('describe', warehouse.describe),
      submit: writes('submit', warehouse.submit),
      status: reads('status', warehouse.status),
      counts: reads('counts', warehouse.counts),
      stage: stageOf(base, within, reads),
      cancel: writes('cancel', warehouse.cancel),
      forget: writes('forget', warehouse.forget),
    },
    queue: { send: writes('send', queue.send) },
    definitions: {
      accepted: reads('accepted', definitions.accepted),
      written: reads('written', definitions.written),
      status: reads('status', definitions.status),
      accept: writes('accept', definitions.accept),
      forget: writes('forget definition', definitions.forget),
      setStatus: writes('set status', definitions.setStatus),
    },
    schedules: {
      put: writes('put schedule', schedules.put),
      remove: writes('remove schedule', schedules.remove),
    },
    events: { publish: writes('publish', events.publish) },
  };
}

function listing<T>(reads: Wrap, list: (of: string) => AsyncIterable<T>): (of: string) => AsyncIterable<T> {
  const all = reads('list', async (of: string) => {
    const items: T[] = [];
    for await (const item of list(of)) items.push(item);
    return items;
  });
  return async function* (of) {
    yield* await all(of);
  };
}

function ranges(within: Environment, objects: ObjectStore): ObjectStore['range'] {
  return async function* (...args) {
    const { process } = within;
    for await (const piece of objects.range(...args)) {
      if (process.ended !== 'no') await never();
      yield piece;
    }
  };
}

function boundDestination(bound: BoundDestination, writes: Wrap): BoundDestination {
  const { destination } = bound;
  const wrapped =
    destination.kind === 'calls'
      ? { ...destination, write: writes('call', destination.write) }
      : {
          ...destination,
          submit: writes('submit job', destination.submit),
          poll: writes('poll job', destination.poll),
        };
  return { ...bound, destination: wrapped };
}
