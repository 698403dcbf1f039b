/** The guarded HTTP client: TLS, caps, deadlines, headers, cookies. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { RESPONSE_BYTES_MAX } from '../../shared/core/limits.ts';
import { type ClosableHttpClient, httpClient } from '../../shared/destinations/http-client.ts';
import { networkGuard } from '../../shared/destinations/network-guard.ts';
import { TLS } from './binding.ts';
import { type Sink, startHttpSink, until } from './http-sink.ts';

let sink: Sink;
let client: ClosableHttpClient;
const never = new AbortController().signal;

function clientTo(target: Sink, ca?: string): ClosableHttpClient {
  const hosts = ['destination.test', 'wrong.test'];
  const resolver = async () => [{ address: '127.0.0.1', family: 4 }];
  return httpClient(
    networkGuard(
      hosts.map((host) => ({ host, port: target.port })),
      resolver,
    ),
    ca,
  );
}

function send(headers: Record<string, string> = {}, timeoutMs = 5000, signal = never) {
  const url = `http://destination.test:${sink.port}/path?query=hidden`;
  return client.send({ method: 'POST', url, headers, body: '{}', timeoutMs }, signal);
}

before(async () => {
  sink = await startHttpSink();
  client = clientTo(sink);
});
after(async () => {
  await client.close();
  await sink.stop();
});

test('a certificate is verified against the name and the authority', async () => {
  const secure = await startHttpSink({ tls: TLS });
  const request = { method: 'POST', headers: {}, body: '{}', timeoutMs: 5000 };
  const trusting = clientTo(secure, TLS.ca);
  const strict = clientTo(secure);
  const right = `https://destination.test:${secure.port}/`;
  const refused = { kind: 'config', code: 'certificate_refused' };
  assert.equal((await trusting.send({ ...request, url: right }, never)).status, 200);
  await assert.rejects(
    trusting.send({ ...request, url: `https://wrong.test:${secure.port}/` }, never),
    refused,
  );
  await assert.rejects(strict.send({ ...request, url: right }, never), refused);
  assert.equal(secure.requests.length, 1);
  await Promise.all([trusting.close(), strict.close()]);
  await secure.stop();
});

test('an answer without end is cut at the limit and its connection destroyed', async () => {
  sink.next('huge');
  const answer = await send();
  assert.equal(answer.body.length, RESPONSE_BYTES_MAX);
  await until(() => sink.busySockets() === 0);
});

test('a compressed answer is not unpacked', async () => {
  const bomb = gzipSync(Buffer.alloc(50_000_000));
  sink.next({ status: 200, headers: { 'content-encoding': 'gzip' }, body: bomb });
  const answer = await send();
  assert.ok(answer.body.length < 100_000);
  assert.equal(sink.requests.at(-1)?.headers['accept-encoding'], 'identity');
});

test('one deadline covers the whole exchange', async () => {
  for (const behaviour of ['hang', 'drip'] as const) {
    sink.next(behaviour);
    await assert.rejects(send({}, 120), { kind: 'transient', code: 'timeout' });
    await until(() => sink.busySockets() === 0);
  }
});

test('a connection cut before or within the answer is transient', async () => {
  for (const behaviour of ['cut', 'cutBody'] as const) {
    sink.next(behaviour);
    await assert.rejects(send(), { kind: 'transient', code: 'connection_cut' });
  }
});

test('nobody listens: transient, and the message has no path', async () => {
  const gone = await startHttpSink();
  await gone.stop();
  const lonely = clientTo(gone);
  const url = `http://destination.test:${gone.port}/hidden?hidden=1`;
  await assert.rejects(
    lonely.send({ method: 'POST', url, headers: {}, timeoutMs: 5000 }, never),
    (error: Error & { code?: string }) => {
      assert.equal(error.code, 'connection_refused');
      assert.doesNotMatch(error.message, /hidden/);
      return true;
    },
  );
  await lonely.close();
});

test('cookies are not kept', async () => {
  sink.next({ status: 200, headers: { 'set-cookie': 'a=b' } });
  await send();
  await send();
  assert.equal(sink.requests.at(-1)?.headers.cookie, undefined);
});

test('a header cannot smuggle another', async () => {
  const before = sink.requests.length;
  for (const value of ['a\r\nx-evil: 1', 'a\nb', 'a\0b', 'a\tb', 'a\u007f', 'snow \u2603']) {
    await assert.rejects(send({ 'x-test': value }), { kind: 'config', code: 'header_invalid' });
  }
  await assert.rejects(send({ 'x test': 'a' }), { kind: 'config', code: 'header_invalid' });
  await assert.rejects(send({ 'x\r\ny': 'a' }), { kind: 'config', code: 'header_invalid' });
  assert.equal(sink.requests.length, before);
});

test('requests at once share connections and are all answered', async () => {
  const answers = await Promise.all(Array.from({ length: 100 }, () => send()));
  assert.equal(answers.filter(({ status }) => status === 200).length, 100);
});
