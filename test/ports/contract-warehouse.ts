/**
 * What every warehouse must do, as the run protocol's step 2 says it: the same edits of the same model give the same
 * lines and counts in memory, by UNLOAD and by pages, and statements that repeat, fail, vanish or are cancelled are
 * told apart. Each test begins with a sync and a table of its own.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { acceptDefinition } from '../../shared/core/accept.ts';
import {
  carriedManifestKey,
  failureManifestKey,
  failuresPrefix,
  stageManifestKey,
} from '../../shared/core/names.ts';
import type { FailurePointer } from '../../shared/core/run.ts';
import type { ExtractionCounts, FailureRecord, StageLine, StageManifest } from '../../shared/core/stage.ts';
import { readStageManifest } from '../../shared/engine/frozen.ts';
import type { ExtractionRequest, ObjectStore, Warehouse } from '../../shared/ports.ts';
import { ACCOUNT, writtenSync } from '../memory/memory-ports.ts';
import type { ModelRow } from '../memory/model-table.ts';

export type OpenedWarehouse = {
  readonly warehouse: Warehouse;
  readonly objects: ObjectStore;
  /** The table of that name holds these rows from now on; undefined drops it. */
  rows(table: string, rows: readonly ModelRow[] | undefined): Promise<void>;
  /** Submits so that the statement is still at work for a while. */
  submitSlowly(request: ExtractionRequest): Promise<{ readonly statementId: string }>;
  /** The warehouse knows this statement no more, but still its token. */
  vanish(statementId: string): void;
  close(): Promise<void>;
};

export function warehouseContract(name: string, open: () => Promise<OpenedWarehouse>): void {
  const opened = open();
  after(async () => (await opened).close());
  let tables = 0;
  const each = (label: string, run: (bench: Bench) => Promise<void>): void => {
    tables += 1;
    const table = `people${tables}`;
    test(`${name}: ${label}`, async () => run(benchOf(await opened, table)));
  };
  for (const [label, run] of [...EXTRACTIONS, ...STATEMENTS]) each(label, run);
}

type Case = readonly [label: string, run: (bench: Bench) => Promise<void>];

/** One table and the sync over it; epochs are given by the test. */
type Bench = OpenedWarehouse & {
  readonly table: string;
  set(rows: readonly ModelRow[]): Promise<void>;
  request(epoch: number, parts?: Parts): ExtractionRequest;
  /** Runs an extraction to its end. */
  run(epoch: number, parts?: Parts): Promise<Ran>;
  failures(epoch: number, records: readonly Partial<FailureRecord>[]): Promise<FailurePointer>;
};

type Parts = Partial<Omit<ExtractionRequest, 'definition' | 'epoch'>> & {
  readonly definition?: Readonly<Record<string, unknown>>;
};

type Ran = {
  /** `key change code attempts applied values`, by key. */
  readonly lines: readonly string[];
  readonly carried: readonly string[];
  readonly counts: ExtractionCounts;
  readonly stage: StageManifest;
  readonly fingerprints: ReadonlyMap<string | null, string | null>;
  readonly statementId: string;
};

const signal = new AbortController().signal;
const POLL_MS = 5;
const COLUMNS = [
  { name: 'id', type: 'varchar' },
  { name: 'name', type: 'varchar' },
  { name: 'score', type: 'varchar' },
  { name: 'changed_at', type: 'timestamp' },
];
const MIRROR = { destination: { mode: 'mirror' } };
/** Records are named by what is not the key: they pass from key to key. */
const byName = (as?: object): NonNullable<Parts['definition']> => ({
  destination: { mode: 'mirror', matchOn: 'name' },
  fields: [
    { to: 'id', from: 'id' },
    { to: 'name', from: 'name', ...(as === undefined ? {} : { as }) },
    { to: 'score', from: 'score' },
  ],
});
const row = (
  id: string | null,
  name: string | null,
  score: string | null = '1',
  at: string | null = PAST,
): ModelRow => ({
  id,
  name,
  score,
  changed_at: at,
});
const PAST = '2025-06-01 00:00:00.000000';

