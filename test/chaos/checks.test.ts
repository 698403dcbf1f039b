/**
 * What chaos is made of: differences are told, the plan is the seed's and nobody else's, the proxy does what it says. That
 * each check says no when it should is shown beside it, in `judgement.test.ts`.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { compare, unreconciled } from '../../local/chaos/checks.ts';
import { makeModel } from '../../local/chaos/model.ts';
import { makePlan } from '../../local/chaos/plan.ts';
import { startProxy } from '../../local/chaos/proxy.ts';
import { seededRandom } from '../../local/chaos/seeded.ts';
import { chaosStage, VISIBILITY_SECONDS } from '../../local/chaos/stage.ts';
import type { EndedRun } from '../../local/demo/observe.ts';

const HELD = { id: 7, name: 'people 7', amount: 12.3, version: 4 };
const expected = new Map([[7, HELD]]);
const record = (fields: object) => ({ fields: { ...HELD, ...fields }, times: 1 });

test('a record that is missing, too many, or different in one field is told', () => {
  assert.deepEqual(compare('people', expected, [record({})]), []);
  assert.deepEqual(compare('people', expected, []), ['people 7 is missing']);
  assert.deepEqual(compare('people', expected, [record({}), record({ id: 8 })]), [
    'people 8 should not be there',
  ]);
  assert.deepEqual(compare('people', expected, [record({ amount: 12.31 })]), ['people 7: amount differs']);
  assert.deepEqual(compare('people', expected, [record({ name: null })]), ['people 7: name differs']);
  assert.deepEqual(compare('people', expected, [record({ more: 1 })]), ['people 7: more differs']);
});

test('a run whose outcomes do not add up to what it extracted is told', () => {
  const counts = { rows: 10, accepted: 6, rejected: 1, invalid: 1, skipped: 1, dead: 1 };
  const run = (extracted: number, more: object = {}) =>
    ({
      ...{ syncId: 'people', epoch: 3 },
      result: { ended: 'committed', at: 0, counts, extraction: { extracted }, ...more },
    }) as unknown as EndedRun;
  assert.deepEqual(unreconciled([run(10)]), []);
  assert.deepEqual(unreconciled([run(11)]), ['run 3 of people: 11 extracted, 10 with an outcome']);
  assert.deepEqual(unreconciled([run(10, { counts: undefined })]), ['run 3 of people has no counts']);
  assert.deepEqual(unreconciled([run(11, { ended: 'fenced' })]), []);
});

test('a message that is back after a loader was killed has been away for longer than what is suspicious', () => {
  // Suspicious is half of six times the loader's timeout.
  assert.equal(chaosStage(9).timing?.loaderTimeoutMs, 3000);
  assert.ok(VISIBILITY_SECONDS * 1000 > 9000);
});

test('the same seed makes the same plan and the same edits', () => {
  const made = (seed: number) => {
    const random = seededRandom(seed);
    const plan = makePlan(random.fork(), { kills: 50, longPauses: 12, leaseMs: 6000 });
    const model = makeModel(random.fork(), 20);
    return { plan, edits: [model.createSql, model.edit(), model.edit()] };
  };
  assert.deepEqual(made(5), made(5));
  assert.notDeepEqual(made(5), made(6));
  const { plan } = made(5);
  const kills = plan.filter(({ is }) => is === 'kill').map(({ victim }) => victim);
  assert.equal(kills.filter((victim) => victim === 'environment').length, 50);
  assert.equal(kills.filter((victim) => victim === 'services').length, 34);
  assert.equal(kills.filter((victim) => victim === 'everything').length, 16);
  const long = plan.filter((strike) => strike.is === 'pause' && strike.ms > 6000);
  assert.equal(long.length, 12);
  assert.deepEqual(new Set(long.map(({ victim }) => victim)), new Set(['services', 'environment']));
  const inCall = plan.flatMap(({ victim, is, moment }) =>
    victim === 'environment' && is === 'kill' && moment.on === 'request' && moment.of !== undefined
      ? moment.of
      : [],
  );
  assert.deepEqual(inCall.toSorted(), [
    ...Array.from({ length: 13 }, () => 'crm'),
    ...Array.from({ length: 12 }, () => 'ledger'),
  ]);
});

for (const [fault, seen] of [
  ['refused', { answered: false, applied: 0 }],
  ['lost', { answered: false, applied: 1 }],
  ['truncated', { answered: false, applied: 1 }],
  ['slow', { answered: true, applied: 1 }],
] as const) {
  test(`the proxy: a request whose fate is "${fault}"`, async () => {
    const { answered, applied } = await through({ [fault]: 1 });
    assert.deepEqual({ answered, applied }, seen);
  });
}

test('the proxy: an answer that is late comes after the longest wait for it', async () => {
  const { answered, applied, tookMs } = await through({ late: 1 });
  assert.deepEqual({ answered, applied }, { answered: true, applied: 1 });
  assert.ok(tookMs >= 99, `it came after ${tookMs} ms`);
});

test('the proxy: each fault comes within the first two dozen requests, however seldom it is', async () => {
  const vendor = createServer((request, response) => void request.resume().on('end', () => response.end()));
  vendor.listen(0, '127.0.0.1');
  await once(vendor, 'listening');
  const { port: vendorPort } = vendor.address() as { port: number };
  const shares = { refused: 1e-9, lost: 1e-9, truncated: 1e-9, late: 1e-9, slow: 1e-9, lingering: 0 };
  const heard: string[] = [];
  const proxy = await startProxy({
    vendorPort,
    answerMsMax: 2,
    lingerMsMax: 2,
    shares,
    random: seededRandom(3),
  });
  proxy.onRequest((account) => void heard.push(account));
  for (let at = 0; at < 24; at += 1)
    await fetch(`http://127.0.0.1:${proxy.port}/crm/people`, { method: 'POST', body: '{}' }).catch(() => '');
  await proxy.stop();
  vendor.closeAllConnections();
  vendor.close();
  assert.deepEqual(proxy.faults, { refused: 1, lost: 1, truncated: 1, late: 1, slow: 1, lingering: 0 });
  assert.deepEqual(new Set(heard), new Set(['crm']));
  assert.equal(proxy.requests, 24);
});

test('the proxy: a request lingers and is applied after its caller has hung up', async () => {
  assert.equal((await through({ lingering: 1 }, { hangsUp: true })).applied, 1);
});

/** One request through a proxy that does this to all; a caller that `hangsUp` is gone once the proxy has its request. */
async function through(
  shares: object,
  { hangsUp = false } = {},
): Promise<{ answered: boolean; applied: number; tookMs: number }> {
  let applied = 0;
  const vendor = createServer((request, response) => {
    request.resume().on('end', () => {
      applied += 1;
      response.end('x'.repeat(500));
    });
  });
  vendor.listen(0, '127.0.0.1');
  await once(vendor, 'listening');
  const { port: vendorPort } = vendor.address() as { port: number };
  const settings = { vendorPort, answerMsMax: 100, lingerMsMax: 100, shares };
  const proxy = await startProxy({ ...settings, random: seededRandom(3) });
  const caller = connect(proxy.port, '127.0.0.1');
  let said = '';
  caller.on('data', (chunk: Buffer) => {
    said += chunk.toString();
    if (said.endsWith('xxx') && said.length > 500) caller.destroy();
  });
  caller.on('error', () => undefined);
  caller.write('POST / HTTP/1.1\r\nhost: vendor\r\ncontent-length: 2\r\n\r\n{}');
  if (hangsUp) proxy.onRequest(() => caller.destroy());
  const sentAt = performance.now();
  await once(caller, 'close');
  const tookMs = performance.now() - sentAt;
  await new Promise((resolve) => setTimeout(resolve, 300));
  await proxy.stop();
  vendor.closeAllConnections();
  vendor.close();
  return { answered: said.endsWith('xxx') && said.length > 500, applied, tookMs };
}
