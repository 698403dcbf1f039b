/** Starts the vendor's process and asks it what it holds, past the proxy. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

export type SinkSettings = {
  readonly token: string;
  /** It refuses every id that this divides. */
  readonly refuseEvery: number;
  /** It loses every so many rows and says nothing: to see that this is noticed. */
  readonly loseEvery?: number;
};

export type SinkStats = {
  requests: number;
  rows: number;
  deletes: number;
  /** Each time that an older value came after a newer one, in words. */
  readonly older: string[];
  lost: number;
};

/** A record as the vendor holds it, and how often it took it. */
export type SinkRecord = { readonly fields: Readonly<Record<string, unknown>>; readonly times: number };

export type Sink = {
  readonly port: number;
  stats(): Promise<SinkStats>;
  records(object: string): Promise<readonly SinkRecord[]>;
  /** Makes it lose one record; gives its id. */
  forget(object: string): Promise<number>;
  stop(): Promise<void>;
};

export async function startSink(settings: SinkSettings): Promise<Sink> {
  const child = fork(path.join(import.meta.dirname, 'sink.ts'), [JSON.stringify(settings)]);
  const ended = once(child, 'exit');
  const [message] = (await Promise.race([
    once(child, 'message'),
    ended.then(() => Promise.reject(new Error('the vendor ended before it was ready'))),
  ])) as [{ port: number }];
  const ask = async (what: string, method = 'GET'): Promise<unknown> =>
    (await fetch(`http://127.0.0.1:${message.port}/-/${what}`, { method })).json();
  return {
    port: message.port,
    stats: async () => (await ask('stats')) as SinkStats,
    records: async (object) => (await ask(object)) as readonly SinkRecord[],
    forget: async (object) => ((await ask(object, 'DELETE')) as { id: number }).id,
    async stop() {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}