const EXTRACTIONS: readonly Case[] = [
  [
    'diff: what was added, changed and removed, and nothing of what stayed',
    async ({ set, run }) => {
      await set([row('a', 'ann'), row('b', 'bob'), row('c', null)]);
      const one = await run(1, { definition: MIRROR });
      assert.deepEqual(one.lines, ['a a - 0 0 a ann 1', 'b a - 0 0 b bob 1', 'c a - 0 0 c null 1']);
      assert.deepEqual(brief(one.counts), { ...NONE, modelRows: 3, extracted: 3, added: 3 });
      await set([row('a', 'ann'), row('b', 'bob', '2'), row('d', 'dot')]);
      const two = await run(2, { definition: MIRROR, snapshotEpoch: 1 });
      assert.deepEqual(two.lines, ['b c - 0 1 b bob 2', 'c r - 0 1 c null null', 'd a - 0 0 d dot 1']);
      assert.deepEqual(brief(two.counts), {
        ...{ ...NONE, modelRows: 3, extracted: 3, unchanged: 1 },
        ...{ added: 1, changed: 1, removed: 1 },
      });
      const three = await run(3, { definition: MIRROR, snapshotEpoch: 2 });
      assert.deepEqual(three.lines, []);
      assert.deepEqual(brief(three.counts), { ...NONE, modelRows: 3, unchanged: 3 });
    },
  ],
  [
    'all: every row each time; with removals also what has left',
    async ({ set, run }) => {
      const definition = { changes: { by: 'all' }, ...MIRROR };
      await set([row('a', 'ann'), row('b', 'bob')]);
      await run(1, { definition });
      await set([row('a', 'ann')]);
      const two = await run(2, { definition, snapshotEpoch: 1 });
      assert.deepEqual(two.lines, ['a c - 0 1 a ann 1', 'b r - 0 1 b null null']);
      assert.deepEqual(brief(two.counts), { ...NONE, modelRows: 1, extracted: 2, changed: 1, removed: 1 });
    },
  ],
  [
    'cursor: the half-open window from the watermark to the bound, ties included; the future waits',
    async ({ set, run }) => {
      const definition = { changes: { by: 'cursor', column: 'changed_at', lagSeconds: 0 } };
      await set([
        row('a', 'old', '1', '2025-01-01 00:00:00.000000'),
        row('b', 'tie', '1', '2025-02-01 00:00:00.123456'),
        row('c', 'new', '1', '2025-02-01 00:00:00.123457'),
        row('d', 'future', '1', '2999-01-01 00:00:00.000000'),
        row('e', 'never', '1', null),
      ]);
      const watermark = '2025-02-01 00:00:00.123456';
      const ran = await run(1, { definition, watermark });
      assert.deepEqual(ran.lines, [
        'b a - 0 0 b tie 1',
        'c a - 0 0 c new 1',
        'e i null_cursor 0 0 null null null',
      ]);
      assert.match(ran.counts.hi ?? '', /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/);
      assert.ok((ran.counts.hi ?? '') > watermark);
    },
  ],
  [
    'keys that are null or twice, and rows that fail a check, are invalid and not absent',
    async ({ set, run }) => {
      const exclude = { name: 'positive', sql: "score <> '-1'", otherwise: 'exclude' };
      const hold = { name: 'named', sql: 'name is not null', otherwise: 'hold' };
      const definition = { ...MIRROR, checks: [exclude, hold] };
      await set(['a', 'b', 'c'].map((id) => row(id, id)));
      await run(1, { definition });
      await set([row('a', 'a'), row('a', 'a2'), row('b', 'b', '-1'), row('c', null), row(null, 'x')]);
      const two = await run(2, { definition, snapshotEpoch: 1 });
      assert.deepEqual(two.lines, [
        'a i duplicate_key 0 1 null null null',
        'b i check:positive 0 1 null null null',
        'c c - 0 1 c null 1',
        'null i null_key 0 0 null null null',
      ]);
      assert.deepEqual(brief(two.counts), {
        ...{ ...NONE, modelRows: 5, extracted: 4, changed: 1, invalid: 3, nullKeys: 1 },
        checks: [{ name: 'named', rows: 1 }],
      });
    },
  ],
  [
    'a row whose key is an empty text has no key either, and says why',
    async ({ set, run }) => {
      await set([row('', 'x'), row('', 'y'), row(null, 'z'), row('a', 'ann')]);
      const { lines, counts } = await run(1, { definition: MIRROR });
      assert.deepEqual(lines, [
        'a a - 0 0 a ann 1',
        'null i empty_key 0 0 null null null',
        'null i empty_key 0 0 null null null',
        'null i null_key 0 0 null null null',
      ]);
      assert.deepEqual(brief(counts), {
        ...{ ...NONE, modelRows: 4, extracted: 4, added: 1, invalid: 3, nullKeys: 3 },
      });
    },
  ],
  [
    'a key that is longer than a row key may be is none; characters count, not bytes',
    async ({ set, run }) => {
      const longest = 'ü'.repeat(512);
      await set([row(longest, 'x'), row('k'.repeat(513), 'y'), row('k'.repeat(513), 'z')]);
      const { lines, counts } = await run(1, { definition: MIRROR });
      assert.deepEqual(lines, [
        'null i key_too_long 0 0 null null null',
        'null i key_too_long 0 0 null null null',
        `${longest} a - 0 0 ${longest} x 1`,
      ]);
      assert.deepEqual(brief(counts), {
        ...{ ...NONE, modelRows: 3, extracted: 3, added: 1, invalid: 2, nullKeys: 2 },
      });
    },
  ],
  [
    'a row that is longer than a line may be is invalid, escapes included; carried while it is',
    async ({ set, run, failures }) => {
      const quotes = '"'.repeat(30_000);
      await set([row('a', 'x'.repeat(59_000)), row('b', 'ü'.repeat(30_001)), row('c', quotes)]);
      const one = await run(1, { definition: MIRROR });
      assert.deepEqual(one.lines.map(start), [
        'a a - 0 0 a xxxxxxxx',
        'b i row_too_long 0 0',
        'c i row_too_long 0 0',
      ]);
      const invalid = { kind: 'invalid', code: 'row_too_long' } as const;
      const fingerprint = one.fingerprints.get('c') ?? null;
      assert.equal(one.fingerprints.get('b'), null);
      assert.notEqual(fingerprint, null);
      const pointer = await failures(1, [
        { row_key: 'b', ...invalid },
        { row_key: 'c', ...invalid, fingerprint },
      ]);
      await set([row('a', 'short'), row('b', 'ö'.repeat(30_001)), row('c', `${quotes}"`)]);
      const two = await run(2, { definition: MIRROR, snapshotEpoch: 1, failures: pointer });
      assert.deepEqual(two.lines.map(start), ['a c - 0 1 a short 1', 'c i row_too_long 1 0']);
      assert.deepEqual(two.carried, ['b invalid row_too_long 1 0']);
    },
  ],
  [
    'a name that two keys have names nothing, until one of them lets go of it; a row without a name has no twin',
    async ({ set, run, failures }) => {
      const definition = { destination: { mode: 'mirror', matchOn: 'name' } };
      await set([row('a', 'same'), row('b', 'same'), row('c', 'own'), row('d', null), row('e', null)]);
      assert.deepEqual((await run(1, { definition })).lines, [
        'a i duplicate_match 0 0 null null null',
        'b i duplicate_match 0 0 null null null',
        'c a - 0 0 c own 1',
        'd a - 0 0 d null 1',
        'e a - 0 0 e null 1',
      ]);
      const invalid = { kind: 'invalid', code: 'duplicate_match' } as const;
      const pointer = await failures(1, [
        { row_key: 'a', ...invalid },
        { row_key: 'b', ...invalid },
      ]);
      await set([row('a', 'same'), row('b', 'own'), row('c', 'own'), row('d', null), row('e', null)]);
      const two = await run(2, { definition, snapshotEpoch: 1, failures: pointer });
      assert.deepEqual(two.lines, [
        'a a - 1 0 a same 1',
        'b i duplicate_match 1 0 null null null',
        'c i duplicate_match 0 1 null null null',
      ]);
    },
  ],
  [
    'cursor: a name that a row outside of the window has is taken',
    async ({ set, run }) => {
      const definition = {
        changes: { by: 'cursor', column: 'changed_at', lagSeconds: 0 },
        destination: { matchOn: 'name' },
      };
      await set([
        row('a', 'same', '1', '2025-01-01 00:00:00.000000'),
        row('b', 'same', '1', '2025-03-01 00:00:00.000000'),
        row('c', 'own', '1', '2025-03-01 00:00:00.000000'),
      ]);
      const { lines } = await run(1, { definition, watermark: '2025-02-01 00:00:00.000000' });
      assert.deepEqual(lines, ['b i duplicate_match 0 0 null null null', 'c a - 0 0 c own 1']);
    },
  ],
  [
    'an empty model is an empty stage with its manifests',
    async ({ set, run, objects, table }) => {
      await set([]);
      const ran = await run(1);
      assert.deepEqual([ran.lines, brief(ran.counts)], [[], NONE]);
      assert.deepEqual(ran.stage, { files: [], rows: 0, bytes: 0 });
      for (const key of [stageManifestKey(table, 1, ACCOUNT.name), carriedManifestKey(table, 1)])
        assert.deepEqual(JSON.parse((await objects.get(key)) ?? '{}').entries, []);
    },
  ],
  [
    'texts of every kind come through as they are',
    async ({ set, run }) => {
      const texts = [
        '',
        ' padded ',
        'quote " and \\ and \'',
        'ü 😀 \u200f',
        'line\nbreak\ttab',
        '{"json": [1]}',
        '0',
        'null',
      ];
      await set(texts.map((text, index) => row(`k${index}`, text)));
      const ran = await run(1);
      const values = texts.map((text, index) => `k${index} a - 0 0 k${index} ${text} 1`);
      assert.deepEqual(ran.lines, values);
    },
  ],
  [
    'a run that was abandoned changes nothing for the next, until it is dirty; then what it tried is sent again',
    async ({ set, run }) => {
      await set([row('a', 'ann'), row('b', 'bob')]);
      await run(1, { definition: MIRROR });
      await set([row('a', 'ann', '2'), row('b', 'bob'), row('c', 'guest')]);
      await run(2, { definition: MIRROR, snapshotEpoch: 1 });
      await set([row('a', 'ann'), row('b', 'bob')]);
      const three = await run(3, { definition: MIRROR, snapshotEpoch: 1, dirty: [2] });
      assert.deepEqual(three.lines, ['a c - 0 1 a ann 1', 'c r - 0 1 c null null']);
    },
  ],
  [
    'a record that another key has now is not removed by the key that had it, even after a removal without an answer',
    async ({ set, run, failures }) => {
      const definition = byName();
      await set([row('a', 'ann'), row('b', 'bob')]);
      await run(1, { definition });
      await set([row('b', 'bob')]);
      assert.deepEqual((await run(2, { definition, snapshotEpoch: 1 })).lines, ['a r - 0 1 null ann null']);
      const pointer = await failures(2, [
        { row_key: 'a', code: 'no_answer', applied: '1', quarantined: '1' },
      ]);
      await set([row('c', 'ann'), row('b', 'bob')]);
      const three = await run(3, { definition, snapshotEpoch: 2, failures: pointer });
      assert.deepEqual([three.lines, three.carried], [['c a - 0 0 c ann 1'], []]);
      assert.deepEqual([three.counts.removed, three.counts.unchanged], [0, 1]);
      assert.deepEqual((await run(4, { definition, snapshotEpoch: 3 })).lines, []);
      await set([row('b', 'bob')]);
      const five = await run(5, { definition, snapshotEpoch: 4 });
      assert.deepEqual(five.lines, ['c r - 0 1 null ann null'], 'the key that has it removes it');
    },
  ],
  [
    'a record that an abandoned run gave to another key is written again by the key that has it',
    async ({ set, run }) => {
      const definition = byName();
      await set([row('a', 'ann')]);
      await run(1, { definition });
      await set([row('b', 'ann', '2')]);
      assert.deepEqual((await run(2, { definition, snapshotEpoch: 1 })).lines, ['b a - 0 0 b ann 2']);
      await set([row('a', 'ann')]);
      const three = await run(3, { definition, snapshotEpoch: 1, dirty: [2] });
      assert.deepEqual(three.lines, ['a c - 0 1 a ann 1']);
      assert.deepEqual((await run(4, { definition, snapshotEpoch: 3 })).lines, []);
    },
  ],
  [
    'one record has one name by the trim and case of its field, and several without',
    async ({ set, run }) => {
      const folded = byName({ trim: true, lowercase: true });
      await set([row('a', 'Ann'), row('b', 'BOB')]);
      await run(1, { definition: folded });
      await set([row('c', '\u00a0ann\t'), row('d', 'rob')]);
      const two = await run(2, { definition: folded, snapshotEpoch: 1 });
      assert.deepEqual(two.lines, [
        'b r - 0 1 null BOB null',
        'c a - 0 0 c \u00a0ann\t 1',
        'd a - 0 0 d rob 1',
      ]);
      await set([row('a', 'Ann')]);
      await run(3, { definition: byName() });
      await set([row('c', 'ann')]);
      const four = await run(4, { definition: byName(), snapshotEpoch: 3 });
      assert.deepEqual(four.lines, ['a r - 0 1 null Ann null', 'c a - 0 0 c ann 1']);
    },
  ],
  [
    'a failed key is tried again with the value of now; a quarantined one is carried until it changes',
    async ({ set, run, failures }) => {
      await set(['a', 'b', 'c'].map((id) => row(id, id)));
      const one = await run(1);
      const fingerprint = (key: string): string | null => one.fingerprints.get(key) ?? null;
      const pointer = await failures(1, [
        { row_key: 'a', fingerprint: fingerprint('a'), attempts: '2' },
        { row_key: 'b', fingerprint: fingerprint('b'), quarantined: '1', attempts: '5' },
        { row_key: 'c', fingerprint: fingerprint('c'), quarantined: '1', attempts: '5', applied: '1' },
      ]);
      await set([row('a', 'a', '9'), row('b', 'b'), row('c', 'mended')]);
      const two = await run(2, { snapshotEpoch: 1, failures: pointer });
      assert.deepEqual(two.lines, ['a a - 2 0 a a 9', 'c c - 5 1 c mended 1']);
      assert.deepEqual(two.carried, ['b rejected refused 5 1']);
      assert.equal(two.counts.carried, 1);
    },
  ],
  [
    'a failed key that is absent is carried where removals are ignored, and removed only if it was ever applied',
    async ({ set, run, failures }) => {
      await set(['a', 'b', 'c'].map((id) => row(id, id)));
      const one = await run(1, { definition: MIRROR });
      const pointer = await failures(1, [
        { row_key: 'a', fingerprint: one.fingerprints.get('a') ?? null, applied: '1' },
        { row_key: 'b', fingerprint: one.fingerprints.get('b') ?? null, applied: '0' },
      ]);
      await set([row('c', 'c')]);
      const two = await run(2, { definition: MIRROR, snapshotEpoch: 1, failures: pointer });
      assert.deepEqual(two.lines, ['a r - 1 1 a null null']);
    },
  ],
  [
    'an invalid row is carried while it stays as it is, and sent when it is mended',
    async ({ set, run, failures }) => {
      await set([row('a', 'a'), row('a', 'a2'), row('b', 'b')]);
      assert.deepEqual((await run(1)).lines, ['a i duplicate_key 0 0 null null null', 'b a - 0 0 b b 1']);
      const pointer = await failures(1, [{ row_key: 'a', kind: 'invalid', code: 'duplicate_key' }]);
      const two = await run(2, { snapshotEpoch: 1, failures: pointer });
      assert.deepEqual([two.lines, two.carried], [[], ['a invalid duplicate_key 1 0']]);
      assert.equal(two.counts.carried, 1);
      await set([row('a', 'a'), row('b', 'b')]);
      const again = await failures(2, [{ row_key: 'a', kind: 'invalid', code: 'duplicate_key' }]);
      const three = await run(3, { snapshotEpoch: 2, failures: again });
      assert.deepEqual([three.lines, three.carried], [['a a - 1 0 a a 1'], []]);
    },
  ],
  [
    'where removals are ignored a failed key that left is forgotten, and sent when it returns as it was',
    async ({ set, run, failures }) => {
      await set([row('a', 'a'), row('b', 'b')]);
      await run(1);
      await set([row('a', 'a', '2'), row('b', 'b')]);
      await run(2, { snapshotEpoch: 1 });
      const pointer = await failures(2, [{ row_key: 'a', applied: '1' }]);
      await set([row('b', 'b')]);
      const three = await run(3, { snapshotEpoch: 2, failures: pointer });
      assert.deepEqual([three.lines, three.carried], [[], []]);
      await set([row('a', 'a'), row('b', 'b')]);
      assert.deepEqual((await run(4, { snapshotEpoch: 3 })).lines, ['a a - 0 0 a a 1']);
    },
  ],
  [
    'cursor: a failed key that is absent stays recorded until its row returns, wherever its cursor is',
    async ({ set, run, failures }) => {
      const definition = { changes: { by: 'cursor', column: 'changed_at', lagSeconds: 0 } };
      const watermark = '2025-07-01 00:00:00.000000';
      await set([row('b', 'b')]);
      const pointer = await failures(1, [{ row_key: 'a', code: 'no_answer' }]);
      const two = await run(2, { definition, watermark, snapshotEpoch: 1, failures: pointer });
      assert.deepEqual([two.lines, two.carried], [[], ['a rejected no_answer 1 0']]);
      await set([row('a', 'a'), row('b', 'b')]);
      const three = await run(3, { definition, watermark, snapshotEpoch: 1, failures: pointer });
      assert.deepEqual([three.lines, three.carried], [['a a - 1 0 a a 1'], []]);
    },
  ],
  [
    'another generation starts afresh',
    async ({ set, run, request, warehouse }) => {
      await set([row('a', 'ann')]);
      await run(1, { definition: MIRROR });
      const edited = { destination: { mode: 'mirror', object: 'others' } };
      const { generation } = request(2, { definition: edited }).definition;
      assert.notEqual(generation, request(2, { definition: MIRROR }).definition.generation);
      assert.deepEqual((await run(2, { definition: edited })).lines, ['a a - 0 0 a ann 1']);
      await warehouse.forget('none', 0);
    },
  ],
  [
    'what is forgotten is extracted anew, and forgetting nothing is no error',
    async ({ set, run, warehouse, table }) => {
      await set([row('a', 'ann')]);
      await run(1, { definition: MIRROR });
      await warehouse.forget(table, 1);
      await warehouse.forget(table, 1);
      assert.deepEqual((await run(2, { definition: MIRROR })).lines, ['a a - 0 0 a ann 1']);
    },
  ],
  [
    'a late repeat of a deletion leaves alone what was made since; another deletion does not',
    async ({ set, run, warehouse, table }) => {
      await set([row('a', 'ann')]);
      await run(1, { definition: MIRROR });
      await warehouse.forget(table, 1);
      await run(2, { definition: MIRROR });
      await warehouse.forget(table, 1);
      assert.deepEqual((await run(3, { definition: MIRROR, snapshotEpoch: 2 })).lines, []);
      await warehouse.forget(table, 3);
      assert.deepEqual((await run(4, { definition: MIRROR })).lines, ['a a - 0 0 a ann 1']);
    },
  ],
];

