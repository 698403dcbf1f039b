/**
 * A port in memory over a network: the next call can be done without its answer coming. What the simulator's network
 * does by chance, for the contract suites to do on purpose.
 */
import { Fault } from '../../shared/core/fault.ts';

export type Lossy<Port> = { readonly port: Port; loseNextAnswer(): void };

/** Methods that give a promise can lose their answer; others are left as they are. */
export function lossy<Port extends object>(inner: Port): Lossy<Port> {
  let loses = false;
  const port = new Proxy(inner, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        const answer: unknown = member.apply(target, args);
        if (!loses || !(answer instanceof Promise)) return answer;
        loses = false;
        return answer.then(() => {
          throw new Fault('transient', 'network', 'no answer came');
        });
      };
    },
  });
  return {
    port,
    loseNextAnswer: () => {
      loses = true;
    },
  };
}
