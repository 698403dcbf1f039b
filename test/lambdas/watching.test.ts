/** The sweep looks every five minutes, tells what two looks agree on, and goes on when a look fails. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type WatchingPorts, watching } from '../../lambdas/watching.ts';
import { Fault } from '../../shared/core/fault.ts';
import { type Bench, bench, people, SYNC } from '../engine/bench.ts';

const MINUTE_MS = 60_000;

/** A sync that is overdue since its first commit, and what the telemetry was told of faults. */
async function overdue(): Promise<{ one: Bench; ports: WatchingPorts; faults: string[] }> {
  const one = await bench();
  one.rows(people(20));
  await one.whole();
  await one.pass(60 * MINUTE_MS);
  const faults: string[] = [];
  const telemetry = {
    ...one.ports.telemetry,
    failed: ({ code }: Fault) => void faults.push(code),
  } as unknown as WatchingPorts['telemetry'];
  return { one, faults, ports: { ...one.ports, telemetry } };
}

const told = ({ ports }: Bench) => ports.events.types().filter((type) => type === 'Attention Changed').length;
const looks = ({ ports }: Bench) => ports.telemetry.counted('runs_overdue');

test('of the sweeps of ten minutes two look, and the second tells', async () => {
  const { one, ports } = await overdue();
  const watchNowAndThen = watching();
  const seen: number[][] = [];
  for (let minute = 0; minute <= 9; minute += 1) {
    await watchNowAndThen(ports);
    seen.push([looks(one), told(one)]);
    await one.pass(MINUTE_MS);
  }
  assert.deepEqual(seen, [
    ...[1, 1, 1, 1, 1].map((looked) => [looked, 0]),
    ...[2, 2, 2, 2, 2].map((looked) => [looked, 1]),
  ]);
});

test('once an hour the looks say when each sync last committed, whatever minute they come in', async () => {
  const { one, ports } = await overdue();
  const { committedAt } = await one.sync();
  const watchNowAndThen = watching();
  const toldAt: string[] = [];
  await one.pass(4 * MINUTE_MS);
  for (let minute = 0; minute < 190; minute += 1) {
    const before = one.ports.telemetry.lines.length;
    await watchNowAndThen(ports);
    for (const { code, fields } of one.ports.telemetry.lines.slice(before)) {
      if (code !== 'sync_freshness') continue;
      toldAt.push(new Date(one.ports.clock.now()).toISOString().slice(11, 16));
      assert.deepEqual(fields, { syncId: SYNC, at: committedAt });
    }
    await one.pass(MINUTE_MS);
  }
  assert.deepEqual(toldAt, ['01:06', '02:01', '03:01', '04:01']);
});

test('another environment has not seen what this one has', async () => {
  const { one, ports } = await overdue();
  await watching()(ports);
  await one.pass(5 * MINUTE_MS);
  await watching()(ports);
  assert.deepEqual([looks(one), told(one)], [2, 0]);
});

test('a look that fails is a fault in the log and nothing more', async () => {
  const { one, ports, faults } = await overdue();
  const watchNowAndThen = watching();
  const { list } = one.ports.state;
  one.ports.state.list = () => {
    throw new Fault('transient', 'aws_unavailable', SYNC);
  };
  await watchNowAndThen(ports);
  one.ports.state.list = list;
  assert.deepEqual(faults, ['aws_unavailable']);
});