const STATEMENTS: readonly Case[] = [
  [
    'describe tells the columns of a model, and refuses what the warehouse would',
    async ({ set, warehouse, table }) => {
      await set([row('a', 'ann')]);
      const columns = await warehouse.describe(`select id, name, score, changed_at from ${table}`);
      assert.deepEqual(
        columns.map(({ name }) => name),
        ['id', 'name', 'score', 'changed_at'],
      );
      await assert.rejects(warehouse.describe(`select id from ${table}_none`), {
        name: 'Fault',
        kind: 'config',
      });
    },
  ],
  [
    'an epoch is one statement: a repeat is the same and stages the same bytes, another epoch is another',
    async ({ set, run, request, warehouse, objects }) => {
      await set([row('a', 'ann'), row('b', 'bob')]);
      const ran = await run(1);
      await set([row('z', 'changed meanwhile')]);
      assert.equal((await warehouse.submit(request(1))).statementId, ran.statementId);
      const before = await textOf(objects, ran.stage);
      const again = await warehouse.stage(ran.statementId, request(1), ran.counts, signal);
      assert.deepEqual(again.stage, ran.stage);
      assert.equal(await textOf(objects, again.stage), before);
      assert.deepEqual(await warehouse.counts(ran.statementId, request(1)), ran.counts);
      assert.notEqual((await run(2)).statementId, ran.statementId);
    },
  ],
  [
    'two submits of one epoch at once are one statement',
    async ({ set, request, warehouse }) => {
      await set([row('a', 'ann')]);
      const [one, two] = await Promise.all([warehouse.submit(request(1)), warehouse.submit(request(1))]);
      assert.equal(one?.statementId, two?.statementId);
      assert.equal(await ended(warehouse, one?.statementId ?? ''), 'finished');
    },
  ],
  [
    'a statement that nobody knows is unknown, and has no counts',
    async ({ set, request, warehouse }) => {
      await set([]);
      assert.deepEqual(await warehouse.status('gone'), { state: 'unknown' });
      await assert.rejects(warehouse.counts('gone', request(1)), { kind: 'config', code: 'result_expired' });
    },
  ],
  [
    'a statement that has vanished is unknown and has no counts; its token starts nothing, and the next epoch goes on',
    async ({ set, run, request, warehouse, vanish }) => {
      await set([row('a', 'ann')]);
      const { statementId } = await run(1, { definition: MIRROR });
      vanish(statementId);
      assert.deepEqual(await warehouse.status(statementId), { state: 'unknown' });
      const again = request(1, { definition: MIRROR });
      await assert.rejects(warehouse.counts(statementId, again), { kind: 'config', code: 'result_expired' });
      await set([row('a', 'ann', '2')]);
      assert.deepEqual(await warehouse.submit(again), { statementId });
      assert.deepEqual(await warehouse.status(statementId), { state: 'unknown' });
      await warehouse.cancel(statementId);
      const two = await run(2, { definition: MIRROR, dirty: [1] });
      assert.deepEqual(two.lines, ['a a - 0 1 a ann 2']);
    },
  ],
  [
    'a statement whose model is gone fails and leaves nothing; the next epoch runs from the last snapshot',
    async ({ set, rows, table, run, request, warehouse }) => {
      await set([row('a', 'ann')]);
      await run(1, { definition: MIRROR });
      await rows(table, undefined);
      const failing = request(2, { definition: MIRROR, snapshotEpoch: 1 });
      const { statementId } = await warehouse.submit(failing);
      assert.equal(await ended(warehouse, statementId), 'failed');
      await set([row('a', 'ann'), row('b', 'bob')]);
      const three = await run(3, { definition: MIRROR, snapshotEpoch: 1 });
      assert.deepEqual(three.lines, ['b a - 0 0 b bob 1']);
    },
  ],
  [
    'a statement at work is running; cancelled it is aborted and leaves nothing; cancelling what has ended is nothing',
    async ({ set, submitSlowly, run, request, warehouse }) => {
      await set([row('a', 'ann')]);
      const { statementId } = await submitSlowly(request(1, { definition: MIRROR }));
      assert.equal((await warehouse.status(statementId)).state, 'running');
      await warehouse.cancel(statementId);
      assert.equal(await ended(warehouse, statementId), 'aborted');
      const ran = await run(2, { definition: MIRROR });
      assert.deepEqual(ran.lines, ['a a - 0 0 a ann 1']);
      await warehouse.cancel(ran.statementId);
      await warehouse.cancel('gone');
      assert.equal((await warehouse.status(ran.statementId)).state, 'finished');
    },
  ],
  [
    'a statement that starts late, when a later run has been there, fails by name and takes nothing from it',
    async ({ set, run, request, warehouse, table }) => {
      const late = async (epoch: number, parts: Parts = {}): Promise<void> => {
        const { statementId } = await warehouse.submit(request(epoch, { definition: MIRROR, ...parts }));
        assert.equal(await ended(warehouse, statementId), 'failed');
        assert.equal((await warehouse.status(statementId)).code, 'run_superseded');
      };
      await set([row('a', 'ann'), row('b', 'bob')]);
      await run(4, { definition: MIRROR });
      await late(1);
      await set([row('b', 'bob', '2')]);
      const five = await run(5, { definition: MIRROR, snapshotEpoch: 4 });
      assert.deepEqual(five.lines, ['a r - 0 1 a null null', 'b c - 0 1 b bob 2']);
      await late(2);
      await late(3, { snapshotEpoch: 2 });
      assert.deepEqual((await run(6, { definition: MIRROR, snapshotEpoch: 5 })).lines, []);
      const edited = { destination: { mode: 'mirror', object: 'others' } };
      const afresh = await run(7, { definition: edited });
      assert.deepEqual(afresh.lines, ['b a - 0 0 b bob 2'], 'another generation starts afresh');
      await warehouse.forget(table, 7);
      assert.deepEqual((await run(8, { definition: edited })).lines, ['b a - 0 0 b bob 2']);
    },
  ],
  [
    'an entry without bytes says nothing: whoever stages the rows and whoever reads the manifest see one stage',
    async ({ set, run, request, warehouse, objects, table }) => {
      await set([row('a', 'ann'), row('b', 'bob')]);
      const { statementId, counts, stage } = await run(1);
      const key = stageManifestKey(table, 1, ACCOUNT.name);
      const { entries, ...rest } = JSON.parse((await objects.get(key)) ?? '');
      const nothing = { url: objects.url(`${key}-none`), meta: { content_length: 0, record_count: 0 } };
      await objects.put(key, JSON.stringify({ ...rest, entries: [nothing, ...entries] }));
      assert.deepEqual(await readStageManifest(objects, table, 1, ACCOUNT.name), stage);
      assert.deepEqual((await warehouse.stage(statementId, request(1), counts, signal)).stage, stage);
    },
  ],
  [
    'thousands of rows are all there, once',
    async ({ set, run, objects }) => {
      const ids = Array.from({ length: 3000 }, (_, index) => `k${String(index).padStart(4, '0')}`);
      await set(ids.map((id) => row(id, 'x'.repeat(400))));
      const ran = await run(1);
      assert.equal(ran.stage.rows, 3000);
      const keys = ran.lines.map((line) => line.split(' ')[0]);
      assert.deepEqual(keys, ids);
      assert.equal(Buffer.byteLength(await textOf(objects, ran.stage)), ran.stage.bytes);
    },
  ],
];

