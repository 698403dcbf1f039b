/** The `http` destination keeps the contract, over TLS against a scriptable sink. */
import { bindForTest, CANARY, TLS } from './binding.ts';
import { contractOf, type Fields, type Harness } from './contract.ts';
import { type Behaviour, startHttpSink } from './http-sink.ts';

const SHOWN = ['throttle', 'unavailable', 'silence', 'omitOne', 'wrongKeys', 'garble', 'echo'] as const;

contractOf('http', SHOWN, async (): Promise<Harness> => {
  const sink = await startHttpSink({ tls: TLS, authorization: `Bearer ${CANARY}` });
  let asked = 0;
  const hostile = (behaviour: Behaviour) => (): void => {
    asked = sink.requests.length;
    sink.next(behaviour);
  };
  const status = (code: number, headers: Record<string, string> = {}) => hostile({ status: code, headers });
  return {
    bind: ({ wrongSecret = false, unlisted = false } = {}) => {
      let wrong = wrongSecret;
      return bindForTest({
        destination: 'http',
        settings: {
          url: `https://destination.test:${sink.port}/v1`,
          auth: { by: 'bearer' },
          answers: 'rows',
          ca: TLS.ca,
        },
        allow: unlisted ? [] : [{ host: 'destination.test', port: sink.port }],
        resolver: async () => [{ address: '127.0.0.1', family: 4 }],
        secret: () => {
          const token = wrong ? `${CANARY}-of-yesterday` : CANARY;
          wrong = false;
          return { token };
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
      const fields = sink.records.get(`key-${n}`);
      if (fields === undefined) return undefined;
      const { name = '""', amount = '', big = '', note = 'null' } = fields;
      return { name: JSON.parse(name), amount, big, note: JSON.parse(note) };
    },
    poison: { name: 'poison' },
    busySockets: sink.busySockets,
    hostile: {
      hang: hostile('hang'),
      cut: hostile('cut'),
      applyThenHang: hostile('applyThenHang'),
      throttle: status(429),
      unavailable: status(502),
      silence: hostile('silent'),
      omitOne: hostile('omit'),
      wrongKeys: hostile('wrongKeys'),
      garble: hostile({
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: '{"results":[{"key',
      }),
      echo: hostile(({ headers }) => ({
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ results: [91, 92, 93].map((n) => echoed(n, headers.authorization)) }),
      })),
    },
    hanging: () => sink.received(asked + 1),
    calm: sink.calm,
    close: sink.stop,
  };
});

const echoed = (n: number, text = '') => ({
  key: `key-${n}`,
  status: 'rejected',
  code: text.slice('Bearer '.length),
  reason: `cannot take ${text}`,
});
