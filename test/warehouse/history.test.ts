/**
 * Random histories of a model, with runs that commit, fail for some keys, or are abandoned half-way. Two judges:
 * the delta must equal what a plain program over maps expects, and a destination that applied what was sent must in the
 * end hold what the model says, without a foreign record ever being deleted.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { FailureRecord, StageLine } from '../../shared/core/stage.ts';
import { makeRequest, makeSync } from './make-sync.ts';
import { type Fixture, openFixture, type Way } from './warehouse-fixture.ts';

type Person = { readonly id: number | null; readonly email: string | null; readonly ltv: number };
type Step = {
  readonly people: readonly Person[];
  readonly ends: 'committed' | 'fenced';
  /** Per line: what becomes of it (in a fenced run: applied or not). */
  readonly fates: readonly ('accepted' | 'rejected' | 'quarantined')[];
};

const person = fc.record({
  id: fc.oneof(
    { weight: 12, arbitrary: fc.integer({ min: 1, max: 6 }) },
    { weight: 1, arbitrary: fc.constant(null) },
  ),
  email: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', null),
  ltv: fc.integer({ min: -1, max: 2 }),
});
const step: fc.Arbitrary<Step> = fc.record({
  people: fc.array(person, { maxLength: 6 }),
  ends: fc.constantFrom('committed' as const, 'committed' as const, 'fenced' as const),
  fates: fc.array(
    fc.constantFrom('accepted' as const, 'accepted' as const, 'rejected' as const, 'quarantined' as const),
    {
      minLength: 1,
      maxLength: 5,
    },
  ),
});

const CHECK = { name: 'positive', sql: 'ltv >= 0', otherwise: 'exclude' };

/** Everything that a run of the engine would remember, as plain maps. */
type Memory = {
  epoch: number;
  snapshotEpoch: number;
  dirty: number[];
  failures: Map<string, FailureRecord>;
  /** Value last accepted; null: perhaps held, value unknown. */
  held: Map<string, string | null>;
  /** Keys that abandoned runs may have sent. */
  attempted: Set<string>;
  destination: Map<string, string>;
  everSent: Set<string>;
};

const valueText = (row: Person): string => `${row.email} ${row.ltv}`;

type Verdict = { readonly code: string | null; readonly value: string | null };

/** What is wrong with each key of the model, by comparing everything with everything. */
function judge(people: readonly Person[]): Map<string, Verdict> {
  const keyed = people.filter((row) => row.id !== null);
  return new Map(
    keyed.map((row): [string, Verdict] => {
      const twins = keyed.filter((other) => other.id === row.id);
      const sharers = new Set(keyed.filter((other) => other.email === row.email).map((other) => other.id));
      if (twins.length > 1) return [String(row.id), { code: 'duplicate_key', value: null }];
      if (row.ltv < 0) return [String(row.id), { code: 'check:positive', value: valueText(row) }];
      // The smallest value of a duplicated key stands for it when values are compared.
      if (row.email !== null && sharers.size > 1 && sharedBySmallest(keyed, row.email) > 1) {
        return [String(row.id), { code: 'duplicate_match', value: valueText(row) }];
      }
      return [String(row.id), { code: null, value: valueText(row) }];
    }),
  );
}

function sharedBySmallest(keyed: readonly Person[], email: string): number {
  const ids = [...new Set(keyed.map((row) => row.id))];
  const smallest = ids.map((id) =>
    keyed
      .filter((row) => row.id === id && row.email !== null)
      .map((row) => row.email)
      .toSorted()
      .at(0),
  );
  return smallest.filter((value) => value === email).length;
}

type Expected = { readonly lines: string[]; readonly carried: string[] };

