/** What the owner of a sync is told, when, and how often; whatever is lost, doubled or late on the way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { acceptDefinition } from '../../shared/core/accept.ts';
import { Fault } from '../../shared/core/fault.ts';
import { noticeKey } from '../../shared/core/names.ts';
import type { OwnerMessage } from '../../shared/core/owner-message.ts';
import { approveHold } from '../../shared/engine/approve-hold.ts';
import { notifyOwner, type OwnerPorts } from '../../shared/engine/notify-owner.ts';
import { notifyOwners } from '../../shared/engine/notify-owners.ts';
import { pauseSync } from '../../shared/engine/pause-sync.ts';
import { writtenSync } from '../memory/memory-ports.ts';
import { type Bench, bench, people, SYNC, signal } from './bench.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

type Told = {
  readonly one: Bench;
  readonly messages: OwnerMessage[];
  readonly ports: OwnerPorts;
  /** Thrown by the topic instead of taking the message, once; or after it has taken it. */
  fails: 'before' | 'after' | undefined;
  notify(): Promise<string>;
  look(): Promise<void>;
};

async function told(parts: Readonly<Record<string, unknown>> = {}): Promise<Told> {
  const one = await bench(parts);
  const messages: OwnerMessage[] = [];
  const desk: Told = {
    one,
    messages,
    fails: undefined,
    ports: {
      ...one.ports,
      environment: 'test',
      topic: {
        publish: async (message) => {
          const { fails } = desk;
          desk.fails = undefined;
          if (fails !== 'before') messages.push(message);
          if (fails !== undefined) throw new Fault('transient', 'aws_unavailable', 'lost');
        },
      },
    },
    notify: async () => (await notifyOwner(desk.ports, { syncId: SYNC })).is,
    look: async () => {
      await notifyOwners(desk.ports, { signal: signal() });
    },
  };
  return desk;
}

/** Ten rows, two of them refused with a text that quotes a value, as vendors do. */
async function withRejected(parts: Readonly<Record<string, unknown>> = {}): Promise<Told> {
  const desk = await told(parts);
  desk.one.rows(people(10));
  desk.one.refuses = ({ k }) => (k === 'k3' || k === 'k4' ? 'name 3 is not nice: hunter2' : undefined);
  await desk.one.whole();
  return desk;
}

const mend = (desk: Told): void => {
  desk.one.refuses = () => undefined;
};

test('rejected rows are told with count, reason, place of the list, and the owner as attribute', async () => {
  const desk = await withRejected();
  assert.equal(await desk.notify(), 'told');
  const [message] = desk.messages;
  assert.equal(message?.subject, '[test] people: 2 rows not delivered');
  assert.deepEqual(message?.attributes, {
    owner: 'data@example.com',
    syncId: 'people',
    environment: 'test',
    kind: 'rows',
  });
  const text = message?.text ?? '';
  assert.match(text, /^2 rows are not at the destination after run 1:$/m);
  assert.match(text, /^ {2}2 {2}the destination refused the row for a reason of its own/m);
  assert.match(text, /aws s3 cp s3:\/\/staging\/kept\/people\/0000000001\/failures\.\w+\.manifest -/);
  assert.match(text, /npx tailrace status people --env test/);
});

test('nothing of a row, its key or a vendor is in a message, a state item or a log', async () => {
  const desk = await withRejected();
  await desk.notify();
  const notice = JSON.stringify(desk.one.ports.state.peek(noticeKey(SYNC)));
  const logs = JSON.stringify(desk.one.ports.telemetry.lines);
  for (const text of [JSON.stringify(desk.messages), notice, logs]) {
    assert.doesNotMatch(text, /hunter2|not nice|name 3|\bk3\b/);
  }
});

test('not again within the hour, whatever happens meanwhile; once more when it has changed and the hour is over', async () => {
  const desk = await withRejected();
  await desk.notify();
  assert.equal(await desk.notify(), 'known');
  desk.one.refuses = ({ k }) => (k === 'k5' ? 'no' : undefined);
  desk.one.rows(people(10, '2'));
  await desk.one.whole();
  assert.equal(await desk.notify(), 'waiting');
  await desk.one.pass(HOUR_MS);
  assert.equal(await desk.notify(), 'told');
  assert.deepEqual(
    desk.messages.map(({ subject }) => subject),
    ['[test] people: 2 rows not delivered', '[test] people: 1 row not delivered'],
  );
});

test('the same trouble is no news from run to run, and a reminder after a day', async () => {
  const desk = await withRejected();
  await desk.notify();
  for (let hour = 0; hour < 23; hour += 1) {
    await desk.one.pass(HOUR_MS - 2 * MINUTE_MS);
    await desk.one.whole();
    assert.match(await desk.notify(), /known|waiting/, `hour ${hour}`);
  }
  assert.equal(desk.messages.length, 1);
  await desk.one.pass(DAY_MS);
  await desk.look();
  assert.equal(desk.messages.length, 2);
});

