/**
 * The staging bucket in memory. Objects are bytes; ranges come in small uneven pieces, because real streams do.
 * A key that is put again with other bytes is remembered: the engine promises never to do that.
 */
import { Fault } from '../../shared/core/fault.ts';
import type { ObjectStore } from '../../shared/ports.ts';

export type MemoryObjects = ObjectStore & {
  /** Keys that were put twice with different bytes. */
  readonly rewritten: readonly string[];
  readonly keys: () => readonly string[];
  /** Keys that may expire. */
  readonly superseded: ReadonlySet<string>;
  /** Puts and gets at once, for fakes and tests that stand outside of the run. */
  store(key: string, body: string | Uint8Array): void;
  bytes(key: string): Uint8Array | undefined;
  remove(key: string): void;
};

const BUCKET = 's3://staging/';
const PIECES = [1, 7, 1024, 63, 16_384, 5];

export function memoryObjects(): MemoryObjects {
  const stored = new Map<string, Buffer>();
  const rewritten: string[] = [];
  const superseded = new Set<string>();
  const store = (key: string, body: string | Uint8Array): void => {
    const next = Buffer.from(typeof body === 'string' ? Buffer.from(body, 'utf8') : body);
    const last = stored.get(key);
    if (last !== undefined && !last.equals(next)) rewritten.push(key);
    stored.set(key, next);
  };
  return {
    rewritten,
    superseded,
    keys: () => [...stored.keys()].sort(),
    store,
    bytes: (key) => stored.get(key),
    remove: (key) => void stored.delete(key),
    put: async (key, body) => store(key, body),
    get: async (key) => stored.get(key)?.toString('utf8'),
    range: (key, from, to, signal) => pieces(key, stored.get(key), from, to, signal),
    list: async function* (prefix) {
      for (const key of [...stored.keys()].filter((one) => one.startsWith(prefix)).sort()) {
        yield { key, bytes: stored.get(key)?.length ?? 0 };
      }
    },
    supersede: async (key) => void superseded.add(key),
    url: (key) => `${BUCKET}${key}`,
    keyOf: (url) => {
      if (url.startsWith(BUCKET)) return url.slice(BUCKET.length);
      throw new Fault('bug', 'foreign_bucket', 'a manifest names an object outside of the staging bucket');
    },
  };
}

async function* pieces(
  key: string,
  body: Buffer | undefined,
  from: number,
  to: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  if (body === undefined) throw new Fault('bug', 'object_missing', `the staging bucket has no ${key}`);
  const end = Math.min(to, body.length);
  for (let start = from, turn = 0; start < end; turn += 1) {
    signal?.throwIfAborted();
    const next = Math.min(end, start + (PIECES[turn % PIECES.length] ?? 1));
    yield new Uint8Array(body.subarray(start, next));
    start = next;
  }
}