/** The delta by definition; `f` of a failure record holds the value here, so that the two can be compared. */
function expected(memory: Memory, people: readonly Person[], removals: boolean): Expected {
  const verdicts = judge(people);
  const lines = people.filter((row) => row.id === null).map(() => 'null i null_key 0');
  const carried: string[] = [];
  for (const [key, { code, value }] of verdicts) {
    const failure = memory.failures.get(key);
    const tried = memory.attempted.has(key);
    const x = memory.held.has(key) || tried || failure?.applied === '1' ? '1' : '0';
    if (failure !== undefined && !tried && stays(failure, code, value)) {
      carried.push(key);
    } else if (code !== null) {
      lines.push(`${key} i ${code} ${x}`);
    } else if (failure !== undefined || tried || memory.held.get(key) !== value || !memory.held.has(key)) {
      lines.push(`${key} ${memory.held.has(key) ? 'c' : 'a'} null ${x}`);
    }
  }
  if (removals) {
    const known = new Set([...memory.held.keys(), ...memory.failures.keys(), ...memory.attempted]);
    for (const key of [...known].filter((one) => !verdicts.has(one))) {
      const failure = memory.failures.get(key);
      const tried = memory.attempted.has(key);
      if (!memory.held.has(key) && !tried && failure?.applied !== '1') continue;
      const quiet =
        failure?.quarantined === '1' && failure.fingerprint === null && failure.kind === 'rejected';
      if (quiet && !tried) carried.push(key);
      else lines.push(`${key} r null 1`);
    }
  }
  return { lines: lines.toSorted(), carried: carried.toSorted() };
}

function stays(failure: FailureRecord, code: string | null, value: string | null): boolean {
  if (code !== null)
    return failure.kind === 'invalid' && failure.code === code && failure.fingerprint === value;
  return failure.quarantined === '1' && failure.kind === 'rejected' && failure.fingerprint === value;
}

const lineOf = (line: StageLine): string => [line.k, line.o, line.e, line.x].map(String).join(' ');

async function runStep(it: Fixture, memory: Memory, one: Step, removals: boolean): Promise<number> {
  const sync = makeSync({
    ...(removals ? { mode: 'mirror' } : {}),
    sql: 'select id, email, ltv from people',
    checks: [CHECK],
  });
  await it.sql('delete from people');
  for (const { id, email, ltv } of one.people) {
    await it.sql(`insert into people values (${id}, ${email === null ? 'null' : `'${email}'`}, ${ltv})`);
  }
  memory.epoch += 1;
  const { epoch, snapshotEpoch, dirty } = memory;
  const want = expected(memory, one.people, removals);
  const fingerprints = new Map<string | null, string>();
  const run = await it.extract(
    makeRequest(sync, {
      epoch,
      snapshotEpoch,
      dirty: [...dirty],
      failures:
        memory.failures.size === 0
          ? null
          : await it.failures('people-to-crm', snapshotEpoch, [...memory.failures.values()].map(withHash)),
    }),
  );
  assert.deepEqual(run.lines.map(lineOf).toSorted(), want.lines);
  assert.deepEqual(run.carried.map((record) => record.row_key).toSorted(), want.carried);
  assert.equal(run.counts.modelRows, one.people.length);
  for (const line of run.lines) if (line.k !== null && line.f !== null) fingerprints.set(line.k, line.f);
  settle(memory, one, run.lines, judge(one.people), removals);
  for (const [key, hash] of fingerprints) HASHES.set(judge(one.people).get(key ?? '')?.value ?? '', hash);
  return run.lines.length;
}

/** The SQL's fingerprint of each value, learnt from the lines; the same in every epoch. */
const HASHES = new Map<string, string>();
const withHash = (record: FailureRecord): FailureRecord => ({
  ...record,
  fingerprint: record.fingerprint === null ? null : (HASHES.get(record.fingerprint) ?? record.fingerprint),
});

/** What the destination and the next flip make of the lines. */
function settle(
  memory: Memory,
  one: Step,
  lines: readonly StageLine[],
  verdicts: Map<string, Verdict>,
  removals: boolean,
): void {
  const fenced = one.ends === 'fenced';
  const failed = new Map<string, FailureRecord>();
  const present = (key: string): boolean => verdicts.has(key);
  lines.forEach((line, index) => {
    if (line.k === null) return;
    const value = verdicts.get(line.k)?.value ?? null;
    const fate = one.fates[index % one.fates.length] ?? 'accepted';
    if (line.o === 'r')
      assert.ok(!present(line.k) && memory.everSent.has(line.k), 'no foreign or present key is removed');
    if (line.o !== 'i' && fate === 'accepted') apply(memory, line, value);
    if (fenced) {
      if (line.o === 'i') return;
      memory.attempted.add(line.k);
      // Whether it arrived is not known.
      memory.everSent.add(line.k);
      return;
    }
    if (line.o === 'i' || fate !== 'accepted') failed.set(line.k, failure(line, value, fate));
  });
  if (fenced) {
    memory.dirty.push(memory.epoch);
    return;
  }
  commit(memory, lines, verdicts, failed, removals);
}

