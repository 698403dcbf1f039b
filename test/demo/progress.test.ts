/** What `npm start` draws fits terminals of 120 and 80 columns, and a number is whole or not there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { type ProgressLine, plainProgress, terminalProgress } from '../../local/demo/progress.ts';
import { type Report, reportText } from '../../local/demo/report.ts';

const line: ProgressLine = {
  syncId: 'subscribers-to-audience',
  account: 'audience',
  epoch: 12,
  phase: 'loading',
  extracted: 100_000,
  interrupted: 0,
  rowsPerSecond: 12_345,
  retries: 1234,
  rateUsed: 1,
  rateAllowed: '200/s',
  counts: { rows: 56_789, accepted: 54_321, rejected: 2468, invalid: 0, skipped: 0, dead: 0 },
};

function drawn(columns: number, shown: ProgressLine = line): string[] {
  let written = '';
  const write = (text: string): boolean => {
    written += text;
    return true;
  };
  terminalProgress({ columns, write } as unknown as NodeJS.WriteStream).show('note', [shown]);
  return stripVTControlCharacters(written).split('\n');
}

test('at 120 columns every column is there', () => {
  assert.deepEqual(drawn(120).slice(0, 2), [
    'sync                    run                                     rows rows/s accepted failed retries          rate',
    'subscribers-to-audience #12 loading █████████░░░░░░░  56,789/100,000 12,345   54,321  2,468   1,234 100% of 200/s',
  ]);
});

test('at 80 columns the counts of rows are there, whole', () => {
  assert.deepEqual(drawn(80).slice(0, 2), [
    'sync                    run                    rows accepted failed retries',
    'subscribers-to-audience #12 loading  56,789/100,000   54,321  2,468   1,234',
  ]);
});

test('numbers that grow take the place of other columns, down to the narrowest terminal', () => {
  const counts = { ...line.counts, rows: 123_456_789, accepted: 123_456_789 };
  const grown = { ...line, extracted: 987_654_321, counts };
  for (let columns = 45; columns <= 200; columns += 1) {
    const [head = '', text = ''] = drawn(columns, grown);
    assert.ok(head.length < columns && text.length < columns, `${columns}: ${text.length}`);
    assert.match(text, / 123,456,789\/987,654,321( |$)/);
  }
});

test('without a terminal the columns are named once, before the first line', () => {
  const written: string[] = [];
  const { show } = plainProgress((text) => void written.push(text));
  show('note', [line, { ...line, syncId: 'other' }]);
  show('note', [{ ...line, retries: 1235 }]);
  assert.deepEqual(
    written.map((text) => stripVTControlCharacters(text).split(/ +/).slice(0, 2)),
    [
      ['sync', 'run'],
      ['subscribers-to-audience', '#12'],
      ['other', '#12'],
    ],
  );
});

const run = {
  ...{ sync: 'subscribers-to-audience', epoch: 12, ended: 'committed', code: null, extracted: 100_000 },
  ...{ unchanged: 90_000, added: 0, changed: 0, removed: 0, accepted: 99_990, rejected: 10, invalid: 0 },
  ...{ skipped: 0, dead: 0, carried: 0, reconciles: true },
};
const report: Report = {
  ok: true,
  seconds: 60,
  checks: [],
  runs: [run],
  failures: [
    {
      sync: 'customers-to-app',
      kind: 'rejected',
      code: 'check_violation',
      reason:
        'new row for relation "customers" violates check\nconstraint "balance_not_negative", and so it is',
      rows: 1234,
      keys: ['100023', '100046'],
    },
  ],
};
const linesOf = (width: number): string[] =>
  stripVTControlCharacters(reportText(report, width))
    .split('\n')
    .filter((text) => /^(sync|customers|subscribers)/.test(text));

test('the tables of the report fit, at 120 and at 80 columns', () => {
  assert.deepEqual(linesOf(120), [
    'sync                    run extracted = accepted + rejected + invalid + skipped + dead   unchanged',
    'subscribers-to-audience #12   100,000     99,990         10         0         0      0 ✓    90,000',
    'sync              rows kind     code            reason                                                   keys',
    'customers-to-app 1,234 rejected check_violation new row for relation "customers" violates check constra… 100023, 100046',
  ]);
  assert.deepEqual(linesOf(80), [
    'sync                    run extracted = accepted + rejected + skipped + dead',
    'subscribers-to-audience #12   100,000     99,990         10         0      0 ✓',
    'sync              rows kind     code            reason',
    'customers-to-app 1,234 rejected check_violation new row for relation "customer…',
  ]);
});