function benchOf(opened: OpenedWarehouse, table: string): Bench {
  const bench: Bench = {
    ...opened,
    table,
    set: (rows) => opened.rows(table, rows),
    request: (epoch, parts = {}) => requestOf(table, epoch, parts),
    run: (epoch, parts = {}) => ran(opened, requestOf(table, epoch, parts)),
    failures: (epoch, records) => writeFailures(opened.objects, table, epoch, records),
  };
  return bench;
}

function requestOf(table: string, epoch: number, { definition, ...parts }: Parts): ExtractionRequest {
  return {
    definition: acceptDefinition(writtenSync(table, definition), undefined),
    epoch,
    columns: COLUMNS,
    watermark: null,
    snapshotEpoch: 0,
    failures: null,
    dirty: [],
    ...parts,
  };
}

async function ended(warehouse: Warehouse, statementId: string): Promise<string> {
  for (;;) {
    const { state } = await warehouse.status(statementId);
    if (state !== 'running') return state;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function ran({ warehouse, objects }: OpenedWarehouse, request: ExtractionRequest): Promise<Ran> {
  const { statementId } = await warehouse.submit(request);
  assert.equal(
    await ended(warehouse, statementId),
    'finished',
    JSON.stringify(await warehouse.status(statementId)),
  );
  const counts = await warehouse.counts(statementId, request);
  const { stage, carried } = await warehouse.stage(statementId, request, counts, signal);
  const lines = parsed<StageLine>(await textOf(objects, stage));
  const records = parsed<FailureRecord>(await textOf(objects, carried));
  assert.equal(lines.length, counts.extracted);
  assert.equal(records.length, counts.carried);
  return {
    lines: lines.map(told).toSorted(),
    carried: records.map((one) => [one.row_key, one.kind, one.code, one.attempts, one.quarantined].join(' ')),
    counts,
    stage,
    fingerprints: new Map(lines.map((line) => [line.k, line.f])),
    statementId,
  };
}

const told = ({ k, o, e, n, x, ...rest }: StageLine): string =>
  [k ?? 'null', o, e ?? '-', n, x, ...['c0', 'c1', 'c2'].map((name) => rest[name as 'c0'] ?? 'null')].join(
    ' ',
  );

/** Of a line with a long value. */
const start = (line: string): string => line.slice(0, 20);

function parsed<Line>(text: string): readonly Line[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}

async function textOf(objects: ObjectStore, { files }: StageManifest): Promise<string> {
  const texts = await Promise.all(files.map(async ({ key }) => (await objects.get(key)) ?? ''));
  return texts.join('');
}

const brief = ({ hi: _, ...counts }: ExtractionCounts): Omit<ExtractionCounts, 'hi'> => counts;

const NONE: Omit<ExtractionCounts, 'hi'> = {
  ...{ modelRows: 0, extracted: 0, unchanged: 0, added: 0, changed: 0 },
  ...{ removed: 0, invalid: 0, nullKeys: 0, carried: 0, checks: [] },
};

async function writeFailures(
  objects: ObjectStore,
  syncId: string,
  epoch: number,
  records: readonly Partial<FailureRecord>[],
): Promise<FailurePointer> {
  const key = `${failuresPrefix(syncId, epoch)}0-0-test-${records.length}.ndjson`;
  const body = records.map((record) => `${JSON.stringify({ ...FAILURE, ...record })}\n`).join('');
  await objects.put(key, body);
  const manifest = failureManifestKey(syncId, epoch, 'test');
  const entry = { url: objects.url(key), mandatory: true, meta: { content_length: Buffer.byteLength(body) } };
  await objects.put(manifest, JSON.stringify({ entries: [entry] }));
  return { manifest, count: records.length };
}

const FAILURE: FailureRecord = {
  row_key: '',
  fingerprint: null,
  kind: 'rejected',
  code: 'refused',
  attempts: '1',
  quarantined: '0',
  applied: '0',
  since_epoch: '1',
  reason: 'the destination said no',
};
