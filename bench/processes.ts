/** The parties of the figures as processes of their own: the sink, and the bare loop. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

export type BenchSink = {
  readonly port: number;
  readonly url: string;
  reset(latencyMs?: number): Promise<void>;
  counts(): Promise<{ readonly rows: number; readonly bytes: number; readonly requests: number }>;
  /** When each request arrived, epoch ms with fractions. */
  times(): Promise<readonly number[]>;
  /** When the machine held the sink up: until then (epoch ms), and for how long. */
  pauses(): Promise<readonly { readonly until: number; readonly ms: number }[]>;
  stop(): Promise<void>;
};

/** Node as it is: flags that help the stack, many heaps in one process, are not for those it is measured with. */
const PLAIN: string[] = [];

export async function startBenchSink(): Promise<BenchSink> {
  const child = fork(path.join(import.meta.dirname, 'sink.ts'), { execArgv: PLAIN });
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  const url = `http://127.0.0.1:${port}`;
  const json = async <T>(place: string, init?: RequestInit): Promise<T> =>
    (await (await fetch(`${url}${place}`, init)).json()) as T;
  return {
    port,
    url,
    reset: async (latencyMs = 0) => void (await json(`/reset?latencyMs=${latencyMs}`, { method: 'PUT' })),
    counts: () => json('/counts'),
    times: () => json('/times'),
    pauses: () => json('/pauses'),
    stop: () => ended(child),
  };
}

/** Rows per second of the bare loop, its table filled before the clock starts. */
export async function runBareLoop(rows: number, sinkUrl: string): Promise<number> {
  const bareLoop = path.join(import.meta.dirname, 'bare-loop.ts');
  const child = fork(bareLoop, [String(rows), sinkUrl], { execArgv: PLAIN });
  await once(child, 'message');
  child.send('go');
  const [{ elapsedMs }] = (await once(child, 'message')) as [{ elapsedMs: number }];
  await ended(child);
  return (1000 * rows) / elapsedMs;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exit = once(child, 'exit');
  if (child.connected) child.disconnect();
  await exit;
}
