/** The sink judges the engine, so it is tested itself: exact numbers, rejections by row, the rate, outages. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startSink } from '../../local/demo/sink-process.ts';
import { rateWindow } from '../../local/demo/sliding-window.ts';

const settings = {
  port: 0,
  token: 'open-sesame',
  latencyMs: 0,
  accounts: { crm: { requests: 5, perMs: 60_000 } },
};
const headers = (key: string) => ({ authorization: 'Bearer open-sesame', 'idempotency-key': key });

test('the sink keeps digits, rejects row by row, remembers keys, and refuses above its rate', async (t) => {
  const sink = await startSink(settings);
  t.after(() => sink.stop());
  const send = (key: string, method: string, body: string) =>
    fetch(`${sink.url}/crm/contacts`, { method, headers: headers(key), body });
  const rows = `{"rows":[
    {"key":"1","external_id":"a","email":"a@example.net","n":9007199254740993,"d":0.10},
    {"key":"2","external_id":"b","email":"nobody"}]}`;

  const first = await send('k1', 'POST', rows);
  assert.deepEqual(await first.json(), {
    failed: [{ key: '2', code: 'invalid_email', reason: 'email is not a valid address' }],
  });
  await send('k1', 'POST', '{"rows":[{"key":"3","external_id":"c","email":"c@example.net"}]}');
  const patched = await send('k2', 'PATCH', '{"rows":[{"key":"9","external_id":"z"}]}');
  assert.equal(((await patched.json()) as { failed: { code: string }[] }).failed[0]?.code, 'no_such_record');
  const kept: unknown[] = [];
  for await (const record of sink.records('contacts')) kept.push(record);
  assert.equal(
    JSON.stringify(kept),
    '[{"external_id":"a","email":"a@example.net","n":9007199254740993,"d":0.10}]',
  );

  await sink.outage('crm', true);
  await assert.rejects(send('k3', 'POST', rows));
  await sink.outage('crm', false);
  assert.equal((await send('k4', 'DELETE', '{"rows":[{"key":"1","external_id":"a"}]}')).status, 200);
  const statuses = [(await send('k5', 'POST', rows)).status, (await send('k6', 'POST', rows)).status];
  assert.deepEqual(statuses, [200, 429]);
  assert.deepEqual((await sink.stats()).crm, {
    requests: 7,
    rows: 6,
    throttled: 1,
    cut: 1,
    repeated: 1,
    mostInWindow: 6,
  });
});

test('a window counts what lies within it and forgets what is older', () => {
  const window = rateWindow(1000);
  assert.deepEqual(
    [0, 500, 999, 1000, 1499, 1500, 3000].map((time) => window.add(time)),
    [1, 2, 3, 3, 4, 4, 1],
  );
});
