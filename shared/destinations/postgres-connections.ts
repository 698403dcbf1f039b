/**
 * Connections of one account: opened when needed, kept while idle, destroyed when a call was given up.
 *
 * Not `pg.Pool`: a call that ends by its signal must have no socket left, also while it connects, and each socket
 * must go to the address that the guard has checked.
 */
import { Socket } from 'node:net';
import pg from 'pg';
import { Fault } from '../core/fault.ts';
import { CONNECTION_IDLE_MS_MAX } from '../core/limits.ts';
import type { Context, NetworkGuard } from './destination.ts';
import { postgresFault } from './postgres-fault.ts';
import type { PostgresSettings } from './postgres-settings.ts';
import { abortedFault } from './transport-fault.ts';

export type Connections = AsyncDisposable & {
  /**
   * Gives `work` a connection of its own; destroys it when the signal aborts or `work` fails on the wire. Throws
   * the Faults of `postgresFault`.
   */
  use<T>(signal: AbortSignal, work: (client: pg.Client) => Promise<T>): Promise<T>;
};

type Pool = {
  readonly settings: PostgresSettings;
  readonly secret: Context<PostgresSettings>['secret'];
  readonly network: NetworkGuard;
  readonly clock: Context<PostgresSettings>['clock'];
  readonly idle: { readonly client: pg.Client; readonly since: number }[];
  closed: boolean;
};

/** The account's connections, kept between calls. */
export function connections(ctx: Context<PostgresSettings>): Connections {
  const { settings, secret, network, clock } = ctx;
  return ctx.keep('postgres', () => {
    const pool: Pool = { settings, secret, network, clock, idle: [], closed: false };
    return {
      use: (signal, work) => use(pool, signal, work),
      [Symbol.asyncDispose]: async () => {
        pool.closed = true;
        await Promise.allSettled(pool.idle.splice(0).map(({ client }) => client.end()));
      },
    };
  });
}

async function use<T>(pool: Pool, signal: AbortSignal, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const { host } = pool.settings;
  const reused = rested(pool);
  const client = reused ?? (await newClient(pool));
  if (signal.aborted) {
    destroy(client);
    throw abortedFault(host);
  }
  const abort = aborting(signal, host, client);
  try {
    socketOf(client).ref();
    if (reused === undefined) await Promise.race([connect(client), abort.promise]);
    const result = await Promise.race([work(client), abort.promise]);
    rest(pool, client);
    return result;
  } catch (error) {
    const fault = error instanceof Fault ? error : postgresFault(error, host);
    // A refused statement leaves a healthy connection; after anything else nobody knows.
    if (fault.kind === 'row') rest(pool, client);
    else destroy(client);
    throw fault;
  } finally {
    abort.stop();
  }
}

/** A connection that rested a short while, or none; older ones are destroyed. */
function rested({ idle, clock }: Pool): pg.Client | undefined {
  for (let entry = idle.pop(); entry !== undefined; entry = idle.pop()) {
    const young = clock.now() - entry.since <= CONNECTION_IDLE_MS_MAX;
    if (young && !socketOf(entry.client).destroyed) return entry.client;
    destroy(entry.client);
  }
  return undefined;
}

/** Back among the idle ones, without keeping the process alive. */
function rest({ idle, clock, closed }: Pool, client: pg.Client): void {
  const socket = socketOf(client);
  if (closed) destroy(client);
  if (socket.destroyed) return;
  socket.unref();
  idle.push({ client, since: clock.now() });
}

/** A promise that rejects when the signal aborts, after the socket has been destroyed. */
function aborting(signal: AbortSignal, host: string, client: pg.Client) {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => undefined);
  const onAbort = (): void => {
    destroy(client);
    reject(abortedFault(host));
  };
  signal.addEventListener('abort', onAbort, { once: true });
  return { promise, stop: () => signal.removeEventListener('abort', onAbort) };
}

async function newClient({ settings, secret, network }: Pool): Promise<pg.Client> {
  const { user, password } = await secret();
  if (typeof user !== 'string' || typeof password !== 'string' || user === '' || password === '') {
    throw new Fault(
      'config',
      'secret_incomplete',
      "the account's secret has no text under user and password",
      {
        remedy: 'Add "user" and "password" to the secret\'s JSON object.',
      },
    );
  }
  const { address, listed } = await network.resolve(settings.host, settings.port);
  if (settings.sslmode === 'disable' && listed !== true) {
    throw new Fault('config', 'plain_text_refused', `sslmode disable is not permitted for ${settings.host}`, {
      remedy: 'Use sslmode verify-full, or list this exact host and port under `allow` in the account.',
    });
  }
  return new pg.Client({
    // The name, for the certificate; the socket goes to the checked address.
    host: settings.host,
    port: settings.port,
    database: settings.database,
    user,
    password,
    application_name: 'tailrace',
    statement_timeout: settings.statementTimeoutMs,
    connectionTimeoutMillis: settings.connectTimeoutMs,
    stream: () => pinnedSocket(address),
    ssl: settings.sslmode === 'disable' ? false : { rejectUnauthorized: true, ...authority(settings) },
  });
}

const authority = ({ ca }: PostgresSettings): { ca?: string } => (ca === undefined ? {} : { ca });

function pinnedSocket(address: string): Socket {
  const socket = new Socket();
  const connectTo = socket.connect.bind(socket);
  socket.connect = ((port: number) => connectTo(port, address)) as Socket['connect'];
  return socket;
}

async function connect(client: pg.Client): Promise<void> {
  // Without a listener an error on an idle connection would end the process; the next query meets it anyway.
  client.on('error', () => undefined);
  await client.connect();
}

/** The driver's socket; with TLS the one on top. Its types leave it out. */
function socketOf(client: pg.Client): Socket {
  return (client as unknown as { connection: { stream: Socket } }).connection.stream;
}

function destroy(client: pg.Client): void {
  socketOf(client).destroy();
}
