/** Bindings: settings parsed, secrets cached, nothing shared between two. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../shared/core/fault.ts';
import { destinationNamed, destinationNames } from '../../shared/destinations/registry.ts';
import { bindForTest } from './binding.ts';

const settings = { url: 'https://api.example.com' };
const signal = new AbortController().signal;

test('the registry names what it has', () => {
  assert.deepEqual(destinationNames, ['http', 'postgres']);
  assert.equal(destinationNamed('postgres').name, 'postgres');
  assert.throws(() => destinationNamed('toString'), { kind: 'config', code: 'destination_unknown' });
});

test('settings that do not fit name the path', () => {
  assert.throws(
    () => bindForTest({ destination: 'http', settings: { ...settings, auth: { by: 'oauth' } } }),
    (error) =>
      error instanceof Fault &&
      error.kind === 'config' &&
      error.code === 'settings_invalid' &&
      error.path === 'auth.tokenUrl',
  );
});

test('a secret is fetched when asked for, once at a time, and kept', async () => {
  const { promise, resolve } = Promise.withResolvers<object>();
  const bound = bindForTest({ destination: 'http', settings, secret: () => promise });
  const ctx = bound.context(signal);
  assert.equal(bound.fetches(), 0);
  const asked = [ctx.secret(), bound.context(signal).secret(), ctx.secret()];
  // Refused while a newer one is on its way: it is not thrown away.
  bound.forgetSecret();
  resolve({ token: 'a' });
  assert.deepEqual(await Promise.all(asked), [{ token: 'a' }, { token: 'a' }, { token: 'a' }]);
  await ctx.secret();
  assert.equal(bound.fetches(), 1);
  bound.forgetSecret();
  bound.forgetSecret();
  await Promise.all([ctx.secret(), ctx.secret()]);
  assert.equal(bound.fetches(), 2);
});

test('a failed fetch is a config fault and is tried again', async () => {
  let fails = true;
  const bound = bindForTest({
    destination: 'http',
    settings,
    secret: () => (fails ? Promise.reject(new Error('no such secret')) : { token: 'a' }),
  });
  const ctx = bound.context(signal);
  await assert.rejects(ctx.secret(), { kind: 'config', code: 'secret_missing' });
  fails = false;
  assert.deepEqual(await ctx.secret(), { token: 'a' });
});

test('a Fault of the fetch stays what it is', async () => {
  const slow = new Fault('transient', 'secrets_throttled', 'too fast');
  const bound = bindForTest({ destination: 'http', settings, secret: () => Promise.reject(slow) });
  await assert.rejects(bound.context(signal).secret(), slow);
});

test('what is kept belongs to one binding and ends with its secret', async () => {
  const closed: string[] = [];
  const open = (name: string) => () => ({
    name,
    [Symbol.asyncDispose]: async () => void closed.push(name),
  });
  const [one, two] = [
    bindForTest({ destination: 'http', settings }),
    bindForTest({ destination: 'http', settings }),
  ];
  const [first, second] = [one.context(signal), two.context(signal)];
  assert.equal(first.keep('pool', open('a')).name, 'a');
  assert.equal(one.context(signal).keep('pool', open('b')).name, 'a');
  assert.equal(second.keep('pool', open('c')).name, 'c');
  await first.secret();
  one.forgetSecret();
  assert.deepEqual(closed, ['a']);
  assert.equal(first.keep('pool', open('d')).name, 'd');
  await one.close();
  await two.close();
  assert.deepEqual(closed, ['a', 'd', 'c']);
});
