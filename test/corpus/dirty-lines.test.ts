/**
 * Lines of a stage that are not what they should be: torn, of the wrong kind, in another encoding. The stage is ours, so
 * each is our fault and is told; its neighbours arrive, and the batch ends.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Sync } from '../../shared/core/sync.ts';
import { parseSync } from '../../shared/core/sync-rules.ts';
import { edited, KNOWN } from '../core/good-definition.ts';
import { type Loaded, loadRows } from './load-rows.ts';

function syncOf(as?: Readonly<Record<string, unknown>>, match: Readonly<Record<string, unknown>> = {}): Sync {
  const fields = [
    { to: 'id', from: 'id', ...match },
    { to: 'v', from: 'v', ...(as === undefined ? {} : { as }) },
  ];
  const parsed = parseSync(edited({ fields, 'destination.matchOn': 'id' }), KNOWN);
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return parsed.sync;
}

const COLUMNS = ['id', 'v'].map((name) => ({ name, type: 'varchar' }));

const whole = (key: string, members: Readonly<Record<string, unknown>> = {}): string =>
  JSON.stringify({ k: key, o: 'a', f: null, n: '0', x: '0', e: null, c0: key, c1: 'v', ...members });

/** Each broken line between two good ones. */
async function between(lines: readonly (string | Uint8Array)[], sync = syncOf()): Promise<Loaded> {
  const all = lines.flatMap((line, at) => [whole(`good${at}`), line]);
  const loaded = await loadRows({ sync, columns: COLUMNS, lines: [...all, whole('last')] });
  for (const key of [...lines.map((_, at) => `good${at}`), 'last'])
    assert.equal(loaded.sent.get(key), `{"id":"${key}","v":"v"}`, 'a neighbour');
  assert.equal(loaded.counts.rows, 2 * lines.length + 1);
  return loaded;
}

/** Rule: lines with a key of their own, which are dead by it; the others are counted invalid. */
const BROKEN: Readonly<
  Record<string, { readonly keyed: readonly string[]; readonly keyless: readonly string[] }>
> = {
  'a line that was torn': {
    keyed: ['{"k":"dirty0","o":"a"', '{"k":"dirty1","c0":"x', '"k":"dirty2"}'],
    keyless: ['{', '{"k":"', '}'],
  },
  'a line with something beside its object': {
    keyed: [`${whole('dirty0')},`, `${whole('dirty1')}${whole('other')}`, `x${whole('dirty2')}`],
    keyless: ['{}{}', '{},', '# comment'],
  },
  'a line that is JSON and no object': {
    keyed: [],
    keyless: ['null', '5', '"text"', '[]', 'true', '[{"o":"a"}]'],
  },
  'an empty line': { keyed: [], keyless: [' ', '\t', '\r'] },
};

for (const [rule, { keyed, keyless }] of Object.entries(BROKEN)) {
  test(`dirty lines: ${rule}`, async () => {
    const loaded = await between([...keyed, ...keyless]);
    keyed.forEach((_, at) => {
      const record = loaded.failures.get(`dirty${at}`);
      assert.deepEqual([record?.kind, record?.code, record?.quarantined], ['dead', 'stage_line_broken', '0']);
    });
    assert.deepEqual([loaded.counts.dead, loaded.counts.invalid], [keyed.length, keyless.length]);
    const told = loaded.logged.filter((code) => code === 'stage_line_broken');
    assert.equal(told.length, keyed.length + keyless.length);
  });
}

test('dirty lines: a key of another kind is no key', async () => {
  const kinds = [5, null, true, ['k'], { k: 1 }, ''];
  const loaded = await between(kinds.map((k) => whole('x', { k })));
  // '' is text: SQL has judged it, the loader does not.
  assert.deepEqual([loaded.counts.invalid, loaded.counts.accepted], [5, kinds.length + 1 + 1]);
});

test('dirty lines: members of another kind are not values', async () => {
  const loaded = await between([5, true, {}, ['x'], undefined].map((c1, at) => whole(`dirty${at}`, { c1 })));
  for (let at = 0; at < 5; at += 1)
    assert.equal(loaded.sent.get(`dirty${at}`), `{"id":"dirty${at}","v":null}`);
});

test('dirty lines: bytes that are no UTF-8 become the replacement sign, and nothing else is touched', async () => {
  const bytes = [[0xff], [0xc3, 0x28], [0xe2, 0x82], [0xed, 0xa0, 0x80], [0xf8, 0x88]];
  const lines = bytes.map((bad, at) => {
    const [before = '', after = ''] = whole(`dirty${at}`, { c1: '<here>' }).split('here');
    return Buffer.concat([Buffer.from(before), Buffer.from(bad), Buffer.from(after)]);
  });
  const loaded = await between(lines);
  for (let at = 0; at < bytes.length; at += 1)
    assert.match(loaded.sent.get(`dirty${at}`) ?? '', /^\{"id":"dirty\d","v":"<[\ufffd(]+>"\}$/);
});

test('dirty lines: a record that nothing names is invalid', async () => {
  const cases = [null, '', '   ', '\u00a0'];
  const sync = syncOf(undefined, { as: { trim: true } });
  const loaded = await between(
    cases.map((c0, at) => whole(`dirty${at}`, { c0 })),
    sync,
  );
  for (let at = 0; at < cases.length; at += 1) {
    const { code, reason } = loaded.failures.get(`dirty${at}`) ?? {};
    assert.deepEqual([code, reason?.slice(0, 10)], ['match_empty', 'field "id"']);
  }
});

test('any text in any column: the batch ends, every line has one outcome, and good lines arrive', async () => {
  const conversions = [
    undefined,
    { integer: true },
    { date: 'ISO' },
    { json: true },
    { maxLength: 2 },
    { boolean: true },
  ];
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    fc.constantFrom(null, '', 'NaN', '\0', '{"a":1e999}'),
  );
  const member = fc.oneof(text, fc.jsonValue());
  const dirty = fc.oneof(
    fc.record({ c0: text, c1: text }).map((members) => whole('dirty', members)),
    fc
      .dictionary(fc.constantFrom('k', 'o', 'f', 'n', 'x', 'e', 'c0', 'c1'), member)
      .map((line) => JSON.stringify(line)),
    fc.jsonValue().map((value) => JSON.stringify(value)),
    fc.string({ unit: 'binary' }).map((line) => `${line.replaceAll('\n', ' ')} `),
  );
  const lines = fc.array(dirty, { minLength: 1, maxLength: 25 });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...conversions), lines, async (as, some) => {
      const all = some.flatMap((line, at) => [whole(`good${at}`, { c1: null }), line]);
      const { sent, counts } = await loadRows({ sync: syncOf(as), columns: COLUMNS, lines: all });
      some.forEach((_, at) => void assert.ok(sent.has(`good${at}`)));
      const { rows, ...outcomes } = counts;
      assert.equal(rows, all.length);
      assert.equal(
        Object.values(outcomes).reduce((sum, count) => sum + count, 0),
        rows,
      );
      for (const json of sent.values()) assert.ok(json.isWellFormed());
    }),
    { numRuns: 150 },
  );
});
