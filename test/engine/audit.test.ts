/** Audit records: each once, whatever is repeated; who, what and when; nothing of a value. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DefinitionWrite, Operation } from '../../shared/core/audit-record.ts';
import { authorOf, changedBy } from '../../shared/core/changed-by.ts';
import { changedPaths } from '../../shared/core/changed-paths.ts';
import { Fault } from '../../shared/core/fault.ts';
import { announceAnswered, announceAsked } from '../../shared/engine/announce-operation.ts';
import {
  type AuditPorts,
  auditAnswer,
  auditDefinition,
  auditOperation,
  auditRun,
} from '../../shared/engine/audit.ts';
import { auditMissingRuns } from '../../shared/engine/audit-missing-runs.ts';
import { type Bench, bench, people, SYNC, signal } from './bench.ts';

const ANNA = 'arn:aws:sts::111111111111:assumed-role/Data/anna@example.com';
const BEN = 'arn:aws:iam::111111111111:user/ben';

type Desk = {
  readonly one: Bench;
  readonly ports: AuditPorts;
  readonly kept: Map<string, string>;
  record(key: string): Readonly<Record<string, unknown>>;
};

async function desk(): Promise<Desk> {
  const one = await bench();
  const kept = new Map<string, string>();
  const audit: AuditPorts['audit'] = {
    put: async (key, body) => {
      if (kept.has(key)) return 'there';
      kept.set(key, body);
      return 'written';
    },
    names: async function* (prefix, after) {
      for (const key of [...kept.keys()].toSorted()) if (key.startsWith(prefix) && key > after) yield key;
    },
  };
  const record = (key: string) => JSON.parse(kept.get(key) ?? assert.fail([...kept.keys()].join(' ')));
  return { one, kept, record, ports: { ...one.ports, audit, environment: 'test' } };
}

const write = (parts: Partial<DefinitionWrite>): DefinitionWrite => ({
  syncId: 'people',
  sequence: '700',
  at: Date.UTC(2026, 0, 2, 3, 4, 5),
  before: undefined,
  after: undefined,
  ...parts,
});
const WRITTEN = 'definitions/people/0000000000000000000000000000000000000700-written.json';

test('a change has before and after as hashes, the paths, the author and the time, and no value', async () => {
  const { ports, record } = await desk();
  const before = {
    syncId: 'people',
    item: 'definition',
    model: { sql: "where name = 'hunter2'" },
    fields: [{ to: 'a' }],
  };
  const after = { ...before, model: { sql: 'select 1' }, fields: [{ to: 'b' }], enabled: false };
  const claim = changedBy(after, ANNA, Date.UTC(2026, 0, 2));
  await auditDefinition(ports, write({ before, after: { ...after, changedBy: claim } }));
  const found = record(WRITTEN);
  assert.deepEqual(
    { ...found, before: String(found.before).length, after: String(found.after).length },
    {
      v: 1,
      kind: 'definition',
      environment: 'test',
      syncId: 'people',
      at: '2026-01-02T03:04:05.000Z',
      sequence: '700',
      change: 'changed',
      before: 64,
      after: 64,
      fields: ['enabled', 'fields[0].to', 'model.sql'],
      isPartial: false,
      by: { principal: ANNA, at: '2026-01-02T00:00:00.000Z' },
    },
  );
  assert.doesNotMatch(JSON.stringify(found), /hunter2|select/);
});

test('a creation and a deletion; a deletion has no author, since nobody is left to say it', async () => {
  const { ports, record } = await desk();
  const item = { syncId: 'people', item: 'definition' };
  await auditDefinition(ports, write({ after: { ...item, changedBy: changedBy(item, BEN, 0) } }));
  assert.deepEqual([record(WRITTEN).change, record(WRITTEN).before], ['created', null]);
  assert.deepEqual((record(WRITTEN).by as { principal: string }).principal, BEN);
  await auditDefinition(ports, write({ sequence: '701', before: item }));
  const deleted = record(WRITTEN.replace('700', '701'));
  assert.deepEqual([deleted.change, deleted.after, deleted.by], ['deleted', null, null]);
});

test('a repeat of a record keeps the first; a write of the same content is no change', async () => {
  const { ports, kept } = await desk();
  const item = { syncId: 'people', purpose: 'one' };
  await auditDefinition(ports, write({ after: item }));
  const first = kept.get(WRITTEN);
  await auditDefinition(ports, write({ after: { ...item, purpose: 'forged' } }));
  assert.equal(kept.get(WRITTEN), first);
  const claim = changedBy(item, BEN, 0);
  await auditDefinition(
    ports,
    write({ sequence: '702', before: item, after: { ...item, changedBy: claim } }),
  );
  assert.equal(kept.size, 1);
});

test('a claim counts for the content that it names, once', () => {
  const one = { syncId: 'people', purpose: 'one' };
  const two = { ...one, purpose: 'two' };
  const byAnna = { ...one, changedBy: changedBy(one, ANNA, 1) };
  assert.equal(authorOf(undefined, byAnna)?.principal, ANNA);
  // The console writes the whole item back: the content is another one, the claim the old one.
  assert.equal(authorOf(byAnna, { ...two, changedBy: byAnna.changedBy }), undefined);
  // And changed back again: Anna wrote this once, and did not write it now.
  assert.equal(authorOf({ ...two, changedBy: byAnna.changedBy }, byAnna), undefined);
  assert.equal(authorOf(byAnna, { ...two, changedBy: changedBy(two, BEN, 2) })?.principal, BEN);
  for (const odd of [null, 7, 'anna', { principal: 'anna', at: 1, of: '' }, { principal: `${ANNA}\nx` }]) {
    assert.equal(authorOf(undefined, { ...one, changedBy: odd }), undefined);
  }
});

test('keys of a lookup table and odd names are no paths', () => {
  const field = (lookup: object, more: object = {}) => ({ fields: [{ to: 'a', as: { lookup } }], ...more });
  assert.deepEqual(changedPaths(field({ smith: 1 }), field({ smith: 2 })).paths, ['fields[0].as.lookup']);
  assert.deepEqual(changedPaths({ a: { 'x@y': 1 } }, { a: { 'x@y': 2 } }).paths, ['a']);
  assert.deepEqual(changedPaths({ 'x@y': 1, b: 1 }, { 'x@y': 2, b: 1 }).paths, ['(other)']);
  const many = (value: number) => Array.from({ length: 5000 }, () => value);
  const { paths, isPartial } = changedPaths({ a: many(1) }, { a: many(2) });
  assert.deepEqual([paths.length, paths[0], isPartial], [200, 'a[0]', true]);
});

test('a sync id that is none is named by a hash', async () => {
  const { ports, kept } = await desk();
  await auditDefinition(ports, write({ syncId: '../x hunter2', after: { purpose: 'one' } }));
  const [[key = '', body = ''] = []] = [...kept];
  assert.match(key, /^definitions\/unnamed-[0-9a-f]{16}\/0{37}700-written\.json$/);
  assert.equal(JSON.parse(body).syncId, null);
  assert.doesNotMatch(body, /hunter2/);
});

test('what the engine made of a definition, by its hash; the same answer again is no record', async () => {
  const { ports, kept, record } = await desk();
  const answer = {
    state: 'refused',
    version: 3,
    answers: 'abc',
    faults: [{ path: 'fields[0].as.lookup["hunter2"]', code: 'wrong_type' }],
  };
  await auditAnswer(ports, write({}), undefined, answer);
  const found = record(WRITTEN.replace('written', 'refused'));
  assert.deepEqual(found.faults, [{ path: 'fields[0].as.lookup', code: 'wrong_type' }]);
  assert.deepEqual([found.version, found.answers], [3, 'abc']);
  await auditAnswer(ports, write({ sequence: '701' }), answer, answer);
  assert.equal(kept.size, 1);
});

const OPERATION: Operation = {
  requestId: 'r-1',
  verb: 'approve',
  syncId: 'people',
  planHash: 'abcdef12',
  by: ANNA,
  at: Date.UTC(2026, 0, 2),
};

test('an operation is recorded when it is asked for and when it is answered', async () => {
  const { ports, record, kept } = await desk();
  await auditOperation(ports, OPERATION);
  await auditOperation(ports, OPERATION, { ok: false, code: 'another_plan' });
  await auditOperation(ports, OPERATION);
  assert.equal(kept.size, 2);
  const asked = record('operations/people/2026-01-02T00:00:00.000Z-r-1-approve-asked.json');
  assert.deepEqual([asked.by, asked.planHash, asked.requestId], [ANNA, 'abcdef12', 'r-1']);
  const answered = record('operations/people/2026-01-02T00:00:00.000Z-r-1-approve-answered.json');
  assert.deepEqual([answered.ok, answered.code], [false, 'another_plan']);
});

test('what sends data is not done unless it is recorded who asks; what stops something is', async () => {
  const { one } = await desk();
  const deaf = {
    ...one.ports,
    events: {
      publish: async () => {
        throw new Fault('transient', 'event_not_taken', 'no');
      },
    },
  };
  for (const verb of ['run', 'approve', 'resume'] as const) {
    await assert.rejects(announceAsked(deaf, { ...OPERATION, verb }), {
      code: 'audit_unavailable',
      kind: 'transient',
    });
  }
  for (const verb of ['pause', 'discard'] as const) await announceAsked(deaf, { ...OPERATION, verb });
  await announceAnswered(deaf, OPERATION, { ok: true });
  assert.equal(one.ports.telemetry.lines.filter(({ level }) => level === 'error').length, 5);
});

test('a run is recorded with counts, definition and epoch, once, and without the cursor’s value', async () => {
  const { one, ports, record, kept } = await desk();
  one.rows(people(10));
  one.refuses = ({ k }) => (k === 'k3' ? 'hunter2' : undefined);
  assert.equal(await auditRun(ports, { syncId: SYNC, epoch: 1 }), false);
  await one.whole();
  assert.equal(await auditRun(ports, { syncId: SYNC, epoch: 1 }), true);
  await auditRun(ports, { syncId: SYNC, epoch: 1 });
  assert.equal(kept.size, 1);
  const found = record('runs/people/0000000001.json');
  assert.deepEqual([found.ended, found.epoch, found.failures], ['committed', 1, 1]);
  assert.deepEqual(found.counts, { rows: 10, accepted: 9, rejected: 1, invalid: 0, skipped: 0, dead: 0 });
  const { version, hash } = found.definition as { version: number; hash: string };
  assert.equal(version, 1);
  assert.match(hash, /^[0-9a-f]{64}$/);
  assert.equal('hi' in (found.extraction as object), false);
  const { rows, files } = found.manifest as { rows: number; files: { key: string; rows: number }[] };
  assert.equal(rows, 10);
  assert.deepEqual(
    files.map((file) => file.key),
    [0, 1, 2].map((file) => `runs/people/0000000001/stage/crm/000${file}_part_00`),
  );
  assert.doesNotMatch(JSON.stringify(found), /hunter2|k3/);
});

test('runs whose event was lost are written by the daily look; one that was never recorded says so', async () => {
  const { one, ports, kept, record } = await desk();
  for (let epoch = 1; epoch <= 4; epoch += 1) {
    one.rows(people(epoch));
    await one.whole();
  }
  await auditRun(ports, { syncId: SYNC, epoch: 3 });
  // The process died between the end of run 2 and its record.
  const { result: _, ...unrecorded } =
    one.ports.state.peek({ partition: 'RUN#people', sort: '0000000002' }) ?? {};
  one.ports.state.seed({ partition: 'RUN#people', sort: '0000000002' }, unrecorded);
  assert.deepEqual(await auditMissingRuns(ports, { signal: signal() }), { looked: 1, failed: 0 });
  assert.deepEqual(
    [...kept.keys()].toSorted(),
    [1, 2, 3, 4].map((epoch) => `runs/people/000000000${epoch}.json`),
  );
  assert.equal(record('runs/people/0000000002.json').ended, 'unrecorded');
  const puts = one.ports.telemetry.lines.filter(({ code }) => code === 'audited').length;
  await auditMissingRuns(ports, { signal: signal() });
  assert.equal(one.ports.telemetry.lines.filter(({ code }) => code === 'audited').length, puts);
});

test('a run at work is left alone by the daily look', async () => {
  const { one, ports, kept } = await desk();
  one.rows(people(2));
  await one.start();
  await auditMissingRuns(ports, { signal: signal() });
  assert.equal(kept.size, 0);
});
