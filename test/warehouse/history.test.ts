/**
 * Random histories of a model, with runs that commit, fail for some keys, or are abandoned half-way. Two judges:
 * the delta must equal what a plain program over maps expects, and a destination that applied what was sent must in the
 * end hold what the model says, without a foreign record ever being deleted. The destination is kept twice: by the key of the
 * row that wrote it, and by name (the match column), as real ones do: there a record passes from key to key.
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
  /** Value last accepted, and by what name; a null value: perhaps held, value unknown. */
  held: Map<string, Held>;
  /** Keys that abandoned runs may have sent, and by what name last. */
  attempted: Map<string, string | null>;
  /** All names that abandoned runs may have written. */
  loose: Set<string>;
  destination: Map<string, string>;
  records: Map<string, string>;
  everSent: Set<string>;
};

type Held = { readonly value: string | null; readonly name: string | null };

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

type Expected = {
  readonly lines: string[];
  readonly carried: string[];
  /** Keys that are gone and whose record another row has now. */
  readonly passed: ReadonlySet<string>;
};

/** Names of the model that a key which is gone or an abandoned run may have written. */
function claimedNames(memory: Memory, people: readonly Person[], removals: boolean): Set<string> {
  if (!removals) return new Set();
  const keys = new Set(people.map((row) => String(row.id)));
  const gone = [...memory.held].filter(([key]) => !keys.has(key)).map(([, { name }]) => name);
  const loose = new Set([...gone, ...memory.loose]);
  return new Set(people.flatMap(({ email }) => (email !== null && loose.has(email) ? [email] : [])));
}

/** The delta by definition; `f` of a failure record holds the value here, so that the two can be compared. */
function expected(memory: Memory, people: readonly Person[], removals: boolean): Expected {
  const verdicts = judge(people);
  const lines = people.filter((row) => row.id === null).map(() => 'null i null_key 0');
  const carried: string[] = [];
  const passed = new Set<string>();
  const claimed = claimedNames(memory, people, removals);
  const emailOf = new Map(people.map((row) => [String(row.id), row.email]));
  for (const [key, { code, value }] of verdicts) {
    const failure = memory.failures.get(key);
    const tried = memory.attempted.has(key);
    const x = memory.held.has(key) || tried || failure?.applied === '1' ? '1' : '0';
    if (failure !== undefined && !tried && stays(failure, code, value)) {
      carried.push(key);
    } else if (code !== null) {
      lines.push(`${key} i ${code} ${x}`);
    } else if (
      failure !== undefined ||
      tried ||
      memory.held.get(key)?.value !== value ||
      claimed.has(emailOf.get(key) ?? '')
    ) {
      lines.push(`${key} ${memory.held.has(key) ? 'c' : 'a'} null ${x}`);
    }
  }
  if (removals) {
    const known = new Set([...memory.held.keys(), ...memory.failures.keys(), ...memory.attempted.keys()]);
    for (const key of [...known].filter((one) => !verdicts.has(one))) {
      const failure = memory.failures.get(key);
      const tried = memory.attempted.has(key);
      if (!memory.held.has(key) && !tried && failure?.applied !== '1') continue;
      const name = memory.held.has(key) ? memory.held.get(key)?.name : memory.attempted.get(key);
      if (claimed.has(name ?? '')) {
        passed.add(key);
        continue;
      }
      const quiet =
        failure?.quarantined === '1' && failure.fingerprint === null && failure.kind === 'rejected';
      if (quiet && !tried) carried.push(key);
      else lines.push(`${key} r null 1`);
    }
  }
  return { lines: lines.toSorted(), carried: carried.toSorted(), passed };
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
  settle(memory, one, run.lines, want.passed, removals);
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
  passed: ReadonlySet<string>,
  removals: boolean,
): void {
  const verdicts = judge(one.people);
  const fenced = one.ends === 'fenced';
  const failed = new Map<string, FailureRecord>();
  const applied: [StageLine, string | null][] = [];
  const present = (key: string): boolean => verdicts.has(key);
  lines.forEach((line, index) => {
    if (line.k === null) return;
    const value = verdicts.get(line.k)?.value ?? null;
    const fate = one.fates[index % one.fates.length] ?? 'accepted';
    if (line.o === 'r')
      assert.ok(!present(line.k) && memory.everSent.has(line.k), 'no foreign or present key is removed');
    if (line.o !== 'i' && fate === 'accepted') applied.push([line, value]);
    if (fenced) {
      if (line.o === 'i') return;
      memory.attempted.set(line.k, line.c0 ?? null);
      if (typeof line.c0 === 'string') memory.loose.add(line.c0);
      // Whether it arrived is not known.
      memory.everSent.add(line.k);
      return;
    }
    if (line.o === 'i' || fate !== 'accepted') failed.set(line.k, failure(line, value, fate));
  });
  applyAll(memory, applied);
  if (fenced) {
    memory.dirty.push(memory.epoch);
    return;
  }
  for (const key of passed) {
    memory.held.delete(key);
    memory.destination.delete(key);
    memory.failures.delete(key);
  }
  commit(memory, lines, verdicts, failed, removals);
}

