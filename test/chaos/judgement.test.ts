/** Each check of chaos says no when it should, and only then: one thing is spoiled, one check tells, in these words. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { comeToRest } from '../../local/chaos/rest.ts';
import { type SinkSettings, startSink } from '../../local/chaos/sink-process.ts';
import { countSuspicions, pointsIn, unsuspected } from '../../local/chaos/suspicions.ts';
import { fieldOf, record, run, syncOf, told, type World, worldAtRest } from './at-rest.ts';

const HOLDS = 'the destination holds what the model says';
const EDITS = 'the warehouse holds every edit that it acknowledged';
const OLDER = 'no value was overwritten by an older one';
const LEFT = 'nothing is left over: no run, no lock, no message, no process';

test('where all is right, no check tells anything', async () => {
  assert.deepEqual(await told(() => undefined), []);
});

const cases: readonly (readonly [string, (world: World) => void, readonly string[]])[] = [
  [
    'a record of a mirror is missing',
    ({ vendor }) => void vendor.scores.pop(),
    [`${HOLDS}: 1 times: scores 8 is missing`],
  ],
  [
    'a row of class C is missing that is not parked',
    ({ vendor }) => void vendor.entries.pop(),
    [`${HOLDS}: 1 times: entries 8 is missing`],
  ],
  [
    'a row of class C is missing that is parked',
    ({ vendor, failures }) => {
      vendor.entries.pop();
      failures.push({ row_key: '8', code: 'unknown_outcome' });
    },
    [],
  ],
  [
    'a row of class C is missing that was refused, which is not parked',
    ({ vendor, failures }) => {
      vendor.entries.pop();
      failures.push({ row_key: '8', code: 'blocked' });
    },
    [`${HOLDS}: 1 times: entries 8 is missing`],
  ],
  [
    'a row of class C is there and parked',
    ({ failures }) => void failures.push({ row_key: '8', code: 'unknown_outcome' }),
    [],
  ],
  [
    'a row of class C was taken twice and no run was abandoned',
    ({ vendor }) => void vendor.entries.splice(1, 1, record('entries', 8, 2)),
    [`${HOLDS}: 1 times: entries 8 was taken 2 times, in 0 abandoned runs`],
  ],
  [
    'a row of class C was taken twice, once in an abandoned run',
    ({ vendor, items }) => {
      vendor.entries.splice(1, 1, record('entries', 8, 2));
      items.push(run('entries', 4, { ended: 'fenced' }));
    },
    [],
  ],
  [
    'a row of class C that the model does not have',
    ({ vendor }) => void vendor.entries.push(record('entries', 9)),
    [`${HOLDS}: 1 times: entries 9 should not be there`],
  ],
  [
    'an edit that the warehouse lost',
    ({ warehouse }) => void warehouse.people.pop(),
    [`${EDITS}: 1 times: people 8 is missing`],
  ],
  [
    'an edit that the warehouse has by half',
    ({ warehouse }) =>
      void warehouse.scores.splice(1, 1, { id: 8, name: 'scores 8', amount: 1230, version: 3 }),
    [`${EDITS}: 1 times: scores 8 differs`],
  ],
  [
    'a removal that the warehouse lost',
    ({ warehouse }) => void warehouse.people.push({ id: 9, name: 'people 9', amount: 1230, version: 2 }),
    [`${EDITS}: 1 times: people 9 differs`],
  ],
  [
    'a run that does not reconcile',
    ({ items }) => void items.push(run('scores', 4, { extraction: { extracted: 3 } })),
    ['every run reconciles: 1 times: run 4 of scores: 3 extracted, 2 with an outcome'],
  ],
  [
    'an older value after a newer one',
    ({ older }) => void older.push('people 7: version 3 after 4'),
    [`${OLDER}: 1 times: people 7: version 3 after 4`],
  ],
  [
    'a run that goes on',
    (world) => void Object.assign(syncOf(world, 'people'), { phase: 'loading' }),
    [`${LEFT}: 1 times: people is loading`],
  ],
  [
    'a lock that nobody gave back',
    (world) => void Object.assign(syncOf(world, 'people'), { owner: 'somebody' }),
    [`${LEFT}: 1 times: people still has owner`],
  ],
  [
    'a breaker that stays open, and the mark of one',
    ({ items }) =>
      void items.push(
        { partition: 'BREAKER#ledger', sort: '-', state: 'open' },
        { partition: 'BUDGET#ledger', sort: '-', breaker: 1 },
      ),
    [`${LEFT}: 2 times: BREAKER#ledger is open; BUDGET#ledger has a breaker's mark`],
  ],
  [
    'a message in a lane',
    ({ queues }) => void Object.assign(queues, { 'chaos-crm-express': 2 }),
    [`${LEFT}: 1 times: 2 messages in chaos-crm-express`],
  ],
  [
    'a dead letter',
    ({ queues }) => void Object.assign(queues, { 'chaos-crm-DeadLetters': 1 }),
    [`${LEFT}: 1 times: 1 messages in chaos-crm-DeadLetters`],
  ],
  [
    'an event that a function missed, which is told to people',
    ({ queues }) => void Object.assign(queues, { 'chaos-UndeliveredEvents': 1 }),
    [],
  ],
  [
    'an environment that outlived its services',
    ({ orphans }) => void orphans.push(4711),
    [`${LEFT}: 1 times: environment 4711 outlived its services`],
  ],
  [
    'a record that the vendor forgets and nobody notices',
    (world) => void Object.assign(world, { forgets: false }),
    ['a record that the vendor forgets is noticed: 1 times: found nothing'],
  ],
];
for (const [name, spoil, expected] of cases) {
  test(`${expected.length === 0 ? 'passes' : 'is told'}: ${name}`, async () => {
    assert.deepEqual(await told(spoil), expected);
  });
}

for (const [name, spoil, expected] of [
  [
    'a run that never ends',
    (world: World) => Object.assign(syncOf(world, 'scores'), { phase: 'extracting' }),
    'run 3 of scores is extracting',
  ],
  [
    'a run that is wanted and does not come',
    (world: World) => Object.assign(syncOf(world, 'scores'), { wanted: 1 }),
    'a run of scores is wanted',
  ],
  ['a record that never comes', ({ vendor }: World) => vendor.people.pop(), 'people 8 is missing'],
  [
    'a definition that is not accepted',
    (world: World) => Object.assign(world, { every: '2 minutes' }),
    'the new schedule of people is not accepted yet',
  ],
  [
    'a message that stays',
    (world: World) => Object.assign(world, { pending: 2 }),
    '2 messages, events or stream records are waiting',
  ],
] as const) {
  test(`it does not come to rest: ${name}`, async () => {
    const world = worldAtRest();
    spoil(world);
    assert.equal(await comeToRest(fieldOf(world), 50), expected);
  });
}

test('it has come to rest when four looks in a row find nothing', async () => {
  assert.equal(await comeToRest(fieldOf(worldAtRest()), 20_000), undefined);
});

test('the vendor itself tells an older value from a newer one, also of a record that was deleted', async () => {
  const sink = await startSink({ token: 'secret', refuseEvery: 29 } satisfies SinkSettings);
  const send = async (path: string, method: string, id: number, version: number): Promise<void> => {
    const { status } = await fetch(`http://127.0.0.1:${sink.port}/${path}`, {
      method,
      headers: { authorization: 'Bearer secret' },
      body: JSON.stringify({ rows: [{ key: String(id), id, version }] }),
    });
    assert.equal(status, 200);
  };
  try {
    for (const version of [4, 4, 5]) await send('crm/people', 'POST', 7, version);
    await send('crm/people', 'DELETE', 7, 5);
    await send('crm/people', 'POST', 7, 6);
    assert.deepEqual((await sink.stats()).older, []);
    await send('crm/people', 'POST', 7, 4);
    await send('crm/people', 'DELETE', 7, 6);
    await send('crm/people', 'POST', 7, 6);
    assert.deepEqual((await sink.stats()).older, [
      'people 7: version 4 after 6',
      'people 7: version 6 after 6',
    ]);
  } finally {
    await sink.stop();
  }
});

test('a crash is suspected without a point or by one; claims and orderly ends are no suspicion', () => {
  const { suspected, hear } = countSuspicions();
  const point = { batch: 'SHARD#people#3/000000/0', offset: 0, crashes: 1, isClaim: false };
  hear({ ...point, batch: 'claimed', isClaim: true });
  hear({ ...point, batch: 'handed back', crashes: 0, offset: 90 });
  hear({ ...point, batch: 'handed back', offset: 90 });
  assert.deepEqual(suspected, { withoutPoint: 0, byPoint: 0 });
  hear(point);
  assert.deepEqual(suspected, { withoutPoint: 1, byPoint: 0 });
  hear({ ...point, crashes: 2 });
  hear({ ...point, crashes: 2, offset: 40 });
  hear({ ...point, batch: 'claimed', crashes: 2, isClaim: true });
  assert.deepEqual(suspected, { withoutPoint: 1, byPoint: 2 });
});

test('points are read off the requests that write them', () => {
  const request = {
    TableName: 'state',
    Key: { partition: { S: 'SHARD#people#3' }, sort: { S: '000001' } },
    UpdateExpression: 'SET #0 = :0, #1 = :1 REMOVE #2',
    ExpressionAttributeNames: { '#0': 'p12', '#1': 'o12', '#2': 'p13' },
    ExpressionAttributeValues: {
      ':0': { M: { offset: { N: '40' }, crashes: { N: '1' }, claimedTo: { N: '80' } } },
      ':1': { S: '17.somebody' },
    },
  };
  assert.deepEqual(pointsIn(request), [
    { batch: 'SHARD#people#3/000001/12', offset: 40, crashes: 1, isClaim: true },
  ]);
  assert.deepEqual(pointsIn({ ...request, Key: { partition: { S: 'SYNC' }, sort: { S: 'people' } } }), []);
  assert.deepEqual(pointsIn({ Item: { partition: { S: 'SHARD#people#3' } } }), []);
});

test('loaders killed in a call of whom nobody suspects anything are told', () => {
  assert.deepEqual(unsuspected(0, { withoutPoint: 0, byPoint: 0 }), []);
  const oks = (withoutPoint: number, byPoint: number) =>
    unsuspected(2, { withoutPoint, byPoint }).map(({ ok }) => ok);
  assert.deepEqual([oks(0, 0), oks(1, 0), oks(0, 1)], [[false], [true], [true]]);
  // Of many, some had a point and some had none.
  const ofMany = (withoutPoint: number, byPoint: number) =>
    unsuspected(10, { withoutPoint, byPoint }).map(({ ok }) => ok);
  assert.deepEqual([ofMany(3, 0), ofMany(0, 3), ofMany(1, 1)], [[false], [false], [true]]);
});
