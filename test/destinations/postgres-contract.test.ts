/** The `postgres` destination keeps the contract, over TLS against a real server behind a proxy that can hang. */
import { bindForTest, CANARY, TLS } from './binding.ts';
import { contractOf, type Fields, type Harness } from './contract.ts';
import { startTestServer } from './postgres-server.ts';
import { startProxy } from './tcp-proxy.ts';

contractOf('postgres', [], async (): Promise<Harness> => {
  const server = await startTestServer();
  const proxy = await startProxy(server.port);
  await server.query(
    'CREATE TABLE people (id int PRIMARY KEY, name text CHECK (length(name) < 100), amount numeric, big bigint, note text)',
  );
  await server.query('GRANT SELECT, INSERT, UPDATE, DELETE ON people TO loader');
  return {
    bind: ({ wrongSecret = false, unlisted = false } = {}) => {
      let wrong = wrongSecret;
      return bindForTest({
        destination: 'postgres',
        settings: { host: 'destination.test', port: proxy.port, database: 'postgres', ca: TLS.ca },
        allow: unlisted ? [] : [{ host: 'destination.test', port: proxy.port }],
        resolver: async () => [{ address: '127.0.0.1', family: 4 }],
        secret: () => {
          const password = wrong ? `${CANARY}-of-yesterday` : CANARY;
          wrong = false;
          return { user: 'loader', password };
        },
      });
    },
    target: { object: 'people' },
    matchOn: 'id',
    row: (n, more = {}) => {
      const { name = `name ${n}`, amount = '1.50', big = '1', note = null }: Partial<Fields> = more;
      const exact = { amount: JSON.rawJSON(amount), big: JSON.rawJSON(big) };
      return { key: `key-${n}`, fields: { id: n, name, ...exact, note } };
    },
    held: async (n) => {
      const rows = await server.query(
        'SELECT name, amount::text, big::text, note FROM people WHERE id = $1',
        [n],
      );
      return rows[0];
    },
    poison: { name: 'x'.repeat(100) },
    busySockets: proxy.openSockets,
    hostile: { hang: proxy.hang, cut: proxy.cut, applyThenHang: proxy.hang },
    hanging: proxy.spoken,
    calm: proxy.calm,
    close: async () => {
      await proxy.stop();
      await server.stop();
    },
  };
});