test('healed is told once, within the hour too, and only after a run has shown it', async () => {
  const desk = await withRejected();
  await desk.notify();
  mend(desk);
  assert.equal(await desk.notify(), 'known');
  await desk.one.whole();
  assert.equal(await desk.notify(), 'healed');
  assert.equal(await desk.notify(), 'well');
  const [, healed] = desk.messages;
  assert.equal(healed?.subject, '[test] people: all rows are delivered again');
  assert.equal(healed?.attributes.kind, 'healed');
  assert.match(healed?.text ?? '', /^All rows of sync people are delivered again: run 2 left none behind\./);
});

test('an owner who was told of nothing hears of no healing', async () => {
  const desk = await withRejected();
  mend(desk);
  await desk.one.whole();
  assert.equal(await desk.notify(), 'well');
  assert.deepEqual(desk.messages, []);
});

test('a message that the topic did not take is told an hour later, by the look at all syncs', async () => {
  const desk = await withRejected();
  desk.fails = 'before';
  await assert.rejects(desk.notify());
  assert.equal(await desk.notify(), 'waiting');
  await desk.one.pass(HOUR_MS);
  await desk.look();
  assert.equal(desk.messages.length, 1);
  assert.equal(await desk.notify(), 'known');
});

test('a message that was taken and whose answer was lost is not doubled within the hour', async () => {
  const desk = await withRejected();
  desk.fails = 'after';
  await assert.rejects(desk.notify());
  for (let minute = 0; minute < 59; minute += 10) {
    await desk.look();
    await desk.one.pass(10 * MINUTE_MS - 1000);
  }
  assert.equal(desk.messages.length, 1);
});

test('trouble whose message was lost and that has gone meanwhile is told as healed, never as trouble', async () => {
  const desk = await withRejected();
  desk.fails = 'before';
  await assert.rejects(desk.notify());
  mend(desk);
  await desk.one.whole();
  await desk.look();
  assert.deepEqual(
    desk.messages.map(({ attributes }) => attributes.kind),
    ['healed'],
  );
});

test('two calls at once tell once', async () => {
  const desk = await withRejected();
  const results = await Promise.all([desk.notify(), desk.notify()]);
  assert.deepEqual(results.toSorted(), ['contended', 'told']);
  mend(desk);
  await desk.one.whole();
  const after = await Promise.all([desk.notify(), desk.notify()]);
  assert.deepEqual(after.toSorted(), ['contended', 'healed']);
});

test('a held run: until when, why, how to approve and how to end it; healed only by its commit', async () => {
  const desk = await told({
    destination: { mode: 'mirror' },
    guards: { maxDeletes: 3, maxDeleteRatio: 0.5 },
  });
  desk.one.rows(people(10));
  await desk.one.whole();
  desk.one.rows([]);
  await desk.one.start();
  await desk.one.fan(2);
  assert.equal(await desk.notify(), 'told');
  const { hold } = await desk.one.sync();
  const planHash = hold?.planHash ?? '';
  const [{ subject, text } = { subject: '', text: '' }] = desk.messages;
  assert.equal(subject, '[test] people: run 2 waits for your approval');
  assert.match(text, /^Run 2 is held until \d{4}-\d\d-\d\d \d\d:\d\d UTC/m);
  assert.match(text, /the model has no rows; it had 10 \(model_empty\)/);
  assert.ok(text.includes(`npx tailrace approve people ${planHash} --env test`));
  assert.ok(text.includes(`npx tailrace discard people ${planHash} --env test`));
  await approveHold(desk.one.ports, { syncId: SYNC, planHash, signal: signal() });
  assert.equal(await desk.notify(), 'waiting', 'approved is not delivered');
  await desk.one.load();
  assert.equal(await desk.notify(), 'healed');
});

test('a refused edit is told by path and rule, without what its author wrote there', async () => {
  const desk = await told();
  await desk.one.ports.definitions.setStatus(SYNC, {
    state: 'refused',
    version: 1,
    at: 1,
    answers: 'a',
    faults: [
      { path: 'fields[1].as.decimal', code: 'wrong_type', message: '"hunter2" is no number', remedy: 'mend' },
      { path: 'fields[2].as.lookup["hunter2"]', code: 'wrong_type', message: 'x', remedy: 'y' },
      { path: 'fields[2].as.lookup.hunter2', code: 'lookup_key_unreachable', message: 'x', remedy: 'y' },
    ],
  });
  assert.equal(await desk.notify(), 'told');
  const { text = '' } = desk.messages[0] ?? {};
  assert.match(text, /refused; version 1 keeps running:/);
  assert.match(text, /- fields\[1\]\.as\.decimal: Every value has the type of its name\. \(wrong_type\)/);
  assert.match(text, /- fields\[2\]\.as\.lookup: Every value/);
  assert.doesNotMatch(text, /hunter2/);
  await desk.one.ports.definitions.setStatus(SYNC, {
    state: 'accepted',
    version: 2,
    at: 2,
    answers: 'b',
    faults: [],
  });
  assert.equal(await desk.notify(), 'healed');
  assert.equal(desk.messages[1]?.text, 'Sync people works again; it has not run yet.\n');
});

