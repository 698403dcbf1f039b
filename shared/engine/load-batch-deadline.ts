/**
 * How long a delivery may take: no request starts past `stopAt`, and its sockets are destroyed a little later, so that
 * there is time to write before Lambda kills the process.
 */
import { DEADLINE_MARGIN_MS_MAX, DEADLINE_MARGIN_SHARE, DEADLINE_WRITE_SHARE } from '../core/limits.ts';
import type { LoaderPorts } from '../ports.ts';

export type Lifetime = {
  /** When this invocation is killed; epoch milliseconds. */
  readonly deadlineAt: number;
  readonly signal: AbortSignal;
};

export type Deadline = {
  /** No request starts at or past this moment; epoch milliseconds. */
  readonly stopAt: number;
  /** Destroys sockets: at the deadline, or when the invocation's own signal says so. */
  readonly abort: AbortSignal;
  /** Leaves no timer behind. */
  end(): void;
};

export function startDeadline(ports: LoaderPorts, { deadlineAt, signal }: Lifetime): Deadline {
  const leftMs = Math.max(0, deadlineAt - ports.clock.now());
  const marginMs = Math.min(leftMs * DEADLINE_MARGIN_SHARE, DEADLINE_MARGIN_MS_MAX);
  const abortAt = deadlineAt - marginMs * DEADLINE_WRITE_SHARE;
  const abort = new AbortController();
  const onSignal = (): void => abort.abort();
  signal.addEventListener('abort', onSignal, { once: true });
  const wake = new AbortController();
  void ports.clock.sleep(abortAt - ports.clock.now(), wake.signal).then(onSignal, () => undefined);
  return {
    stopAt: deadlineAt - marginMs,
    abort: abort.signal,
    end: () => {
      wake.abort();
      signal.removeEventListener('abort', onSignal);
    },
  };
}