/** Requests have no order: removals land last, where they do most harm. */
function applyAll(memory: Memory, applied: readonly [StageLine, string | null][]): void {
  const isRemoval = ([line]: (typeof applied)[number]): boolean => line.o === 'r';
  for (const [line, value] of applied.filter((each) => !isRemoval(each))) apply(memory, line, value);
  for (const [line, value] of applied.filter(isRemoval)) apply(memory, line, value);
}

function apply(memory: Memory, line: StageLine, value: string | null): void {
  if (line.k === null) return;
  memory.everSent.add(line.k);
  if (line.o === 'r') memory.destination.delete(line.k);
  else memory.destination.set(line.k, value ?? '');
  // The loader refuses a row without a name; nothing here depends on it.
  if (typeof line.c0 !== 'string') return;
  if (line.o === 'r') memory.records.delete(line.c0);
  else memory.records.set(line.c0, value ?? '');
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
  const doubtful = removals ? [] : [...memory.attempted.keys(), ...memory.failures.keys()];
  for (const key of doubtful)
    if (!verdicts.has(key) && memory.held.get(key)?.value !== null) memory.held.delete(key);
  for (const line of lines) {
    if (line.k === null) continue;
    if (line.o === 'i') {
      // Perhaps held by an abandoned run's hand: its removal needs a name.
      const isPerhapsHeld = removals && memory.attempted.has(line.k) && !memory.held.has(line.k);
      if (isPerhapsHeld) memory.held.set(line.k, { value: null, name: memory.attempted.get(line.k) ?? null });
      continue;
    }
    const record = failed.get(line.k);
    if (record === undefined) {
      if (line.o === 'r') memory.held.delete(line.k);
      else memory.held.set(line.k, { value: verdicts.get(line.k)?.value ?? '', name: line.c0 ?? null });
    } else if (record.applied === '1' && !memory.held.has(line.k)) {
      memory.held.set(line.k, { value: null, name: line.c0 ?? null });
    }
  }
  memory.failures = failed;
  memory.attempted.clear();
  memory.loose.clear();
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
  for (const { id, email } of people) {
    const verdict = verdicts.get(String(id));
    if (email === null || verdict === undefined || verdict.code !== null || memory.failures.has(String(id)))
      continue;
    assert.equal(memory.records.get(email), verdict.value, `record ${email} at the destination`);
  }
  for (const key of memory.destination.keys()) {
    assert.ok(verdicts.has(key) || memory.failures.has(key), `key ${key} should have been removed`);
  }
}

const whose = (id: number, email: string, ltv: number): Person => ({ id, email, ltv });
const after = (ends: Step['ends'], fate: Step['fates'][number], ...people: readonly Person[]): Step => ({
  people,
  ends,
  fates: [fate],
});

/** Histories in which a record passes from key to key, which chance seldom finds. */
const HANDED_ON: readonly Step[][] = [
  [after('committed', 'accepted', whose(1, 'a', 0)), after('committed', 'accepted', whose(2, 'a', 1))],
  // The removal was refused, and by the next run another key has the record.
  [
    after('committed', 'accepted', whose(1, 'a', 0)),
    after('committed', 'rejected'),
    after('committed', 'accepted', whose(2, 'a', 1)),
  ],
  // One of two that share a name is dropped.
  [
    after('committed', 'accepted', whose(1, 'a', 0), whose(2, 'b', 0)),
    after('committed', 'accepted', whose(1, 'a', 0), whose(2, 'a', 0)),
    after('committed', 'accepted', whose(2, 'a', 0)),
  ],
  // An abandoned run gave the record to another key, and the model took that back.
  [
    after('committed', 'accepted', whose(1, 'a', 0)),
    after('fenced', 'accepted', whose(2, 'a', 1)),
    after('committed', 'accepted', whose(1, 'a', 0)),
  ],
  [
    after('committed', 'accepted', whose(1, 'a', 0)),
    after('fenced', 'accepted', whose(1, 'd', -1), whose(2, 'a', 1)),
    after('committed', 'accepted', whose(1, 'a', 0), whose(2, 'c', 1)),
  ],
];

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
          attempted: new Map(),
          loose: new Set(),
          destination: new Map(),
          records: new Map(),
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
      { numRuns: HANDED_ON.length + runs, examples: HANDED_ON.map((steps) => [steps]), endOnFailure: true },
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
