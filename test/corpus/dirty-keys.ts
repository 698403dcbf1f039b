/**
 * Dirt that only the whole model shows: keys that are null, empty, overlong or twice, records that two rows name, rows
 * without a cursor, lines that are too long, rows that fail a check. Data only; the test beside it runs each as a
 * model of three columns through the extraction's SQL and the loader.
 */

/** id, email, ltv (numbers as text), changed_at; SQL expressions. */
type Row = readonly [id: string, email: string, ltv?: string, at?: string];

export type DirtyModel = {
  readonly rule: string;
  readonly parts?: {
    readonly primaryKey?: readonly string[];
    readonly changes?: object;
    readonly checks?: readonly object[];
  };
  readonly code: string;
  readonly dirty: readonly Row[];
  /** Keys that are refused by the code; null for a row without a key. */
  readonly refused: readonly (string | null)[];
};

const check = (sql: string): object[] => [{ name: 'c', sql, otherwise: 'exclude' }];
const repeated = (text: string, times: number): string => `repeat('${text}', ${times})`;

export const DIRTY_MODELS: readonly DirtyModel[] = [
  {
    rule: 'a key that is null',
    code: 'null_key',
    dirty: [
      ['null', "'n1@x'"],
      ['null', "'n2@x'"],
      ['null', 'null'],
    ],
    refused: [null, null, null],
  },
  {
    rule: 'a composite key with a part that is null',
    parts: { primaryKey: ['id', 'email'] },
    code: 'null_key',
    dirty: [
      ["'a'", 'null'],
      ['null', "'b@x'"],
      ['null', 'null'],
    ],
    refused: [null, null, null],
  },
  {
    rule: 'a key that is an empty text',
    code: 'empty_key',
    dirty: [
      ["''", "'e1@x'"],
      ["''", "'e2@x'"],
      ["''", 'null'],
    ],
    refused: [null, null, null],
  },
  {
    rule: 'a key of two rows that differ',
    code: 'duplicate_key',
    dirty: [
      ["'a'", "'a1@x'", '1'],
      ["'a'", "'a2@x'", '2'],
    ],
    refused: ['a'],
  },
  {
    rule: 'a key of rows that are the same',
    code: 'duplicate_key',
    dirty: [
      ["'a'", "'a@x'", '1'],
      ["'a'", "'a@x'", '1'],
      ["'a'", "'a@x'", '1'],
    ],
    refused: ['a'],
  },
  {
    rule: 'a composite key twice',
    parts: { primaryKey: ['id', 'email'] },
    code: 'duplicate_key',
    dirty: [
      ["'a'", "'a@x'", '1'],
      ["'a'", "'a@x'", '2'],
    ],
    refused: ['a|a@x'],
  },
  {
    rule: 'a key that is too long',
    code: 'key_too_long',
    dirty: [
      [repeated('k', 513), "'l1@x'"],
      [repeated('é', 600), "'l2@x'"],
      [repeated('x ', 300), "'l3@x'"],
    ],
    refused: [null, null, null],
  },
  {
    rule: 'a record that two keys name',
    code: 'duplicate_match',
    dirty: [
      ["'a'", "'same@x'"],
      ["'b'", "'same@x'"],
      ["'c'", "'also@x'"],
      ["'d'", "'also@x'"],
      ["'e'", "'also@x'"],
    ],
    refused: ['a', 'b', 'c', 'd', 'e'],
  },
  {
    rule: 'a row without a cursor',
    parts: { changes: { by: 'cursor', column: 'changed_at', lagSeconds: 0 } },
    code: 'null_cursor',
    dirty: [
      ["'a'", "'a@x'", '1', 'null'],
      ["'b'", "'b@x'", 'null', 'null'],
      ["'c'", 'null', '1', 'null'],
    ],
    refused: ['a', 'b', 'c'],
  },
  {
    rule: 'a row longer than a line may be',
    code: 'row_too_long',
    dirty: [
      ["'plain'", repeated('x', 60_000)],
      ["'quotes'", repeated('"', 30_000)],
      ["'wide'", repeated('é', 30_000)],
    ],
    refused: ['plain', 'quotes', 'wide'],
  },
  {
    rule: 'a row that fails a check',
    parts: { checks: check('ltv >= 0') },
    code: 'check:c',
    dirty: [
      ["'a'", "'a@x'", '-1'],
      ["'b'", "'b@x'", '-0.01'],
      ["'c'", "'c@x'", '-99999'],
    ],
    refused: ['a', 'b', 'c'],
  },
];
