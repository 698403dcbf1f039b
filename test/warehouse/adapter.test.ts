/** The adapter's judgement: which fault for what goes wrong, what is repeated, what is resumed. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { RedshiftDataClient } from '@aws-sdk/client-redshift-data';
import { redshiftWarehouse } from '../../shared/aws/redshift-warehouse.ts';
import { Fault } from '../../shared/core/fault.ts';
import { makeRequest, makeSync } from './make-sync.ts';
import { ended, type Fixture, openFixture, warehouseAt } from './warehouse-fixture.ts';

let it: Fixture;
before(async () => {
  it = await openFixture('unload');
});
after(() => it.close());
let epoch = 0;
beforeEach(async () => {
  epoch += 1;
  it.redshift.setAvailability('available');
  await it.sql(
    `create or replace table people as select 1 as id, 'secret@example.com' as email, 1.5 as ltv, timestamp '2026-01-01' as updated_at`,
  );
});

const sync = makeSync({ changes: { by: 'all' } });
const PAGES = {
  environment: 'local',
  kind: 'serverless' as const,
  workgroup: 'local',
  database: 'dev',
  schema: 'tailrace',
  extraction: 'pages' as const,
};
const faultOf = async (call: () => Promise<unknown>): Promise<string> => {
  const fault = await call().then(
    () => assert.fail('it should have failed'),
    (error: unknown) => error,
  );
  assert.ok(fault instanceof Fault, String(fault));
  assert.ok(!`${fault.message}${fault.remedy}`.includes('secret@example.com'));
  return `${fault.kind} ${fault.code}`;
};

test('a model that the warehouse refuses is the owner’s to mend', async () => {
  assert.equal(await faultOf(() => it.warehouse.describe('select nope from people')), 'config model_refused');
  assert.equal(await faultOf(() => it.warehouse.describe('select * from nowhere')), 'config model_refused');
});

test('describe takes a model that ends in a semicolon and a comment', async () => {
  const columns = await it.warehouse.describe('select id, email from people; -- all of them');
  assert.deepEqual(columns, [
    { name: 'id', type: 'int4' },
    { name: 'email', type: 'varchar' },
  ]);
});

test('a warehouse that is away is nobody’s to mend', async () => {
  it.redshift.setAvailability('paused');
  assert.equal(await faultOf(() => it.warehouse.describe('select 1')), 'transient warehouse_unavailable');
  assert.equal(
    await faultOf(() => it.warehouse.submit(makeRequest(sync, { epoch }))),
    'transient warehouse_unavailable',
  );
  it.redshift.setAvailability('unreachable');
  assert.equal(await faultOf(() => it.warehouse.describe('select 1')), 'transient warehouse_unavailable');
});

test('a port that nobody listens on is transient', async () => {
  const closed = warehouseAt('http://127.0.0.1:9', it.objects, 'unload');
  assert.match(await faultOf(() => closed.describe('select 1')), /^transient /);
});

test('a statement that is not known (any more) is unknown', async () => {
  assert.deepEqual(await it.warehouse.status('gone'), { state: 'unknown' });
});

test('a failed statement says what failed without the values of rows', async () => {
  const model = makeSync({
    changes: { by: 'all' },
    sql: 'select cast(email as integer) as id, email, ltv from people',
  });
  const { statementId } = await it.warehouse.submit(makeRequest(model, { epoch }));
  const status = await ended(it.warehouse, statementId);
  assert.equal(status.state, 'failed');
  assert.equal(status.code, 'statement_failed');
  assert.match(status.reason ?? '', /'…'/);
  assert.ok(!status.reason?.includes('secret'));
});

test('a column that was dropped since it was described fails the statement', async () => {
  await it.sql('alter table people drop column ltv');
  const { statementId } = await it.warehouse.submit(makeRequest(sync, { epoch }));
  assert.equal((await ended(it.warehouse, statementId)).state, 'failed');
});

test('the statement is named, announced and the same for a repeat', async () => {
  const request = makeRequest(sync, { epoch });
  const { statementId } = await it.warehouse.submit(request);
  assert.equal((await it.warehouse.submit(request)).statementId, statementId);
  await ended(it.warehouse, statementId);
  const event = it.events.find(({ detail }) => detail.statementId === statementId);
  assert.equal(event?.detail.statementName, `tailrace/local/people-to-crm/${epoch}`);
});

test('a stage whose manifest is missing or does not add up is our bug', async () => {
  const request = makeRequest(sync, { epoch });
  const run = await it.extract(request);
  const { statementId } = await it.warehouse.submit(request);
  const manifest = `runs/people-to-crm/${String(epoch).padStart(10, '0')}/stage/crm/manifest`;
  const signal = new AbortController().signal;
  const stage = (): Promise<unknown> => it.warehouse.stage(statementId, request, run.counts, signal);
  it.stored.set(manifest, Buffer.from('{"entries":[]}'));
  assert.equal(await faultOf(stage), 'bug stage_miscounted');
  it.stored.delete(manifest);
  assert.equal(await faultOf(stage), 'bug stage_missing');
  const none = { ...run.counts, extracted: 0 };
  const { stage: empty } = await it.warehouse.stage(statementId, request, none, signal);
  assert.deepEqual(empty, { files: [], rows: 0, bytes: 0 });
});

test('pages go on where a crashed staging stopped, and give the same bytes', async () => {
  const pages = warehouseAt(it.redshift.endpoint, it.objects, 'pages');
  await it.sql(
    `create or replace table people as select range as id, repeat('x', 1000) || range as email, 1 as ltv, null::timestamp as updated_at from range(40000)`,
  );
  const request = makeRequest(sync, { epoch });
  const { statementId } = await pages.submit(request);
  await ended(pages, statementId);
  const counts = await pages.counts(statementId, request);
  const stop = new AbortController();
  const failing = warehouseAt(it.redshift.endpoint, failAfter(it.objects.put, 6), 'pages');
  await assert.rejects(failing.stage(statementId, request, counts, stop.signal), /the process died/);
  const written = [...it.stored.keys()].filter((key) => key.includes('/stage/')).length;
  assert.ok(written > 1);
  const before = new Map(it.stored);
  const { stage } = await pages.stage(statementId, request, counts, stop.signal);
  assert.equal(stage.rows, 40_000);
  for (const [key, body] of before) if (key.includes('/stage/')) assert.deepEqual(it.stored.get(key), body);
  const again = await pages.stage(statementId, request, counts, stop.signal);
  assert.deepEqual(again.stage, stage);
  const keys = new Set<string>();
  for (const { key } of stage.files) {
    for (const line of Buffer.from(it.stored.get(key) ?? [])
      .toString()
      .trimEnd()
      .split('\n'))
      keys.add(JSON.parse(line).k);
  }
  assert.equal(keys.size, 40_000);
});

test('staging stops when it is told to', async () => {
  const pages = warehouseAt(it.redshift.endpoint, it.objects, 'pages');
  const request = makeRequest(sync, { epoch });
  const { statementId } = await pages.submit(request);
  await ended(pages, statementId);
  const counts = await pages.counts(statementId, request);
  await assert.rejects(
    pages.stage(statementId, request, counts, AbortSignal.abort(new Error('deadline'))),
    /deadline/,
  );
});

test('too many statements at once are tried again, briefly', async () => {
  let calls = 0;
  const client = new RedshiftDataClient({
    region: 'us-east-1',
    endpoint: it.redshift.endpoint,
    credentials: { accessKeyId: 'T', secretAccessKey: 't' },
  });
  client.middlewareStack.add(
    (next) => async (args) => {
      calls += 1;
      if (calls > 2) return next(args);
      throw Object.assign(new Error('crowded'), { name: 'ActiveStatementsExceededException' });
    },
    { step: 'initialize' },
  );
  const warehouse = redshiftWarehouse({ client, objects: it.objects, settings: PAGES });
  assert.deepEqual(await warehouse.describe('select 1 as one'), [{ name: 'one', type: 'int4' }]);
  assert.ok(calls >= 3);
});

test('cancelling what has ended is nothing', async () => {
  const { statementId } = await it.warehouse.submit(makeRequest(sync, { epoch }));
  await ended(it.warehouse, statementId);
  await it.warehouse.cancel(statementId);
  await it.warehouse.cancel('gone');
});

test('forget drops what is kept for a sync, also when nothing is', async () => {
  const mirror = makeSync({ mode: 'mirror' });
  await it.extract(makeRequest(mirror, { epoch }));
  await it.warehouse.forget('people-to-crm', epoch);
  await it.warehouse.forget('people-to-crm', epoch);
  assert.deepEqual(
    await it.sql(`select table_name from information_schema.tables where table_schema = 'tailrace'`),
    [],
  );
});

test('forgetting waits a little, never cancels, and a repeat asks after the same statement; one that failed is tried again', async () => {
  const sent: { readonly name: string; readonly input: Record<string, unknown> }[] = [];
  let statuses: readonly string[] = [];
  const client = new RedshiftDataClient({ region: 'us-east-1' });
  client.middlewareStack.add(
    (_, { commandName = '' }) =>
      async ({ input }) => {
        sent.push({ name: commandName.replace('Command', ''), input: input as Record<string, unknown> });
        if (commandName.startsWith('Batch')) return { response: {}, output: { Id: 'one' } as never };
        const [Status, ...rest] = statuses;
        statuses = rest;
        return { response: {}, output: { Status, Error: 'ERROR: 1023' } as never };
      },
    { step: 'initialize' },
  );
  const warehouse = redshiftWarehouse({ client, objects: it.objects, settings: PAGES });
  const forget = async (...next: readonly string[]): Promise<unknown[]> => {
    statuses = next;
    sent.length = 0;
    const end = await warehouse.forget('people', 7).then(
      () => 'done',
      (error: unknown) => (error as Fault).code,
    );
    const waits = sent.map(({ input }) => Number(input.WaitTimeSeconds ?? 0));
    // Ten at once are done within the minute that the function has.
    assert.ok(waits.reduce((sum, seconds) => sum + seconds, 0) <= 5 * next.length);
    assert.ok(sent.every(({ name }) => name !== 'CancelStatement'));
    const tokens = sent.map(({ input }) => input.ClientToken).filter((token) => token !== undefined);
    return [end, ...tokens];
  };
  const [slow, first] = await forget('STARTED');
  assert.match(String(first), /^[0-9a-f]{64}$/);
  assert.equal(slow, 'forgetting_goes_on');
  assert.deepEqual(await forget('FINISHED'), ['done', first]);
  const [again, one, two] = await forget('FAILED', 'FINISHED');
  assert.deepEqual([again, one], ['done', first]);
  assert.notEqual(two, first);
  const [given, ...tokens] = await forget('FAILED', 'ABORTED', 'FAILED');
  assert.deepEqual([given, new Set(tokens).size], ['warehouse_conflict', 3]);
});

test('UNLOAD without its role is the operator’s to mend', async () => {
  const warehouse = redshiftWarehouse({
    client: new RedshiftDataClient({ region: 'us-east-1' }),
    objects: it.objects,
    settings: {
      environment: 'local',
      kind: 'provisioned',
      cluster: 'c',
      database: 'd',
      schema: 's',
      extraction: 'unload',
    },
  });
  assert.equal(await faultOf(() => warehouse.submit(makeRequest(sync, { epoch }))), 'config no_unload_role');
});

function failAfter(put: Fixture['objects']['put'], calls: number): Fixture['objects'] {
  let left = calls;
  return {
    ...it.objects,
    put: (key, body) => {
      left -= 1;
      return left < 0 ? Promise.reject(new Error('the process died')) : put(key, body);
    },
  };
}
