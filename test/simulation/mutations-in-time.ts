/** Guards that see to it that something happens in time, or waits: see `invariants-time.ts`. */
import { Fault, THROTTLED } from '../../shared/core/fault.ts';
import { SYNC_PARTITION } from '../../shared/core/names.ts';
import type { AnyDestination } from '../../shared/destinations/destination.ts';
import type { LoaderPorts } from '../../shared/ports.ts';
import type { MemoryPorts } from '../memory/memory-ports.ts';
import { type NamedMutation, remembered } from './mutation-views.ts';

export const TIME_MUTATIONS: readonly NamedMutation[] = [
  {
    guard: 'each sweep finishes what is complete',
    protects: ['I8'],
    seed: 1,
    mutate: sweptSeldom,
  },
  {
    guard: 'a tick that must not start leaves what it wanted',
    protects: ['I8'],
    seed: 1,
    mutate: (base) => {
      const { update } = base.state;
      base.state.update = async (key, change) => {
        const isWish = key.partition === SYNC_PARTITION && change.set?.wanted !== undefined;
        if (!isWish || change.set?.phase !== undefined) return update(key, change);
        return { applied: true, item: base.state.peek(key) ?? {} };
      };
    },
  },
  {
    guard: 'a pause that the destination asks for is kept',
    protects: ['I9'],
    seed: 25,
    mutateLoaders: () => remembered(unasked),
  },
  {
    guard: 'the breaker opens',
    protects: ['I13'],
    seed: 861,
    mutate: (base) => {
      const { update } = base.state;
      base.state.update = async (key, change) =>
        key.partition.startsWith('BREAKER#') && change.set?.state === 'open'
          ? { applied: false, item: base.state.peek(key) }
          : update(key, change);
    },
  },
];

const SWEPT_EVERY_MS = 20 * 60_000;

/** Nobody says that a run is settled, and the sweep finds syncs in one of twenty minutes only. */
function sweptSeldom(base: MemoryPorts): void {
  const { list } = base.state;
  const { publish } = base.events;
  base.state.list = async function* (partition) {
    const isOff = partition === SYNC_PARTITION && base.clock.now() % SWEPT_EVERY_MS > 60_000;
    if (!isOff) yield* list(partition);
  };
  base.events.publish = async (event) => {
    if (event.type !== 'Run Settled') await publish(event);
  };
}

/** Throttle answers do not say for how long. */
function unasked(ports: LoaderPorts): LoaderPorts {
  const bound = ports.destination;
  const { destination } = bound;
  const heard = <T>(answer: Promise<T>): Promise<T> =>
    answer.catch((error: unknown) => {
      if (!(error instanceof Fault) || error.code !== THROTTLED) throw error;
      throw new Fault('transient', THROTTLED, error.message);
    });
  const changed: AnyDestination =
    destination.kind === 'calls'
      ? { ...destination, write: (...asked) => heard(destination.write(...asked)) }
      : {
          ...destination,
          submit: (...asked) => heard(destination.submit(...asked)),
          poll: (...asked) => heard(destination.poll(...asked)),
        };
  return { ...ports, destination: { ...bound, destination: changed } };
}
