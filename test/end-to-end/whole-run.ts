/**
 * A whole run, small: everything that the engine does for its users and against its failures, once, on the deployed shape.
 * First runs with every kind of failed row, a model that the warehouse chokes on, an outage with a dead letter and a
 * fan-out that died, holds that are approved and discarded, events that no function took, a definition that is deleted
 * while its statement runs. Each step says what it wants to see and fails loudly when it does not come.
 */
import assert from 'node:assert/strict';
import { ATTENTION_KEY, noticeKey, runKey, statementName, syncKey } from '../../shared/core/names.ts';
import {
  begun,
  deleteObjects,
  ended,
  failing,
  givenUp,
  heldPlan,
  rested,
  rewrite,
  runItem,
  runObjects,
  started,
  startedAfter,
  toDeadLetters,
  told,
} from './operate.ts';
import { FAILING, fillWarehouse, MISSING, SLOW, TO_APP, TO_CRM, TO_MAIL, touch } from './people.ts';
import { type SmallWorld, until } from './small-world.ts';

export type Progress = (step: string) => void;

/** Throws an Error that says which step failed. */
export async function wholeRun(world: SmallWorld, progress: Progress = () => undefined): Promise<void> {
  await fillWarehouse(world);
  for (const [name, step] of STEPS) {
    progress(name);
    try {
      await step(world);
    } catch (error) {
      throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
}

const STEPS: readonly (readonly [name: string, step: (world: SmallWorld) => Promise<void>])[] = [
  ['first runs', firstRuns],
  ['an outage, a dead letter, a fan-out that died', outage],
  ['a definition deleted while its statement runs', deleted],
  ['holds', holds],
  ['events that no function takes', eventsLost],
  ['what is left over', leftOver],
];

async function firstRuns(world: SmallWorld): Promise<void> {
  const all = [TO_CRM, TO_MAIL, TO_APP, FAILING, MISSING];
  await Promise.all(all.map((definition) => world.define(definition)));
  const [crm, mail, app, choked, missing] = await Promise.all(
    all.map(({ syncId }) => ended(world, syncId, 1)),
  );
  assert.deepEqual(told(crm), { ended: 'committed', accepted: 49, rejected: 6, invalid: 5, dead: 0 });
  assert.deepEqual(told(mail), { ended: 'committed', accepted: 49, rejected: 6, invalid: 5, dead: 0 });
  assert.deepEqual(told(app), { ended: 'committed', accepted: 52, rejected: 3, invalid: 5, dead: 0 });
  assert.deepEqual([choked?.ended, choked?.code], ['failed', 'statement_failed']);
  assert.deepEqual([missing?.ended, missing?.code], ['failed', 'model_refused']);
}

/** While the vendor is away its batch comes to the dead letters, and the run looks like one whose fan-out died. */
async function outage(world: SmallWorld): Promise<void> {
  const { outside, stack } = world;
  const { syncId } = TO_MAIL;
  outside.vendor.mood.down = true;
  await stack.warehouse.sql(touch(outside.canaries, 'during the outage'));
  const epoch = await started(world, syncId, 'loading');
  await until(world, 'a batch is put off', async () => (await isPutOff(world, syncId, epoch)) || undefined);
  await rewrite(world, runKey(syncId, epoch), { remove: ['sealed'] });
  await world.send('FanOut', statementEnded(syncId, epoch, await runItem(world, syncId, epoch)));
  await until(world, 'a second event sends again and seals', () => isSealed(world, syncId, epoch));
  await rewrite(world, runKey(syncId, epoch), { remove: ['sealed'] });
  await rewrite(world, syncKey(syncId), { set: { leaseUntil: 0, deadline: 0 } });
  await until(world, 'the sweep sends again and seals', () => isSealed(world, syncId, epoch));
  await until(world, 'status says what the run waits for', async () => {
    const { syncs } = await world.ask({ verb: 'status', syncId });
    const [sync] = syncs as readonly { waiting: { account: string } | null }[];
    return sync?.waiting?.account === 'mail' || undefined;
  });
  await until(world, 'a batch is tried again', async () => (await isTriedAgain(world, epoch)) || undefined);
  await toDeadLetters(world, 'mail', { v: 1, syncId, epoch, shard: 0, ordinal: 0 });
  const result = await ended(world, syncId, epoch);
  assert.equal(result.ended, 'committed');
  assert.ok((result.counts?.dead ?? 0) > 40, 'its rows are dead');
  outside.vendor.mood.down = false;
}

async function isSealed(world: SmallWorld, syncId: string, epoch: number): Promise<true | undefined> {
  return (await runItem(world, syncId, epoch))?.sealed === undefined ? undefined : true;
}

/** As EventBridge brings it; it may do so twice. */
const statementEnded = (syncId: string, epoch: number, run: Awaited<ReturnType<typeof runItem>>): object => ({
  detail: {
    statementName: statementName('local', syncId, epoch),
    statementId: String(run?.statementId),
    state: 'FINISHED',
  },
});

async function isPutOff({ state }: SmallWorld, syncId: string, epoch: number): Promise<boolean> {
  const { QueryCommand } = await import('@aws-sdk/lib-dynamodb');
  const { Items = [] } = await state.client.send(
    new QueryCommand({
      TableName: state.table,
      KeyConditionExpression: '#p = :p',
      ExpressionAttributeNames: { '#p': 'partition' },
      ExpressionAttributeValues: { ':p': `SHARD#${syncId}#${epoch}` },
    }),
  );
  return Items.some((item) => 'p0' in item);
}

/** A loader has taken up what a former delivery of the same message left. */
async function isTriedAgain(world: SmallWorld, epoch: number): Promise<boolean> {
  const isOfRun = new RegExp(`"epoch":${epoch},[^\\n]*"receiveCount":([2-9]|\\d\\d)`);
  const places = await world.places();
  return places.some(({ where, text }) => /^logs\/Tomail/.test(where) && isOfRun.test(text));
}

/** The statement is cancelled, the schedule goes, the state of the sync starts afresh. */
async function deleted(world: SmallWorld): Promise<void> {
  const { syncId } = SLOW;
  await world.define(SLOW);
  await startedAfter(world, syncId, 0, 'extracting');
  const isSubmitted = async (): Promise<true | undefined> =>
    (await runItem(world, syncId, 1))?.statementId === undefined ? undefined : true;
  await until(world, 'its statement runs', isSubmitted);
  await world.undefine(syncId);
  const result = await ended(world, syncId, 1);
  assert.deepEqual([result.ended, result.code], ['fenced', 'definition_deleted']);
}

/** Half of the people leave: removals wait for an approval, a model that shrank is discarded. */
async function holds(world: SmallWorld): Promise<void> {
  await world.stack.warehouse.sql('DELETE FROM shop.people WHERE score > 20 AND score < 57');
  const [crm, mail, app] = [TO_CRM, TO_MAIL, TO_APP].map(({ syncId }) => syncId) as [string, string, string];
  const epochs = await Promise.all([crm, mail, app].map((syncId) => started(world, syncId, 'held')));
  const [crmPlan, mailPlan] = await Promise.all([heldPlan(world, crm), heldPlan(world, mail)]);
  await pagedAgain(world, app, epochs[2] ?? 0);
  const answers = [
    await world.ask({ verb: 'approve', syncId: crm, planHash: crmPlan }),
    await world.ask({ verb: 'approve', syncId: mail, planHash: mailPlan }),
    await world.ask({ verb: 'discard', syncId: app }),
  ];
  assert.deepEqual(
    answers.map(({ ok }) => ok),
    [true, true, true],
  );
  const results = await Promise.all(
    [crm, mail, app].map((syncId, at) => ended(world, syncId, epochs[at] ?? 0)),
  );
  assert.deepEqual(
    results.map((result) => result.ended),
    ['committed', 'committed', 'discarded'],
  );
  assert.equal(world.outside.vendor.records.crm?.size, 17);
}

/** By pages: a fan-out that died between its last note and the manifest; another event, then the sweep, go on there. */
async function pagedAgain(world: SmallWorld, syncId: string, epoch: number): Promise<void> {
  if ((await runObjects(world, syncId, epoch, /^pages\//)).length === 0) return;
  for (const by of ['an event', 'the sweep'] as const) {
    await deleteObjects(world, await runObjects(world, syncId, epoch, /^stage\/[^/]+\/manifest$/));
    const leaseUntil = by === 'an event' ? Date.now() + 60_000 : 0;
    const before = { phase: 'extracting', leaseUntil };
    await rewrite(world, syncKey(syncId), { set: before, remove: ['hold'] });
    const run = await runItem(world, syncId, epoch);
    if (by === 'an event') await world.send('FanOut', statementEnded(syncId, epoch, run));
    await startedAfter(world, syncId, epoch - 1, 'held');
  }
}

/** Whatever a function does not take after two tries goes to the queue of undelivered events; the sweep heals the runs. */
async function eventsLost(world: SmallWorld): Promise<void> {
  const { outside, stack } = world;
  await stack.warehouse.sql(touch(outside.canaries, 'before the crashes'));
  const others = ['StartRun', 'NotifyOwners', 'RecordAudit', 'TellOperators'];
  for (const name of others) await world.send(name, NOT_AN_EVENT);
  const epoch = await failing(world, 'FanOut', async () => {
    const crm = await begun(world, TO_CRM.syncId);
    await givenUp(world, ['FanOut', ...others]);
    return crm;
  });
  await rewrite(world, syncKey(TO_CRM.syncId), { set: { leaseUntil: 0 } });
  assert.equal((await ended(world, TO_CRM.syncId, epoch)).ended, 'committed');
  // A sweep has died just before it told operators who is overdue: the next environment does, by its first look.
  await rewrite(world, ATTENTION_KEY, { set: { rev: 1, told: [], saying: ABOUT_TO_SAY } });
  await failing(world, 'Sweep', () => givenUp(world, ['Sweep']));
  await until(world, 'operators are told by name', () => isNamed(world) || undefined);
  await finishLost(world);
}

const ABOUT_TO_SAY = {
  needs: [{ what: 'runs_overdue', syncId: TO_CRM.syncId, code: 'no_run', since: 1_700_000_000_000 }],
  over: [],
  more: { needs: 0, over: 0 },
};

const isNamed = ({ stack }: SmallWorld): boolean =>
  stack.notifications.some(({ message }) =>
    message.includes(`${TO_CRM.syncId} has not committed since 2023-11-14`),
  );

const NOT_AN_EVENT = { 'detail-type': 'Run Committed', detail: { syncId: 'NOBODY' } };

/** The vendor takes its time, so that the last batch is settled after the seal: a loader then announces the run. */
async function finishLost(world: SmallWorld): Promise<void> {
  const { vendor } = world.outside;
  vendor.mood.delayMs = 1500;
  const epoch = await failing(world, 'FinishRun', async () => {
    const mail = await begun(world, TO_MAIL.syncId);
    await givenUp(world, ['FinishRun']);
    return mail;
  });
  vendor.mood.delayMs = 0;
  assert.equal((await ended(world, TO_MAIL.syncId, epoch)).ended, 'committed');
}

/** A run that finds nothing to send carries what failed before; pause and resume say what they do. */
async function leftOver(world: SmallWorld): Promise<void> {
  const { syncId } = TO_CRM;
  assert.equal((await world.ask({ verb: 'pause', syncId })).ok, true);
  assert.equal((await world.ask({ verb: 'run', syncId })).code, 'paused');
  const { epoch = 0 } = (await world.sync(syncId)) ?? {};
  assert.equal((await world.ask({ verb: 'resume', syncId })).ok, true);
  const result = await ended(world, syncId, epoch + 1);
  assert.equal(result.ended, 'committed');
  assert.ok((result.extraction?.carried ?? 0) > 0, 'failures of the run before are carried');
  await toldAgain(world, syncId);
  await Promise.all([ticked(world, syncId), ticked(world, TO_MAIL.syncId)]);
  assert.equal((await world.ask({ verb: 'status' })).ok, true);
  assert.equal((await world.ask({ verb: 'status', syncId })).ok, true);
  for (const account of ['crm', 'mail'] as const) await assertArrived(world, account);
  await mended(world);
  await emptied(world);
}

/** What failed is put right, and those who were told hear that it is. */
async function mended(world: SmallWorld): Promise<void> {
  const { syncId } = FAILING;
  await world.define({ ...FAILING, model: TO_APP.model });
  const isAccepted = async () =>
    (await world.places()).some(({ text }) =>
      /"Definition Accepted"[^\n]*failing[^\n]*"version":2/.test(text),
    );
  await until(world, 'the new version is accepted', async () => (await isAccepted()) || undefined);
  assert.equal((await ended(world, syncId, await begun(world, syncId))).ended, 'committed');
}

/** Nothing is left of the model: a person says that this is right, and a run without a single batch ends. */
async function emptied(world: SmallWorld): Promise<void> {
  const { syncId } = TO_MAIL;
  await world.stack.warehouse.sql('DELETE FROM shop.people');
  const epoch = await started(world, syncId, 'held');
  await world.ask({ verb: 'approve', syncId, planHash: await heldPlan(world, syncId) });
  const result = await ended(world, syncId, epoch);
  assert.deepEqual([result.ended, result.counts?.rows], ['committed', 0]);
}

/** A tick of the schedule, when it may start a run: with failures that the run before found, or carried. */
async function ticked(world: SmallWorld, syncId: string): Promise<void> {
  const epoch = await rested(world, syncId);
  await world.send('StartRun', { syncId, scheduledAt: new Date().toISOString() });
  assert.equal((await ended(world, syncId, epoch + 1)).ended, 'committed');
}

/** An hour later: the owner hears of what is still carried, and the audit looks for what it missed. */
async function toldAgain(world: SmallWorld, syncId: string): Promise<void> {
  const { notifications } = world.stack;
  const before = notifications.length;
  await rewrite(world, noticeKey(syncId), { remove: ['triedAt', 'looked', 'told'] });
  await world.send('NotifyOwners', { detail: { syncId } });
  await until(world, 'the owner is told', () => (notifications.length > before ? true : undefined));
  await world.send('RecordAudit', {});
}

/** Every person who may be sent is there with the note that the model has now. */
async function assertArrived({ stack, outside }: SmallWorld, account: 'crm' | 'mail'): Promise<void> {
  const rows = await stack.warehouse.sql(
    "SELECT id, note FROM shop.people WHERE score >= 0 AND verdict = 'take' AND length(note) <= 100 ORDER BY id",
  );
  assert.equal(rows.length, 17);
  for (const { id, note } of rows) {
    assert.equal(outside.vendor.records[account]?.get(String(id))?.note, note, `${account} has ${id}`);
  }
}
