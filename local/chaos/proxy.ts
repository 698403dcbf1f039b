/**
 * A TCP proxy before the vendor that does to requests and answers what networks do: cuts before the vendor has seen the
 * request or after it has applied it, answers that come too late, in pieces, or broken off, and requests that linger
 * and are applied after the caller has hung up. It runs in the driver's process, so nothing that is killed takes it along.
 */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Random } from './seeded.ts';

const PROXY_FAULTS = ['refused', 'lost', 'truncated', 'late', 'slow', 'lingering'] as const;
export type ProxyFault = (typeof PROXY_FAULTS)[number];

export type TcpProxy = {
  readonly port: number;
  /** How often each fault happened. */
  readonly faults: Readonly<Record<ProxyFault, number>>;
  readonly requests: number;
  /** Called when a request has come, before it is passed on; the account is the first part of its path. */
  onRequest(listener: (account: string) => void): void;
  /** From now on everything passes. */
  calm(): void;
  stop(): Promise<void>;
};

export type ProxySettings = {
  readonly random: Random;
  readonly vendorPort: number;
  /** Longest wait of the engine for an answer: `late` is later. */
  readonly answerMsMax: number;
  /** Longest time that a request lingers. */
  readonly lingerMsMax: number;
  /** Share of requests that meet each fault; `{}`: none. */
  readonly shares: Partial<Record<ProxyFault, number>>;
};

type Way = { readonly fault: ProxyFault | undefined; readonly waitMs: number; readonly bytesMax: number };
const CLEAR: Way = { fault: undefined, waitMs: 0, bytesMax: Number.POSITIVE_INFINITY };

export async function startProxy(settings: ProxySettings): Promise<TcpProxy> {
  const faults = Object.fromEntries(PROXY_FAULTS.map((name) => [name, 0])) as Record<ProxyFault, number>;
  const listeners: ((account: string) => void)[] = [];
  const sockets = new Set<Socket>();
  let requests = 0;
  let isCalm = false;
  const early = earlyFaults(settings);
  const nextWay = (chunk: Buffer): Way => {
    requests += 1;
    const account = /^[A-Z]+ \/(\w+)/.exec(chunk.subarray(0, LINE_BYTES_MAX).toString('latin1'))?.[1] ?? '';
    for (const listener of listeners) listener(account);
    const way = isCalm ? CLEAR : drawWay(settings, early.get(requests));
    if (way.fault !== undefined) faults[way.fault] += 1;
    return way;
  };
  const server = createServer((client) => {
    sockets.add(client);
    client.once('close', () => sockets.delete(client));
    relay(client, settings.vendorPort, nextWay);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    faults,
    get requests() {
      return requests;
    },
    onRequest: (listener) => void listeners.push(listener),
    calm: () => {
      isCalm = true;
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Of the first line of a request, as much as names the account. */
const LINE_BYTES_MAX = 64;
/** By then each fault has come once, however short the chaos is. */
const EARLY_REQUESTS = 24;

/** Which of the first requests meet a fault for certain: each that has a share, once, at a drawn place. */
function earlyFaults({ random, shares }: ProxySettings): ReadonlyMap<number, ProxyFault> {
  const draws = random.fork();
  const early = new Map<number, ProxyFault>();
  for (const name of PROXY_FAULTS) {
    let at = draws.between(1, EARLY_REQUESTS);
    while (early.has(at)) at = (at % EARLY_REQUESTS) + 1;
    if ((shares[name] ?? 0) > 0) early.set(at, name);
  }
  return early;
}

function drawWay({ random, shares, answerMsMax, lingerMsMax }: ProxySettings, early?: ProxyFault): Way {
  // Always as many draws, so that one fault more or less does not change those that follow.
  const [draw, time, size] = [random.next(), random.next(), random.between(1, 120)];
  const fault = early ?? faultAt(shares, draw);
  const waits = {
    late: answerMsMax * (1 + time / 2),
    slow: answerMsMax * time * 0.6,
    lingering: lingerMsMax * time * 0.8,
  };
  const waitMs = fault === 'late' || fault === 'slow' || fault === 'lingering' ? waits[fault] : 0;
  return { fault, waitMs, bytesMax: fault === 'truncated' ? size : Number.POSITIVE_INFINITY };
}

/** The fault whose part of [0, 1) the draw lies in. */
function faultAt(shares: ProxySettings['shares'], draw: number): ProxyFault | undefined {
  let below = 0;
  for (const name of PROXY_FAULTS) {
    below += shares[name] ?? 0;
    if (draw < below) return name;
  }
  return undefined;
}

/** A connection carries one request after the other: what the client says after an answer is the next one. */
function relay(client: Socket, vendorPort: number, nextWay: (chunk: Buffer) => Way): void {
  const vendor = connect({ host: '127.0.0.1', port: vendorPort });
  let way = CLEAR;
  let isAnswered = true;
  let passed = 0;
  client.on('data', (chunk) => {
    if (isAnswered) {
      way = nextWay(chunk);
      isAnswered = false;
      passed = 0;
    }
    if (way.fault === 'refused') client.destroy();
    else if (way.fault === 'lingering') setTimeout(() => vendor.write(chunk), way.waitMs);
    else vendor.write(chunk);
  });
  vendor.on('data', (chunk) => {
    const { fault, waitMs, bytesMax } = way;
    isAnswered = true;
    if (fault === 'lost') client.destroy();
    else if (fault === 'truncated') client.end(chunk.subarray(0, Math.max(0, bytesMax - passed)));
    else if (fault === 'late' || fault === 'slow') setTimeout(() => client.write(chunk), waitMs);
    else client.write(chunk);
    passed += chunk.length;
  });
  for (const socket of [client, vendor]) socket.on('error', () => undefined);
  vendor.once('close', () => client.destroy());
  // What lingers is still on its way when the client has hung up.
  client.once('close', () => setTimeout(() => vendor.destroy(), way.waitMs + ON_ITS_WAY_MS));
}

/** What the client had written reaches the vendor although the client is gone. */
const ON_ITS_WAY_MS = 100;
