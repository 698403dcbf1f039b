/** A TCP proxy on 127.0.0.1 that can hold back answers or cut, to make a real server hang or vanish. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export type Proxy = {
  readonly port: number;
  /** From now on what the server says is held back. */
  hang(): void;
  /** The next bytes from the client end the connection. */
  cut(): void;
  calm(): void;
  /** Resolves when a client has spoken since `hang`. */
  spoken(): Promise<void>;
  /** Connections of clients that are open now. */
  openSockets(): number;
  stop(): Promise<void>;
};

export async function startProxy(serverPort: number): Promise<Proxy> {
  const clients = new Set<Socket>();
  let mode: 'pass' | 'hang' | 'cut' = 'pass';
  let spoken = Promise.withResolvers<void>();
  const server = createServer((client) => {
    const upstream = connect({ host: '127.0.0.1', port: serverPort });
    clients.add(client);
    client.on('data', (chunk) => {
      if (mode === 'cut') client.destroy();
      else upstream.write(chunk);
      if (mode === 'hang') spoken.resolve();
    });
    upstream.on('data', (chunk) => {
      if (mode !== 'hang') client.write(chunk);
    });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => undefined);
      one.once('close', () => other.destroy());
    }
    client.once('close', () => clients.delete(client));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    hang: () => {
      mode = 'hang';
      spoken = Promise.withResolvers();
    },
    cut: () => {
      mode = 'cut';
    },
    calm: () => {
      mode = 'pass';
    },
    spoken: () => spoken.promise,
    openSockets: () => clients.size,
    stop: async () => {
      for (const client of clients) client.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