function apply(memory: Memory, line: StageLine, value: string | null): void {
  if (line.k === null) return;
  memory.everSent.add(line.k);
  if (line.o === 'r') memory.destination.delete(line.k);
  else memory.destination.set(line.k, value ?? '');
}

const failure = (line: StageLine, value: string | null, fate: string): FailureRecord => ({
  row_key: line.k ?? '',
  fingerprint: line.o === 'r' ? null : value,
  kind: line.o === 'i' ? 'invalid' : 'rejected',
  code: line.e ?? 'refused',
  attempts: String(Number(line.n) + 1),
  quarantined: fate === 'quarantined' ? '1' : '0',
  applied: line.x,
  since_epoch: '1',
  reason: '',
});

function commit(
  memory: Memory,
  lines: readonly StageLine[],
  verdicts: Map<string, Verdict>,
  failed: Map<string, FailureRecord>,
  removals: boolean,
): void {
  const emitted = new Set(lines.map((line) => line.k));
  // Carried keys stay; with removals ignored, a failed key without a row is forgotten.
  for (const [key, record] of memory.failures) {
    const known = verdicts.has(key) || (removals && (memory.held.has(key) || record.applied === '1'));
    if (!emitted.has(key) && known && !memory.attempted.has(key)) failed.set(key, record);
  }
  const doubtful = removals ? [] : [...memory.attempted, ...memory.failures.keys()];
  for (const key of doubtful)
    if (!verdicts.has(key) && memory.held.get(key) !== null) memory.held.delete(key);
  for (const line of lines) {
    if (line.k === null) continue;
    if (line.o === 'i') {
      // Perhaps held by an abandoned run's hand: its removal needs a name.
      const isPerhapsHeld = removals && memory.attempted.has(line.k) && !memory.held.has(line.k);
      if (isPerhapsHeld) memory.held.set(line.k, null);
      continue;
    }
    const record = failed.get(line.k);
    if (record === undefined) {
      if (line.o === 'r') memory.held.delete(line.k);
      else memory.held.set(line.k, verdicts.get(line.k)?.value ?? '');
    } else if (record.applied === '1' && !memory.held.has(line.k)) {
      memory.held.set(line.k, null);
    }
  }
  memory.failures = failed;
  memory.attempted.clear();
  memory.dirty = [];
  memory.snapshotEpoch = memory.epoch;
}

const PEACE: Pick<Step, 'ends' | 'fates'> = { ends: 'committed', fates: ['accepted'] };

function converged(memory: Memory, people: readonly Person[], removals: boolean): void {
  const verdicts = judge(people);
  for (const [key, { code, value }] of verdicts) {
    if (code !== null || memory.failures.has(key)) continue;
    assert.equal(memory.destination.get(key), value, `key ${key} at the destination`);
  }
  if (!removals) return;
  for (const key of memory.destination.keys()) {
    assert.ok(verdicts.has(key) || memory.failures.has(key), `key ${key} should have been removed`);
  }
}

async function prove(way: Way, removals: boolean, runs: number): Promise<void> {
  const it = await openFixture(way);
  await it.sql('create table people (id bigint, email varchar, ltv int)');
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 5 }), async (steps) => {
        it.stored.clear();
        for (const kind of ['delta', 'snapshot', 'marker']) {
          await it.sql(`drop table if exists tailrace.${kind}_people_to_crm`);
        }
        const memory: Memory = {
          epoch: EPOCHS.next(),
          snapshotEpoch: 0,
          dirty: [],
          failures: new Map(),
          held: new Map(),
          attempted: new Set(),
          destination: new Map(),
          everSent: new Set(),
        };
        for (const one of steps) await runStep(it, memory, one, removals);
        const people = steps.at(-1)?.people ?? [];
        await runStep(it, memory, { people, ...PEACE }, removals);
        converged(memory, people, removals);
        const quiet = await runStep(it, memory, { people, ...PEACE }, removals);
        const nameless = people.filter((row) => row.id === null).length;
        assert.equal(quiet, nameless, 'nothing has changed, so nothing is sent');
      }),
      { numRuns: runs, endOnFailure: true },
    );
  } finally {
    await it.close();
  }
}

/** Statements are idempotent by epoch, so that no two histories may share one. */
const EPOCHS = {
  last: 0,
  next(): number {
    this.last += 1000;
    return this.last;
  },
};

test('mirror: any history converges and each delta is as defined', () => prove('unload', true, 10));
test('removed: ignore, the same', () => prove('unload', false, 6));
test('mirror by pages, the same', () => prove('pages', true, 3));
