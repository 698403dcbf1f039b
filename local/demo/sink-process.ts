/**
 * Starts the sink in a process of its own and speaks with it, so that what the demonstration measures and checks comes
 * from outside the process that runs the engine.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { parseExact } from './exact-json.ts';

export type SinkSettings = {
  readonly port: number;
  /** Where records are kept; absent: in memory only. */
  readonly dataDir?: string;
  readonly token: string;
  readonly latencyMs: number;
  /** At most `requests` in any `perMs`, per account. */
  readonly accounts: Readonly<Record<string, { readonly requests: number; readonly perMs: number }>>;
};

export type AccountStats = {
  requests: number;
  rows: number;
  /** Requests answered with 429. */
  throttled: number;
  /** Requests that met an outage. */
  cut: number;
  /** Requests whose idempotency key had been answered before. */
  repeated: number;
  /** Most requests in any window of the account's limit. */
  mostInWindow: number;
};

export type Sink = {
  readonly url: string;
  readonly process: ChildProcess;
  stats(): Promise<Readonly<Record<string, AccountStats>>>;
  outage(account: string, on: boolean): Promise<void>;
  /** Every record of an object, with exact numbers. */
  records(object: string): AsyncIterable<Readonly<Record<string, unknown>>>;
  stop(): Promise<void>;
};

export async function startSink(settings: SinkSettings): Promise<Sink> {
  const child = fork(path.join(import.meta.dirname, 'sink.ts'), [JSON.stringify(settings)]);
  const [message] = (await Promise.race([once(child, 'message'), failure(child)])) as [{ port: number }];
  const url = `http://127.0.0.1:${message.port}`;
  return {
    url,
    process: child,
    stats: async () => (await (await fetch(`${url}/-/stats`)).json()) as Record<string, AccountStats>,
    async outage(account, on) {
      await fetch(`${url}/-/outage?account=${account}&on=${on ? 1 : 0}`, { method: 'PUT' });
    },
    records: (object) => recordsOf(`${url}/-/records/${object}`),
    async stop() {
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    },
  };
}

async function failure(child: ChildProcess): Promise<never> {
  const [code] = (await once(child, 'exit')) as [number | null];
  throw new Error(`the sink ended with code ${code} before it was ready; is its port taken?`);
}

async function* recordsOf(url: string): AsyncIterable<Readonly<Record<string, unknown>>> {
  const { body } = await fetch(url);
  if (body === null) throw new Error('the sink gave no records');
  for await (const line of createInterface({ input: Readable.fromWeb(body) })) {
    yield parseExact(line) as Record<string, unknown>;
  }
}
