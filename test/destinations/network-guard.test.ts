/** Security row 4: which URLs and addresses are reached. No name is ever resolved outside this process. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Fault } from '../../shared/core/fault.ts';
import { httpClient } from '../../shared/destinations/http-client.ts';
import { networkGuard, type Resolver } from '../../shared/destinations/network-guard.ts';
import { URLS_REACHED, URLS_REFUSED } from '../corpus/urls.ts';
import { startHttpSink } from './http-sink.ts';

/** What a name means in these tests; every other name has a public address. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  localhost: ['127.0.0.1'],
  'localhost.': ['127.0.0.1'],
  'private.test': ['10.1.2.3'],
  'mixed.test': ['93.184.216.34', '10.1.2.3'],
  'mixed6.test': ['2606:2800:220:1::1', 'fd00::1'],
  'metadata.test': ['169.254.169.254'],
  'mapped.test': ['::ffff:169.254.169.254'],
  'xn--mnchen-3ya.test': ['192.168.1.1'],
  'xn--bcher-kva.test': ['93.184.216.34'],
  'six.test': ['2606:2800:220:1::1'],
  'empty.test': [],
};
const resolver: Resolver = async (host) =>
  (NAMES[host] ?? ['93.184.216.34']).map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));

const ALLOW = [
  { host: '127.0.0.1', port: 8080 },
  { host: 'listed.test', port: 443 },
  { host: 'PLAIN.test', port: 9000 },
  { host: '::1', port: 7000 },
];

async function reach(url: string): Promise<string> {
  const guard = networkGuard(ALLOW, resolver);
  const { hostname, port, protocol } = guard.checkUrl(url);
  const number = Number(port) || (protocol === 'https:' ? 443 : 80);
  return (await guard.resolve(hostname.replace(/^\[|\]$/g, ''), number)).address;
}

describe('the network guard', () => {
  for (const url of URLS_REACHED) {
    test(`reaches ${url}`, async () => {
      assert.match(await reach(url), /^[0-9a-f.:]+$/);
    });
  }

  for (const [url, code] of URLS_REFUSED) {
    test(`refuses ${url}`, async () => {
      const fault = await reach(url).then(
        (address) => assert.fail(`reached ${address}`),
        (error: unknown) => error,
      );
      assert.ok(fault instanceof Fault);
      assert.equal(fault.kind, 'config');
      assert.equal(fault.code, code);
      assert.match(fault.remedy ?? '', /https/);
    });
  }

  test('a message names the host and never the path, the query or the user', () => {
    const guard = networkGuard([], resolver);
    assert.throws(
      () => guard.checkUrl('https://hidden:hidden@example.com/hidden?hidden=hidden#hidden'),
      (error) => {
        assert.ok(error instanceof Fault);
        assert.doesNotMatch(`${error.message} ${error.remedy} ${error.stack}`, /hidden/);
        return true;
      },
    );
  });

  test('a name without an address is a transient fault', async () => {
    await assert.rejects(reach('https://empty.test/'), { kind: 'transient', code: 'host_not_found' });
    const failing = networkGuard([], () => Promise.reject(new Error('SERVFAIL')));
    await assert.rejects(failing.resolve('example.com', 443), { kind: 'transient', code: 'host_not_found' });
  });

  test('the list says so to wires that are not HTTP', async () => {
    const guard = networkGuard(ALLOW, resolver);
    assert.deepEqual(await guard.resolve('127.0.0.1', 8080), {
      address: '127.0.0.1',
      family: 4,
      listed: true,
    });
    assert.deepEqual(await guard.resolve('example.com', 5432), {
      address: '93.184.216.34',
      family: 4,
      listed: false,
    });
    await assert.rejects(guard.resolve('127.0.0.1', 5432), { code: 'address_refused' });
  });
});

describe('the HTTP client behind the guard', () => {
  const request = { method: 'POST', headers: {}, body: '{}', timeoutMs: 2000 };
  const never = new AbortController().signal;

  test('connects to the address that was checked, once per connection', async () => {
    const sink = await startHttpSink();
    // Rebinding: the first answer is the listed server, every later one is somewhere else.
    let lookups = 0;
    const rebinding: Resolver = async () => {
      lookups += 1;
      return [{ address: lookups === 1 ? '127.0.0.1' : '127.0.0.9', family: 4 }];
    };
    const client = httpClient(networkGuard([{ host: 'rebind.test', port: sink.port }], rebinding));
    const answer = await client.send({ ...request, url: `http://rebind.test:${sink.port}/` }, never);
    assert.equal(answer.status, 200);
    assert.equal(lookups, 1);
    assert.equal(sink.requests[0]?.headers.host, `rebind.test:${sink.port}`);
    await client.close();
    await sink.stop();
  });

  test('a name that turns private between check and connection is refused when it connects', async () => {
    const answers = [['93.184.216.34'], ['10.0.0.1']];
    const rebinding: Resolver = async () =>
      (answers.shift() ?? ['10.0.0.1']).map((address) => ({ address, family: 4 }));
    const guard = networkGuard([], rebinding);
    await guard.resolve('rebind.test', 443);
    const client = httpClient(guard);
    await assert.rejects(client.send({ ...request, url: 'https://rebind.test/' }, never), {
      code: 'address_refused',
    });
    await client.close();
  });

  for (const location of ['http://169.254.169.254/latest/', '/elsewhere', 'https://example.com/']) {
    test(`a redirect to ${location} is not followed`, async () => {
      const sink = await startHttpSink();
      sink.next({ status: 302, headers: { location } }, { status: 307, headers: { location } });
      const client = httpClient(networkGuard([{ host: '127.0.0.1', port: sink.port }]));
      for (let times = 0; times < 2; times += 1) {
        await assert.rejects(client.send({ ...request, url: `http://127.0.0.1:${sink.port}/` }, never), {
          kind: 'config',
          code: 'redirect_refused',
        });
      }
      assert.equal(sink.requests.length, 2);
      await client.close();
      await sink.stop();
    });
  }
});
