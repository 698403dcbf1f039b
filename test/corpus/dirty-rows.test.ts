/**
 * Dirty rows between good ones, through the loader: each is refused at its field with its code and a remedy, or sent
 * exactly; its neighbours arrive, the counts add up, and no value of a row stands in a reason or a log.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ROW_CODES } from '../../shared/core/row-codes.ts';
import type { Sync } from '../../shared/core/sync.ts';
import { parseSync } from '../../shared/core/sync-rules.ts';
import { edited, KNOWN } from '../core/good-definition.ts';
import { DIRTY_VALUES, type Dirt } from './dirty-rows.ts';
import { loadRows } from './load-rows.ts';

const faults = readFileSync(new URL('../../docs/faults.md', import.meta.url), 'utf8');

test('the corpus: at least forty rules, three cases each, and every code of the mapping', (context) => {
  const cases = DIRTY_VALUES.map(({ refused = [], sent = [] }) => refused.length + sent.length);
  const codes = new Set(DIRTY_VALUES.flatMap(({ code }) => (code === undefined ? [] : [code])));
  const total = cases.reduce((sum, count) => sum + count, 0);
  context.diagnostic(`${DIRTY_VALUES.length} rules, ${total} cases, ${codes.size} codes`);
  assert.equal(new Set(DIRTY_VALUES.map(({ rule }) => rule)).size, DIRTY_VALUES.length, 'rules are distinct');
  assert.ok(DIRTY_VALUES.length >= 40);
  assert.ok(cases.every((count) => count >= 3));
  // The name of a record is the match field's, which is asked below.
  assert.deepEqual([...codes, 'match_empty'].toSorted(), Object.keys(ROW_CODES).toSorted());
});

function syncOf({ as, template }: Pick<Dirt, 'as' | 'template'>): Sync {
  const field = template === undefined ? { to: 'v', from: 'v' } : { to: 'v', template };
  const fields = [
    { to: 'id', from: 'id' },
    { ...field, ...(as === undefined ? {} : { as }) },
  ];
  const parsed = parseSync(edited({ fields, 'destination.matchOn': 'id' }), KNOWN);
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return parsed.sync;
}

const columnsOf = (type: string) => [
  { name: 'id', type: 'varchar' },
  { name: 'v', type },
];

const line = (key: string, text: string | null): string =>
  JSON.stringify({ k: key, o: 'a', f: `f-${key}`, n: '0', x: '0', e: null, c0: key, c1: text });

for (const dirt of DIRTY_VALUES) {
  const { rule, type, code, refused = [], sent = [], good } = dirt;
  test(`dirty values: ${rule}${code === undefined ? '' : ` (${code})`}`, async () => {
    const texts = [...refused, ...sent.map(([text]) => text)];
    const lines = texts.flatMap((text, at) => [line(`good${at}`, good[0]), line(`dirty${at}`, text)]);
    const loaded = await loadRows({
      sync: syncOf(dirt),
      columns: columnsOf(type),
      lines: [...lines, line('last', good[0])],
    });
    for (const key of [...texts.map((_, at) => `good${at}`), 'last'])
      assert.equal(loaded.sent.get(key), `{"id":"${key}","v":${good[1]}}`, 'a neighbour');
    refused.forEach((text, at) => {
      const record = loaded.failures.get(`dirty${at}`);
      assert.equal(
        record?.code,
        code,
        `${text?.slice(0, 60)} is ${loaded.sent.get(`dirty${at}`) ?? record?.code}`,
      );
      assert.deepEqual([record?.kind, record?.quarantined], ['invalid', '1']);
      assert.equal(
        record?.reason,
        `field "v": ${ROW_CODES[code as keyof typeof ROW_CODES]}${detailOf(record?.reason)}`,
      );
      assert.equal(loaded.sent.get(`dirty${at}`), undefined);
    });
    sent.forEach(([text, json], index) => {
      const key = `dirty${refused.length + index}`;
      const told = loaded.sent.get(key) ?? loaded.failures.get(key)?.code;
      assert.equal(told, `{"id":"${key}","v":${json}}`, `${text}`);
    });
    const accepted = texts.length + 1 + sent.length;
    const rows = 2 * texts.length + 1;
    assert.deepEqual(loaded.counts, {
      ...{ rows, accepted, rejected: 0, invalid: refused.length, skipped: 0, dead: 0 },
    });
    assert.deepEqual(loaded.logged, []);
  });
}

/** A reason may say which limit; nothing of the value. */
const detailOf = (reason = ''): string => /: maxLength is \d+$/.exec(reason)?.[0] ?? '';

test('every code of a row has a remedy in docs/faults.md', () => {
  for (const code of Object.keys(ROW_CODES)) {
    const [, remedy = ''] = new RegExp(`^\\| \`${code}\` \\|[^|]*\\| ([^|]+) \\|$`, 'm').exec(faults) ?? [];
    assert.match(remedy, /\w{4}/, code);
  }
});