test('an owner is found in a definition that was never good, and left out where it names nobody', async () => {
  const desk = await told();
  const refused = { state: 'refused', version: 0, at: 1, answers: 'a', faults: [] } as const;
  for (const [syncId, owner] of [
    ['first', 'someone'],
    ['second', { no: 'text' }],
  ] as const) {
    desk.one.ports.definitions.write(syncId, { owner });
    await desk.one.ports.definitions.setStatus(syncId, refused);
    await notifyOwner(desk.ports, { syncId });
  }
  assert.deepEqual(
    desk.messages.map(({ attributes }) => attributes.owner),
    ['someone', undefined],
  );
});

test('a run that the warehouse could not make, and a sync that the engine paused', async () => {
  const desk = await told();
  desk.one.rows(people(3));
  await desk.one.start();
  await desk.one.fan(1, 'failed');
  assert.equal(await desk.notify(), 'told');
  assert.match(
    desk.messages[0]?.text ?? '',
    /the warehouse could not run the SQL of the model \(statement_failed\)/,
  );
  await pauseSync(desk.one.ports, { syncId: SYNC, code: 'failure_storm' });
  await desk.one.pass(HOUR_MS);
  assert.equal(await desk.notify(), 'told');
  assert.match(desk.messages[1]?.text ?? '', /^The sync is paused: .*\(failure_storm\)/m);
});

test('what a person asked for is no trouble', async () => {
  const desk = await told();
  await pauseSync(desk.one.ports, { syncId: SYNC, code: 'paused_by_operator' });
  assert.equal(await desk.notify(), 'well');
});

test('nobody is told of a sync that is switched off, now or later', async () => {
  const desk = await withRejected();
  await desk.notify();
  const off = acceptDefinition(
    { ...writtenSync(SYNC), enabled: false },
    await desk.one.ports.definitions.accepted(SYNC),
  );
  await desk.one.ports.definitions.accept(SYNC, off);
  await desk.one.pass(2 * DAY_MS);
  await desk.look();
  assert.equal(desk.messages.length, 1);
});

test('failure records that cannot be read leave the number, and the message', async () => {
  const desk = await withRejected();
  const { failures } = await desk.one.sync();
  desk.one.ports.objects.remove(failures?.manifest ?? '');
  assert.equal(await desk.notify(), 'told');
  assert.match(desk.messages[0]?.text ?? '', /2 rows are not at the destination after run 1\./);
});

test('over random orders of runs, mending, looks and lost answers: never two within the hour, never healed wrongly, told in the end', async () => {
  const step = fc.constantFrom('run', 'break', 'mend', 'look', 'notify', 'lose', 'double', 'minutes', 'hour');
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const desk = await told();
      desk.one.rows(people(4));
      const at: { readonly kind: string; readonly ms: number }[] = [];
      const { publish } = desk.ports.topic;
      const heard = async (message: OwnerMessage): Promise<void> => {
        const count = desk.messages.length;
        try {
          await publish(message);
        } finally {
          const kind = message.attributes.kind ?? '';
          const { failures } = await desk.one.sync();
          if (kind === 'healed') assert.equal(failures, null, 'healed while rows fail');
          if (desk.messages.length > count) at.push({ kind, ms: desk.one.ports.clock.now() });
        }
      };
      const ports = { ...desk.ports, topic: { publish: heard } };
      for (const one of steps) await take(desk, ports, one);
      desk.fails = undefined;
      await desk.one.pass(2 * HOUR_MS);
      await take(desk, ports, 'look');
      const times = at.filter(({ kind }) => kind === 'rows').map(({ ms }) => ms);
      times.slice(1).forEach((ms, index) => {
        assert.ok(ms - (times[index] ?? 0) >= HOUR_MS, 'told twice within the hour');
      });
      const { failures } = await desk.one.sync();
      if (failures !== null) assert.equal(at.at(-1)?.kind, 'rows', 'trouble untold');
      else assert.ok(at.length === 0 || at.at(-1)?.kind === 'healed', 'healing untold');
    }),
    { numRuns: 60, seed: 7 },
  );
});

async function take(desk: Told, ports: OwnerPorts, step: string): Promise<void> {
  if (step === 'run') {
    desk.one.rows(people(4, String(desk.one.ports.clock.now())));
    await desk.one.whole();
  } else if (step === 'break') desk.one.refuses = ({ k }) => (k === 'k2' ? 'no' : undefined);
  else if (step === 'mend') mend(desk);
  else if (step === 'lose') desk.fails = 'before';
  else if (step === 'double') desk.fails = 'after';
  else if (step === 'minutes') await desk.one.pass(10 * MINUTE_MS);
  else if (step === 'hour') await desk.one.pass(HOUR_MS);
  else if (step === 'look') await notifyOwners(ports, { signal: signal() });
  else await notifyOwner(ports, { syncId: SYNC }).catch(() => undefined);
}
