/**
 * Small things that somebody may do to the engine without any run going wrong by it: a value in a place where people
 * read along, an error that a retry mends. The crash histories must tell of each.
 */
import { onPartition, sending } from '../simulation/mutation-views.ts';
import type { Guardless } from './crash-history.ts';

export type Slip = Guardless & {
  readonly slip: string;
  /** The only invariant that it breaks. */
  readonly breaks: string;
};

export const SLIPS: readonly Slip[] = [
  {
    slip: 'a state item has a value',
    breaks: 'I15',
    mutate: (base) => {
      const nameOfFirst = (): string => base.warehouse.tables.get('people')?.rows[0]?.name ?? '';
      onPartition('RUN#', (change) => ({ ...change, set: { ...change.set, sample: nameOfFirst() } }))(base);
    },
  },
  {
    slip: 'an event has a key',
    breaks: 'I15',
    mutate: ({ events, warehouse }) => {
      const { publish } = events;
      events.publish = (event) => {
        const first = warehouse.tables.get('people')?.rows[0]?.id ?? '';
        return publish({ ...event, detail: { ...event.detail, first } });
      };
    },
  },
  {
    slip: 'a log line has a key',
    breaks: 'I15',
    mutateLoaders: () => (ports) =>
      sending(ports, (request) => {
        ports.telemetry.log('info', 'batch_sent', { first: request.rows[0]?.key ?? '' });
        return request;
      }),
  },
  {
    slip: 'a use case throws what a retry mends',
    breaks: 'no bug',
    mutate: ({ state }) => {
      const { read } = state;
      let reads = 0;
      state.read = async (key) => {
        reads += 1;
        if (reads === 1) throw new TypeError('undefined is not iterable');
        return read(key);
      };
    },
  },
];
