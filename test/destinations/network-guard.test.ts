/** Security row 4: which URLs and addresses are reached. No name is ever resolved outside this process. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Fault } from '../../shared/core/fault.ts';
import { httpClient } from '../../shared/destinations/http-client.ts';
import { networkGuard, type Resolver } from '../../shared/destinations/network-guard.ts';
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

const REACHED = [
  'https://example.com/path?query=1',
  'https://example.com:443/',
  'https://EXAMPLE.com/',
  'https://example.com./',
  'https://93.184.216.34/',
  'https://1572395042/', // 93.184.216.34, decimal
  'https://bücher.test/',
  'https://six.test/',
  'https://[2606:2800:220:1::1]/',
  'http://127.0.0.1:8080/',
  'http://2130706433:8080/', // the listed address, decimal
  'https://127.0.0.1:8080/',
  'http://plain.test:9000/',
  'https://listed.test/',
  'http://[::1]:7000/',
  'http://[0:0:0:0:0:0:0:1]:7000/',
] as const;

const REFUSED = [
  // Scheme and port
  'http://example.com/',
  'http://example.com:443/',
  'https://example.com:8443/',
  'https://example.com:22/',
  'https://example.com:0/',
  'ftp://example.com/',
  'file:///etc/passwd',
  'gopher://example.com/',
  'data:text/plain,hello',
  'javascript:alert(1)',
  'ws://example.com/',
  // User info
  'https://user@example.com/',
  'https://user:password@example.com/',
  'https://:password@example.com/',
  'https://example.com@127.0.0.1/',
  'https://127.0.0.1:8080@10.0.0.1/',
  'http://user@127.0.0.1:8080/',
  // Loopback and its spellings
  'https://127.0.0.1/',
  'https://127.1/',
  'https://127.0.0.1./',
  'https://2130706433/',
  'https://0x7f000001/',
  'https://0x7f.0.0.1/',
  'https://0177.0.0.1/',
  'https://017700000001/',
  'https://127.255.255.254/',
  'https://localhost/',
  'https://localhost./',
  'https://LOCALHOST/',
  'https://１２７.０.０.１/', // full-width digits
  'https://127。0。0。1/', // ideographic full stops
  'https://[::1]/',
  'https://[::]/',
  'https://0.0.0.0/',
  'https://0/',
  'https://0.1.2.3/',
  // Private, shared and link-local
  'https://10.0.0.1/',
  'https://172.16.0.1/',
  'https://172.31.255.255/',
  'https://192.168.0.1/',
  'https://0300.0250.0.1/', // 192.168.0.1, octal
  'https://100.64.0.1/',
  'https://100.100.100.200/',
  'https://169.254.169.254/latest/meta-data/',
  'https://2852039166/', // 169.254.169.254, decimal
  'https://0xa9fea9fe/',
  'https://0xA9.0xFE.0xA9.0xFE/',
  'https://0251.0376.0251.0376/',
  'https://169.254.43518/', // three parts
  'https://169.254.79.129/',
  'https://[fe80::1]/',
  'https://[fd00:ec2::254]/',
  'https://[fc00::1]/',
  'https://[fec0::1]/',
  // Version 4 inside version 6
  'https://[::ffff:127.0.0.1]/',
  'https://[::ffff:7f00:1]/',
  'https://[::ffff:93.184.216.34]/',
  'https://[::127.0.0.1]/',
  'https://[64:ff9b::169.254.169.254]/',
  'https://[64:ff9b:1::a9fe:a9fe]/',
  'https://[2002:7f00:1::]/',
  'https://[2001:0:7f00:1::]/',
  // Multicast, broadcast, reserved, documentation, tests
  'https://224.0.0.1/',
  'https://255.255.255.255/',
  'https://240.0.0.1/',
  'https://192.0.0.1/',
  'https://192.0.2.1/',
  'https://198.18.0.1/',
  'https://198.51.100.1/',
  'https://203.0.113.1/',
  'https://[ff02::1]/',
  'https://[2001:db8::1]/',
  'https://[100::1]/',
  'https://[4000::1]/',
  // Names with an address that is not public
  'https://private.test/',
  'https://mixed.test/',
  'https://mixed6.test/',
  'https://metadata.test/',
  'https://mapped.test/',
  'https://münchen.test/',
  // Near the list, and not on it
  'http://127.0.0.1:8081/',
  'http://127.0.0.2:8080/',
  'http://listed.test/',
  'http://plain.test:9001/',
  'http://sub.plain.test:9000/',
  'http://[::1]:7001/',
  // No URL at all
  '',
  'example.com',
  '//example.com/',
  'https://',
  'https://exa mple.com/',
  'https://[fe80::1%25eth0]/',
  'https://256.256.256.256/',
  'https://[::1/',
] as const;

async function reach(url: string): Promise<string> {
  const guard = networkGuard(ALLOW, resolver);
  const { hostname, port, protocol } = guard.checkUrl(url);
  const number = Number(port) || (protocol === 'https:' ? 443 : 80);
  return (await guard.resolve(hostname.replace(/^\[|\]$/g, ''), number)).address;
}

describe('the network guard', () => {
  for (const url of REACHED) {
    test(`reaches ${url}`, async () => {
      assert.match(await reach(url), /^[0-9a-f.:]+$/);
    });
  }

  for (const url of REFUSED) {
    test(`refuses ${url}`, async () => {
      const fault = await reach(url).then(
        (address) => assert.fail(`reached ${address}`),
        (error: unknown) => error,
      );
      assert.ok(fault instanceof Fault);
      assert.equal(fault.kind, 'config');
      assert.match(fault.code, /^(address_refused|url_invalid)$/);
      assert.ok(fault.remedy !== undefined);
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
