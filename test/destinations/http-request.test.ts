/** URLs and bodies of the `http` destination, and the golden request. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Row } from '../../shared/core/row.ts';
import type { Destination } from '../../shared/destinations/destination.ts';
import { matchText, requestBody, requestPlan, requestUrl } from '../../shared/destinations/http-request.ts';
import {
  type HttpTarget,
  httpSettingsSchema,
  httpTargetSchema,
} from '../../shared/destinations/http-settings.ts';
import { bindForTest } from './binding.ts';
import { startHttpSink } from './http-sink.ts';

const ROWS: readonly Row[] = [
  {
    key: '1',
    fields: { email: 'zoë@example.com', ltv: JSON.rawJSON('12.340'), big: JSON.rawJSON('9007199254740993') },
  },
  { key: '2', fields: { email: 'b@example.com', ltv: null, tags: ['a', 'b'] } },
];
const target = (more: object = {}): HttpTarget => httpTargetSchema.parse({ object: 'contacts', ...more });
const bodyOf = (more: object, rows = ROWS): string | undefined => {
  const parsed = target(more);
  return requestBody(parsed, parsed.body ?? 'rows', rows);
};

describe('the body', () => {
  const A = '"email":"zoë@example.com","ltv":12.340,"big":9007199254740993';
  const B = '"email":"b@example.com","ltv":null,"tags":["a","b"]';
  const cases: readonly [object, string][] = [
    [{}, `{"rows":[{"key":"1",${A}},{"key":"2",${B}}]}`],
    [{ body: 'array' }, `[{"key":"1",${A}},{"key":"2",${B}}]`],
    [{ key: null }, `{"rows":[{${A}},{${B}}]}`],
    [{ key: 'external_id' }, `{"rows":[{"external_id":"1",${A}},{"external_id":"2",${B}}]}`],
    [{ row: 'fields' }, `{"rows":[{"key":"1","fields":{${A}}},{"key":"2","fields":{${B}}}]}`],
    [{ row: 'fields', key: null, body: 'array' }, `[{"fields":{${A}}},{"fields":{${B}}}]`],
    [{ body: { wrap: 'data.items' } }, `{"data":{"items":[{"key":"1",${A}},{"key":"2",${B}}]}}`],
    [
      { body: { wrap: 'inputs', with: { mode: 'merge', 'a"b': [1] } }, key: null },
      `{"mode":"merge","a\\"b":[1],"inputs":[{${A}},{${B}}]}`,
    ],
  ];
  for (const [more, expected] of cases) {
    test(JSON.stringify(more), () => assert.equal(bodyOf(more), expected));
  }

  test('of one row, of no fields, of nothing', () => {
    assert.equal(bodyOf({ body: 'single' }, ROWS.slice(0, 1)), `{"key":"1",${A}}`);
    assert.equal(bodyOf({ body: 'single', key: null }, ROWS.slice(0, 1)), `{${A}}`);
    assert.equal(bodyOf({}, [{ key: 'k', fields: {} }]), '{"rows":[{"key":"k"}]}');
    assert.equal(bodyOf({ body: 'none' }, ROWS.slice(0, 1)), undefined);
  });

  test('is JSON with the very rows, whatever they hold', () => {
    const row = fc.record({
      key: fc.string({ unit: 'binary' }),
      fields: fc.dictionary(
        fc.string().filter((name) => name !== 'key' && name !== '__proto__'),
        fc.jsonValue(),
      ),
    });
    fc.assert(
      fc.property(fc.array(row), (rows) => {
        const parsed = JSON.parse(bodyOf({}, rows as Row[]) ?? '');
        const expected = rows.map(({ key, fields }) => ({ key, ...fields }));
        assert.deepEqual(parsed, JSON.parse(JSON.stringify({ rows: expected })));
      }),
    );
  });

  test('a field that would hide the key is refused', () => {
    assert.throws(() => bodyOf({}, [{ key: 'k', fields: { key: 1 } }]), {
      kind: 'config',
      code: 'key_hidden',
    });
  });
});

describe('the URL', () => {
  const url = (
    path: string,
    object = 'contacts',
    row?: { key: string; match: string },
    query?: Record<string, string>,
  ) => requestUrl({ url: 'https://api.example.com/v2/' }, { object, query }, { path }, row);
  const row = { key: 'a/b', match: 'zoë@example.com?x=1#y' };

  test('has each parameter as one encoded part', () => {
    assert.equal(url('{object}'), 'https://api.example.com/v2/contacts');
    assert.equal(url('/{object}/batch'), 'https://api.example.com/v2/contacts/batch');
    assert.equal(url('{object}', 'a/../b c'), 'https://api.example.com/v2/a%2F..%2Fb%20c');
    assert.equal(
      url('{object}/by-email/{match}', 'contacts', row),
      'https://api.example.com/v2/contacts/by-email/zo%C3%AB%40example.com%3Fx%3D1%23y',
    );
    assert.equal(
      url('{object}/{key}.json', 'contacts', row),
      'https://api.example.com/v2/contacts/a%2Fb.json',
    );
    assert.equal(
      url('{object}', 'contacts', undefined, { dry: 'a&b' }),
      'https://api.example.com/v2/contacts?dry=a%26b',
    );
  });

  test('refuses what a definition cannot mean', () => {
    for (const [path, object] of [
      ['{object}', '.'],
      ['{object}', '..'],
      ['{object}', '\ud800'],
      ['{object}/../admin', 'contacts'],
      ['{object}/%2e%2E/admin', 'contacts'],
      ['{object}/.%2e', 'contacts'],
      ['{object}?a=b', 'contacts'],
      ['{object}#a', 'contacts'],
      ['{object}\\admin', 'contacts'],
      ['{object} x', 'contacts'],
      ['{nothing}', 'contacts'],
      ['{match}', 'contacts'],
      ['{__proto__}', 'contacts'],
      ['{constructor}', 'contacts'],
    ] as const) {
      assert.throws(() => url(path, object), { kind: 'config', code: 'path_refused' }, `${path} ${object}`);
    }
  });

  test('is undefined where a row has no usable value', () => {
    for (const match of ['', '.', '..', '\udfff']) {
      assert.equal(url('{object}/{match}', 'contacts', { key: 'k', match }), undefined, match);
    }
  });

  test('never leaves its folder, whatever a row holds', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('%2e%2e', '../x', '//x', '\\..', '.%2e')),
        (match) => {
          const made = url('people/{match}/tags', 'contacts', { key: 'k', match });
          if (made === undefined) return true;
          const parsed = new URL(made);
          return (
            parsed.host === 'api.example.com' &&
            /^\/v2\/people\/[^/]+\/tags$/.test(parsed.pathname) &&
            parsed.search === ''
          );
        },
      ),
    );
  });

  test('reads the match value of texts, numbers and exact numbers', () => {
    const text = (value: Row['fields'][string]): string =>
      matchText({ key: 'k', fields: { id: value } }, 'id');
    assert.deepEqual(
      [text('a'), text(7), text(true), text(JSON.rawJSON('9007199254740993')), text(null), text([1])],
      ['a', '7', 'true', '9007199254740993', '', ''],
    );
  });
});

test('a request of one record refuses more rows, and says what to set', () => {
  for (const more of [{ body: 'single' }, { body: 'none' }, { path: '{object}/{match}' }]) {
    assert.throws(
      () =>
        requestPlan(target(more), { operation: 'upsert', matchOn: 'email', rows: ROWS, idempotencyKey: '' }),
      { kind: 'config', code: 'single_needs_one_row' },
    );
  }
});

test('settings refuse what would break the protocol, and say where', () => {
  const url = 'https://api.example.com';
  const refused = [
    {},
    { url, headers: { Authorization: 'x' } },
    { url, headers: { 'Content-Length': '1' } },
    { url, headers: { 'a b': 'x' } },
    { url, auth: { by: 'guess' } },
    { url, requestBytesMax: 0 },
    { url, nonsense: 1 },
  ];
  for (const settings of refused) assert.equal(httpSettingsSchema.safeParse(settings).success, false);
  assert.equal(httpTargetSchema.safeParse({ object: 'x', body: { wrap: '__proto__' } }).success, false);
  assert.equal(httpTargetSchema.safeParse({ object: 'x', body: { wrap: 'a..b' } }).success, false);
});

test('the golden requests', async () => {
  const sink = await startHttpSink();
  const url = `http://127.0.0.1:${sink.port}/v2`;
  const bound = bindForTest({
    destination: 'http',
    settings: { url, auth: { by: 'bearer' }, signature: {}, headers: { 'x-team': 'growth' } },
    allow: [{ host: '127.0.0.1', port: sink.port }],
    secret: () => ({ token: 'the-token', signingKey: 'the-signing-key' }),
    now: () => 1_795_348_800_000,
  });
  const http = bound.destination as Destination<unknown, unknown>;
  const context = bound.context(new AbortController().signal);
  const one = { operations: { delete: { path: '{object}/{match}', body: 'none' } } };
  for (const operation of ['upsert', 'update', 'insert', 'delete'] as const) {
    const rows = operation === 'delete' ? ROWS.slice(0, 1) : ROWS;
    const request = { operation, matchOn: 'email', rows, idempotencyKey: `key-of-${operation}` };
    await http.write(context, http.target.parse({ object: 'contacts', ...one }), request);
  }
  const texts = sink.requests.map(({ method, url: path, headers, body }) => {
    const { host: _port, connection: _connection, ...kept } = headers;
    const lines = Object.entries(kept).map(([name, value]) => `${name}: ${value}`);
    return [`${method} ${path}`, ...lines.toSorted(), '', body].join('\n');
  });
  await bound.close();
  await sink.stop();
  const golden = readFileSync(new URL('golden/http.txt', import.meta.url), 'utf8');
  assert.equal(`${texts.join('\n\n----\n\n')}\n`, golden);
});
