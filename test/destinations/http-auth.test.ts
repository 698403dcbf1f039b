/** Credentials, tokens and signatures of the `http` destination. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, afterEach, before, test } from 'node:test';
import { inspect } from 'node:util';
import type { ClosableDestination } from '../../shared/destinations/bind.ts';
import type { Destination } from '../../shared/destinations/destination.ts';
import { bindForTest, CANARY } from './binding.ts';
import { type Received, type Sink, startHttpSink } from './http-sink.ts';

let sink: Sink;
let tokens: Sink;
const bound: ClosableDestination[] = [];
before(async () => {
  sink = await startHttpSink();
  tokens = await startHttpSink();
});
afterEach(async () => {
  sink.calm();
  tokens.calm();
  await Promise.all(bound.splice(0).map((each) => each.close()));
});
after(() => Promise.all([sink.stop(), tokens.stop()]));

type More = { readonly secret?: object; readonly now?: () => number; readonly settings?: object };

function bind(auth: object, { secret = {}, now = Date.now, settings = {} }: More = {}) {
  const made = bindForTest({
    destination: 'http',
    settings: { url: `http://127.0.0.1:${sink.port}`, auth, ...settings },
    allow: [sink, tokens].map(({ port }) => ({ host: '127.0.0.1', port })),
    secret: () => secret,
    now,
  });
  bound.push(made);
  return made;
}

function write(destination: ClosableDestination, key = 'k') {
  const http = destination.destination as Destination<unknown, unknown>;
  const request = {
    operation: 'upsert' as const,
    matchOn: 'id',
    rows: [{ key, fields: { id: key } }],
    idempotencyKey: 'i',
  };
  const context = destination.context(new AbortController().signal);
  return http.write(context, http.target.parse({ object: 'people' }), request);
}

const last = (): Received => {
  const received = sink.requests.at(-1);
  assert.ok(received);
  return received;
};

test('each way puts its header, and no other', async () => {
  await write(bind({ by: 'none' }));
  assert.equal(last().headers.authorization, undefined);
  await write(bind({ by: 'bearer' }, { secret: { token: 'abc' } }));
  assert.equal(last().headers.authorization, 'Bearer abc');
  await write(bind({ by: 'basic' }, { secret: { username: 'Zoë', password: 'pässword' } }));
  assert.equal(last().headers.authorization, 'Basic Wm/Dqzpww6Rzc3dvcmQ=');
  await write(bind({ by: 'header', header: 'Api-Key' }, { secret: { token: 'abc' } }));
  assert.equal(last().headers['api-key'], 'abc');
});

test('a secret that lacks a part is named by that part', async () => {
  for (const [auth, part] of [
    [{ by: 'bearer' }, 'token'],
    [{ by: 'basic' }, 'username'],
    [{ by: 'header', header: 'x-key' }, 'token'],
  ] as const) {
    await assert.rejects(write(bind(auth)), {
      kind: 'config',
      code: 'secret_incomplete',
      message: new RegExp(part),
    });
  }
});

test('a secret with a line break never becomes a header', async () => {
  const destination = bind({ by: 'bearer' }, { secret: { token: `${CANARY}\r\nx: y` } });
  await assert.rejects(write(destination), (error: Error) => {
    assert.doesNotMatch(inspect(error, { depth: 9 }), new RegExp(CANARY));
    return 'code' in error && error.code === 'header_invalid';
  });
});

test('a receiver can verify the signature with the documented steps', async () => {
  const destination = bind({ by: 'none' }, { secret: { signingKey: CANARY }, settings: { signature: {} } });
  await write(destination);
  const { headers, body } = last();
  const [, seconds = '', hex] =
    /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['tailrace-signature'])) ?? [];
  assert.equal(hex, createHmac('sha256', CANARY).update(`${seconds}.${body}`).digest('hex'));
  assert.ok(Math.abs(Date.now() / 1000 - Number(seconds)) < 10);
});

// ---------------------------------------------------------------- OAuth

const oauth = (more: object = {}) => ({
  by: 'oauth',
  tokenUrl: `http://127.0.0.1:${tokens.port}/token`,
  ...more,
});
const client = { clientId: 'the client', clientSecret: `${CANARY}&+ ` };
const grant = (token: string, more: object = {}) => ({
  status: 200,
  body: JSON.stringify({ access_token: token, token_type: 'Bearer', ...more }),
});

test('one token serves many requests, also the first ones at once', async () => {
  tokens.next(grant('t1'));
  const destination = bind(oauth({ scope: 'a b', audience: 'me' }), { secret: client });
  const before = tokens.requests.length;
  await Promise.all(['1', '2', '3', '4'].map((key) => write(destination, key)));
  await write(destination);
  assert.equal(tokens.requests.length - before, 1);
  assert.equal(last().headers.authorization, 'Bearer t1');
  const asked = tokens.requests.at(-1);
  assert.equal(asked?.body, 'grant_type=client_credentials&scope=a+b&audience=me');
  // RFC 6749, 2.3.1: form-encoded, then base64.
  const basic = Buffer.from(String(asked?.headers.authorization).slice(6), 'base64').toString();
  assert.equal(basic, `the+client:${CANARY}%26%2B+`);
});

test('the credentials may go into the body', async () => {
  tokens.next(grant('t1'));
  await write(bind(oauth({ sendAs: 'body' }), { secret: { clientId: 'c', clientSecret: 's' } }));
  const asked = tokens.requests.at(-1);
  assert.equal(asked?.body, 'grant_type=client_credentials&client_id=c&client_secret=s');
  assert.equal(asked?.headers.authorization, undefined);
});

test('a token is renewed a minute before it ends', async () => {
  let now = 1_000_000;
  const destination = bind(oauth(), { secret: client, now: () => now });
  tokens.next(grant('t1', { expires_in: 600 }), grant('t2', { expires_in: '600' }));
  await write(destination);
  now += 539_000;
  await write(destination);
  assert.equal(last().headers.authorization, 'Bearer t1');
  now += 2000;
  await write(destination);
  assert.equal(last().headers.authorization, 'Bearer t2');
});

test('a 401 renews the token once for all who used it', async () => {
  const destination = bind(oauth(), { secret: client });
  tokens.next(grant('old'), grant('new'));
  await write(destination);
  const before = tokens.requests.length;
  const old = ({ headers }: Received) => ({ status: headers.authorization === 'Bearer old' ? 401 : 200 });
  sink.next(old, old, old, old, old, old, old, old);
  const outcomes = await Promise.all(['1', '2', '3', '4'].map((key) => write(destination, key)));
  assert.deepEqual(
    outcomes.flat().map(({ is }) => is),
    ['accepted', 'accepted', 'accepted', 'accepted'],
  );
  assert.equal(tokens.requests.length - before, 1);
});

test('a second 401 is auth_refused, after one renewal', async () => {
  const destination = bind(oauth(), { secret: client });
  tokens.next(grant('t1'), grant('t2'));
  sink.next({ status: 401 }, { status: 401 });
  const before = [sink.requests.length, tokens.requests.length];
  await assert.rejects(write(destination), { kind: 'config', code: 'auth_refused' });
  assert.deepEqual(
    [sink.requests.length - (before[0] ?? 0), tokens.requests.length - (before[1] ?? 0)],
    [2, 2],
  );
});

test('what the token endpoint says wrong is a fault without its words', async () => {
  for (const [answer, code] of [
    [{ status: 400, body: `{"error":"invalid_client","hint":"${CANARY}"}` }, 'auth_refused'],
    [{ status: 401, body: CANARY }, 'auth_refused'],
    [{ status: 500, body: CANARY }, 'server_error'],
    [{ status: 429, body: CANARY }, 'throttled'],
    [{ status: 200, body: CANARY }, 'token_unreadable'],
    [{ status: 200, body: `{"access_token":"${CANARY}","token_type":"mac"}` }, 'token_unreadable'],
    [{ status: 302, headers: { location: 'http://169.254.169.254/' } }, 'redirect_refused'],
  ] as const) {
    tokens.next(answer);
    await assert.rejects(write(bind(oauth(), { secret: client })), (error: Error) => {
      assert.doesNotMatch(inspect(error, { depth: 9, showHidden: true }), new RegExp(CANARY));
      assert.equal('code' in error && error.code, code);
      return true;
    });
  }
});

test('a failed renewal is not remembered', async () => {
  const destination = bind(oauth(), { secret: client });
  tokens.next({ status: 503 }, grant('t1'));
  await assert.rejects(write(destination), { code: 'server_error' });
  await write(destination);
  assert.equal(last().headers.authorization, 'Bearer t1');
});

test('a forgotten secret takes its token along', async () => {
  const destination = bind(oauth(), { secret: client });
  tokens.next(grant('t1'), grant('t2'));
  await write(destination);
  destination.forgetSecret();
  await write(destination);
  assert.equal(last().headers.authorization, 'Bearer t2');
  assert.equal(destination.fetches(), 2);
});

test('check: HEAD of the URL tolerates 404, a path of its own does not', async () => {
  const http = bind({ by: 'none' }).destination as Destination<unknown, unknown>;
  const target = http.target.parse({ object: 'people' });
  const check = (settings: object) => {
    const destination = bind({ by: 'none' }, { settings });
    return http.check(destination.context(new AbortController().signal), target);
  };
  sink.next({ status: 404 });
  await check({});
  assert.equal(last().method, 'HEAD');
  sink.next({ status: 200 });
  await check({ check: { path: 'health' } });
  assert.deepEqual([last().method, last().url], ['GET', '/health']);
  sink.next({ status: 404 });
  await assert.rejects(check({ check: { path: 'health' } }), { kind: 'config', code: 'endpoint_refused' });
  sink.next({ status: 422 });
  await assert.rejects(check({ check: { path: 'health' } }), { kind: 'config', code: 'check_refused' });
  sink.next({ status: 500 });
  await assert.rejects(check({}), { kind: 'transient' });
});
