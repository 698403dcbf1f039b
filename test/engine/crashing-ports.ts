/**
 * Ports whose process dies at one chosen effect: before it, or after it was applied and before its answer came. A
 * crash is a promise that never resolves, so nothing of the dead process runs any further.
 */
import type { Ports } from '../../shared/ports.ts';

export type CrashPlan = {
  /** Which effect, counted from 1 over the whole history; 0: none. */
  readonly effect: number;
  readonly when: 'before' | 'after';
};

export type CrashingPorts = {
  readonly ports: Ports;
  /** Effects so far. */
  effects(): number;
  /** Runs one invocation of a function; undefined when its process died. */
  invoke<T>(work: (ports: Ports) => Promise<T>): Promise<T | undefined>;
};

export function crashingPorts(inner: Ports, plan: CrashPlan): CrashingPorts {
  let effects = 0;
  let die: () => void = () => undefined;
  const effect =
    <Args extends readonly unknown[], T>(call: (...args: Args) => Promise<T>) =>
    async (...args: Args): Promise<T> => {
      effects += 1;
      const mine = effects === plan.effect;
      if (mine && plan.when === 'before') return death();
      const answer = await call(...args);
      return mine ? death() : answer;
    };
  const death = (): Promise<never> => {
    die();
    return new Promise(() => undefined);
  };
  const { state, objects, warehouse, queue, events } = inner;
  const ports: Ports = {
    ...inner,
    state: { ...state, update: effect(state.update) },
    objects: { ...objects, put: effect(objects.put) },
    warehouse: {
      ...warehouse,
      submit: effect(warehouse.submit),
      stage: effect(warehouse.stage),
      cancel: effect(warehouse.cancel),
    },
    queue: { ...queue, send: effect(queue.send) },
    events: { ...events, publish: effect(events.publish) },
  };
  return {
    ports,
    effects: () => effects,
    invoke: async (work) =>
      Promise.race([
        work(ports),
        new Promise<undefined>((resolve) => {
          die = () => resolve(undefined);
        }),
      ]),
  };
}
