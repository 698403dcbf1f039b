/** What mutations are made of: the ports as use cases see them, with something left out. */
import { SYNC_PARTITION } from '../../shared/core/names.ts';
import type { AnyDestination, WriteRequest } from '../../shared/destinations/destination.ts';
import type { Item, LoaderPorts, Update } from '../../shared/ports.ts';
import type { MemoryPorts } from '../memory/memory-ports.ts';
import type { LoaderMutation, Mutation, WorldMutation } from './simulate.ts';
import type { World } from './world.ts';

export type NamedMutation = {
  readonly guard: string;
  /** Invariants that it protects; one of them must be seen broken. */
  readonly protects: readonly string[];
  readonly mutate?: Mutation;
  readonly mutateLoaders?: LoaderMutation;
  readonly mutateWorld?: WorldMutation;
  /** Noticed it when this was written: tried first. */
  readonly seed: number;
  /** A defect that a seed once found in the engine; its repair is this guard. */
  readonly found?: string;
};

export function onPartition(prefix: string, change: (update: Update) => Update): Mutation {
  return (base) => {
    const { update } = base.state;
    base.state.update = async (key, written) =>
      update(key, key.partition.startsWith(prefix) ? change(written) : written);
  };
}

export function onSync(change: (update: Update, item: Item | undefined) => Update): Mutation {
  return (base: MemoryPorts) => {
    const { update } = base.state;
    base.state.update = async (key, written) =>
      update(key, key.partition === SYNC_PARTITION ? change(written, base.state.peek(key)) : written);
  };
}

/** One view for each environment: what a loader remembers hangs on its ports. */
export function remembered(view: (ports: LoaderPorts) => LoaderPorts): World['loaderPorts'] {
  const views = new WeakMap<LoaderPorts, LoaderPorts>();
  return (ports) => {
    const known = views.get(ports) ?? view(ports);
    views.set(ports, known);
    return known;
  };
}

/** Requests that are not what the engine made them. */
export function sending(ports: LoaderPorts, change: (request: WriteRequest) => WriteRequest): LoaderPorts {
  const bound = ports.destination;
  const { destination } = bound;
  const changed: AnyDestination =
    destination.kind === 'calls'
      ? {
          ...destination,
          write: (ctx, target, request) => destination.write(ctx, target, change(request)),
        }
      : {
          ...destination,
          submit: (ctx, target, request) => destination.submit(ctx, target, change(request)),
        };
  return { ...ports, destination: { ...bound, destination: changed } };
}
