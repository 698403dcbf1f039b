/** The `postgres` destination against a real server: types, operations, refusals, TLS. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { inspect } from 'node:util';
import { Fault } from '../../shared/core/fault.ts';
import type { Outcome } from '../../shared/core/outcomes.ts';
import type { Operation, Row, Value } from '../../shared/core/row.ts';
import type { ClosableDestination } from '../../shared/destinations/bind.ts';
import type { Destination } from '../../shared/destinations/destination.ts';
import { bindForTest, CANARY, TLS } from './binding.ts';
import { startTestServer, type TestServer } from './postgres-server.ts';

let server: TestServer;
const bound: ClosableDestination[] = [];
before(async () => {
  server = await startTestServer();
  await server.query('GRANT CREATE ON SCHEMA public TO loader');
});
afterEach(() => Promise.all(bound.splice(0).map((each) => each.close())));
after(() => server.stop());

type More = { readonly settings?: object; readonly allow?: boolean; readonly secret?: object };

function bind({ settings = {}, allow = true, secret = { user: 'loader', password: CANARY } }: More = {}) {
  const { port } = server;
  const made = bindForTest({
    destination: 'postgres',
    settings: { host: '127.0.0.1', port, database: 'postgres', sslmode: 'disable', ...settings },
    allow: allow ? ['127.0.0.1', 'destination.test', 'wrong.test'].map((host) => ({ host, port })) : [],
    resolver: async () => [{ address: '127.0.0.1', family: 4 }],
    secret: () => secret,
  });
  bound.push(made);
  return made;
}

type Written = {
  readonly operation?: Operation;
  readonly matchOn?: string;
  readonly by?: ClosableDestination;
};

async function write(
  object: string,
  rows: readonly Row[],
  { operation = 'upsert', matchOn = 'id', by = bind() }: Written = {},
): Promise<readonly Outcome[]> {
  const postgres = by.destination as Destination<unknown, unknown>;
  const context = by.context(new AbortController().signal);
  return postgres.write(context, postgres.target.parse({ object }), {
    operation,
    matchOn,
    rows,
    idempotencyKey: 'i',
  });
}

const row = (id: Value, fields: Record<string, Value> = {}): Row => ({
  key: `k${String(id)}`,
  fields: { id, ...fields },
});
const codes = (outcomes: readonly Outcome[]): Record<string, string> =>
  Object.fromEntries(outcomes.map((each) => [each.key, each.is === 'rejected' ? each.code : each.is]));

/** The one field of one row into a fresh table with a column of that type. */
let tables = 0;
async function roundTrip(type: string, value: Value): Promise<string | null> {
  tables += 1;
  await server.query(`CREATE TABLE t${tables} (id int PRIMARY KEY, v ${type})`);
  await server.query(`GRANT ALL ON t${tables} TO loader`);
  const [outcome] = await write(`t${tables}`, [row(1, { v: value })]);
  if (outcome?.is === 'rejected') return `rejected ${outcome.code}`;
  assert.equal(outcome?.is, 'accepted');
  const [read] = await server.query(`SELECT v::text AS v FROM t${tables}`);
  return read?.v ?? null;
}

describe('values', () => {
  const cases: readonly [string, Value, string | null][] = [
    ['bigint', JSON.rawJSON('9007199254740993'), '9007199254740993'],
    ['bigint', JSON.rawJSON('-9223372036854775808'), '-9223372036854775808'],
    ['bigint', 7, '7'],
    ['bigint', JSON.rawJSON('9223372036854775808'), 'rejected sqlstate_22003'],
    ['int', JSON.rawJSON('1.5'), 'rejected sqlstate_22P02'],
    ['numeric', JSON.rawJSON('12.340'), '12.340'],
    ['numeric(12,2)', JSON.rawJSON('12.34'), '12.34'],
    ['numeric(4,2)', JSON.rawJSON('123.4'), 'rejected sqlstate_22003'],
    [
      'numeric(38,10)',
      JSON.rawJSON('1234567890123456789012345678.0123456789'),
      '1234567890123456789012345678.0123456789',
    ],
    ['double precision', 0.1, '0.1'],
    ['double precision', 1e300, '1e+300'],
    ['boolean', true, 'true'],
    ['boolean', 'maybe', 'rejected sqlstate_22P02'],
    ['text', '', ''],
    ['text', 'Zoë 🦊 שלום \'"\\ {,}', 'Zoë 🦊 שלום \'"\\ {,}'],
    ['text', 'NULL', 'NULL'],
    ['text', null, null],
    ['text', JSON.rawJSON('12.340'), '12.340'],
    ['text', ['a', 1], '["a",1]'],
    ['text', 'half \ud83e', 'rejected character_refused'],
    ['text', 'nul \0', 'rejected character_refused'],
    ['varchar(5)', 'abcde', 'abcde'],
    ['varchar(5)', 'abcdef', 'rejected sqlstate_22001'],
    ['char(3)', 'ab', 'ab'],
    ['char(3)', 'abcd', 'rejected sqlstate_22001'],
    ['varchar(3)[]', ['abcd'], 'rejected sqlstate_22001'],
    ['date', '2026-02-28', '2026-02-28'],
    ['date', '2026-02-30', 'rejected sqlstate_22008'],
    ['timestamp', '2026-02-28 12:00:00.123456', '2026-02-28 12:00:00.123456'],
    ['timestamptz', '2026-02-28T12:00:00.5+02:00', '2026-02-28 10:00:00.5+00'],
    ['uuid', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
    ['uuid', 'no', 'rejected sqlstate_22P02'],
    ['bytea', '\\x00ff', '\\x00ff'],
    ['inet', '10.0.0.1', '10.0.0.1/32'],
    ['json', { b: 1, a: JSON.rawJSON('12.340') }, '{"b":1,"a":12.340}'],
    [
      'jsonb',
      { a: [1, null, 'x'], n: JSON.rawJSON('9007199254740993') },
      '{"a": [1, null, "x"], "n": 9007199254740993}',
    ],
    ['jsonb', [1, 2], '[1, 2]'],
    ['jsonb', 'text', '"text"'],
    ['jsonb', 'a\u0000b', 'rejected sqlstate_22P05'],
    ['int[]', [1, null, 3], '{1,NULL,3}'],
    [
      'int[]',
      [
        [1, 2],
        [3, 4],
      ],
      '{{1,2},{3,4}}',
    ],
    ['bigint[]', [JSON.rawJSON('9007199254740993')], '{9007199254740993}'],
    ['text[]', ['a"b', 'c\\d', '', 'NULL', 'e,f', '{g}'], '{"a\\"b","c\\\\d","","NULL","e,f","{g}"}'],
    ['text[]', '{a,b}', '{a,b}'],
    ['int[]', [], '{}'],
    ['mood', 'glad', 'glad'],
    ['mood', 'odd', 'rejected sqlstate_22P02'],
    ['short_text', 'abc', 'abc'],
    ['short_text', 'abcd', 'rejected sqlstate_22001'],
    ['even_int', 3, 'rejected sqlstate_23514'],
  ];
  before(async () => {
    await server.query("CREATE TYPE mood AS ENUM ('glad', 'sad')");
    await server.query('CREATE DOMAIN short_text AS varchar(3)');
    await server.query('CREATE DOMAIN whole AS int');
    await server.query('CREATE DOMAIN even_int AS whole CHECK (VALUE % 2 = 0)');
  });
  for (const [type, value, expected] of cases) {
    test(`${inspect(value, { breakLength: 200 })} in ${type} is ${expected}`, async () => {
      assert.equal(await roundTrip(type, value), expected);
    });
  }
});

describe('operations', () => {
  before(async () => {
    await server.query("CREATE TABLE ops (id text PRIMARY KEY, a int, b text DEFAULT 'default')");
    await server.query('GRANT ALL ON ops TO loader');
  });
  const held = (id: string) => server.query('SELECT a::text, b FROM ops WHERE id = $1', [id]);

  test('an insert takes new rows, its own repeat, and no record with other values', async () => {
    const insert = { operation: 'insert' } as const;
    assert.deepEqual(codes(await write('ops', [row('i1', { a: 1 }), row('i2', { a: 2 })], insert)), {
      ki1: 'accepted',
      ki2: 'accepted',
    });
    const again = await write('ops', [row('i1', { a: 1 }), row('i2', { a: 9 }), row('i3', { a: 3 })], insert);
    assert.deepEqual(codes(again), { ki1: 'accepted', ki2: 'already_exists', ki3: 'accepted' });
    assert.deepEqual(await held('i2'), [{ a: '2', b: 'default' }]);
    assert.deepEqual(await held('i3'), [{ a: '3', b: 'default' }]);
  });

  test('the repeat of an insert that the server rounded is still its own', async () => {
    await server.query(
      'CREATE TABLE rounded (id int PRIMARY KEY, n numeric(8,2), t timestamp(0), c char(4), j jsonb, k json)',
    );
    await server.query('GRANT ALL ON rounded TO loader');
    const fields = {
      n: JSON.rawJSON('1.239'),
      t: '2026-01-01 00:00:00.7',
      c: 'ab',
      j: { b: 1, a: 2 },
      k: { b: 1, a: 2 },
    };
    for (let times = 0; times < 2; times += 1) {
      const outcomes = await write('rounded', [row(1, fields)], { operation: 'insert' });
      assert.deepEqual(codes(outcomes), { k1: 'accepted' });
    }
  });

  test('rows with different fields in one request: each leaves alone what it does not carry', async () => {
    await write('ops', [row('m1', { a: 1, b: 'x' }), row('m2', { a: 1, b: 'x' }), row('m3')]);
    const outcomes = await write('ops', [
      row('m1', { a: 2 }),
      row('m2', { b: 'y' }),
      row('m3', { a: 5, b: null }),
    ]);
    assert.deepEqual(codes(outcomes), { km1: 'accepted', km2: 'accepted', km3: 'accepted' });
    assert.deepEqual(await held('m1'), [{ a: '2', b: 'x' }]);
    assert.deepEqual(await held('m2'), [{ a: '1', b: 'y' }]);
    assert.deepEqual(await held('m3'), [{ a: '5', b: null }]);
  });

  test('an update says which rows it did not find', async () => {
    await write('ops', [row('u1', { a: 1 })]);
    const outcomes = await write('ops', [row('u2', { a: 1 }), row('u1', { a: 7 })], { operation: 'update' });
    assert.deepEqual(codes(outcomes), { ku1: 'accepted', ku2: 'no_such_record' });
    assert.deepEqual(await held('u1'), [{ a: '7', b: 'default' }]);
  });

  test('a delete asks for the match field only', async () => {
    await write('ops', [row('d1', { a: 1 })]);
    assert.deepEqual(codes(await write('ops', [row('d1')], { operation: 'delete' })), { kd1: 'accepted' });
    assert.deepEqual(await held('d1'), []);
  });

  test('two rows of one record are a problem of the request, a null match of its row', async () => {
    const twins = [row('t1', { a: 1 }), { key: 'other', fields: { id: 't1', a: 2 } }];
    await assert.rejects(write('ops', twins), { kind: 'row', code: 'request_refused' });
    assert.deepEqual(await held('t1'), []);
    const outcomes = await write('ops', [row(null, { a: 1 }), row('t2', { a: 2 })]);
    assert.deepEqual(codes(outcomes), { knull: 'match_missing', kt2: 'accepted' });
  });

  test('twins that only the server can see are refused, halved and applied', async () => {
    await server.query('CREATE TABLE counted (id int PRIMARY KEY, a int)');
    await server.query('GRANT ALL ON counted TO loader');
    const twins = [row('1', { a: 1 }), row('01', { a: 2 })];
    await assert.rejects(write('counted', twins), { kind: 'row', code: 'request_refused' });
    assert.deepEqual(await server.query('SELECT * FROM counted'), []);
  });

  test('statements in opposite orders do not wait for each other', async () => {
    const ids = Array.from({ length: 60 }, (_each, index) => `p${index}`);
    await write(
      'ops',
      ids.map((id) => row(id, { a: 0 })),
    );
    const by = bind();
    const all = await Promise.all(
      Array.from({ length: 12 }, (_each, turn) => {
        const rows = (turn % 2 === 0 ? ids : ids.toReversed()).map((id) => row(id, { a: turn }));
        const operation = (['upsert', 'update', 'insert'] as const)[turn % 3] ?? 'upsert';
        return write('ops', rows, { operation, by });
      }),
    );
    assert.equal(all.flat().filter(({ is }) => is === 'deferred').length, 0);
  });

  test('names that need quotes, in another schema', async () => {
    await server.query('CREATE SCHEMA "Mar""keting"');
    await server.query('CREATE TABLE "Mar""keting"."Élite; DROP" ("Id $1" int PRIMARY KEY, "select" text)');
    await server.query('GRANT ALL ON SCHEMA "Mar""keting" TO loader');
    await server.query('GRANT ALL ON ALL TABLES IN SCHEMA "Mar""keting" TO loader');
    const rows = [{ key: 'k', fields: { 'Id $1': 1, select: 'x' } }];
    for (const operation of ['upsert', 'insert', 'update', 'delete'] as const) {
      const outcomes = await write('Mar"keting.Élite; DROP', rows, { operation, matchOn: 'Id $1' });
      assert.deepEqual(codes(outcomes), { k: 'accepted' });
    }
  });

  test('columns that are named as our own are', async () => {
    await server.query(
      'CREATE TABLE named (n int PRIMARY KEY, c0 int, c1 int, t int, held int, excluded int)',
    );
    await server.query('GRANT ALL ON named TO loader');
    const given = (c0: number) => [{ key: 'k', fields: { n: 1, c0, c1: 2, t: 3, held: 4, excluded: 5 } }];
    for (const operation of ['insert', 'upsert', 'update'] as const) {
      for (let times = 0; times < 2; times += 1) {
        const outcomes = await write('named', given(operation === 'insert' ? 0 : 7), {
          operation,
          matchOn: 'n',
        });
        assert.deepEqual(codes(outcomes), { k: 'accepted' }, operation);
      }
    }
    const [read] = await server.query(
      "SELECT concat_ws(',', n, c0, c1, t, held, excluded) AS all FROM named",
    );
    assert.equal(read?.all, '1,7,2,3,4,5');
    const outcomes = await write('named', given(7), { operation: 'delete', matchOn: 'n' });
    assert.deepEqual(codes(outcomes), { k: 'accepted' });
    assert.deepEqual(await server.query('SELECT n FROM named'), []);
  });

  test('a table of one column', async () => {
    await server.query('CREATE TABLE alone (id int PRIMARY KEY)');
    await server.query('GRANT ALL ON alone TO loader');
    for (const operation of ['upsert', 'insert', 'update', 'delete'] as const) {
      assert.deepEqual(codes(await write('alone', [row(1)], { operation })), { k1: 'accepted' });
    }
  });

  test('rows that a trigger drops are deferred, never accepted', async () => {
    await server.query('CREATE TABLE dropping (id int PRIMARY KEY)');
    await server.query('GRANT ALL ON dropping TO loader');
    await server.query(
      'CREATE FUNCTION drop_odd() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id % 2 = 1 THEN RETURN NULL; END IF; RETURN NEW; END $$',
    );
    await server.query('CREATE TRIGGER t BEFORE INSERT ON dropping FOR EACH ROW EXECUTE FUNCTION drop_odd()');
    const upserted = await write('dropping', [row(1), row(2)]);
    assert.deepEqual(codes(upserted), { k1: 'deferred', k2: 'deferred' });
    const inserted = await write('dropping', [row(3), row(4)], { operation: 'insert' });
    assert.deepEqual(codes(inserted), { k3: 'deferred', k4: 'accepted' });
  });
});

describe('refusals', () => {
  before(async () => {
    await server.query(
      'CREATE TABLE strict (id int PRIMARY KEY, email text UNIQUE, n int CHECK (n > 0), g int GENERATED ALWAYS AS (n * 2) STORED, team int)',
    );
    await server.query('CREATE TABLE teams (id int PRIMARY KEY)');
    await server.query('ALTER TABLE strict ADD CONSTRAINT known_team FOREIGN KEY (team) REFERENCES teams');
    await server.query('GRANT ALL ON strict, teams TO loader');
    await server.query('CREATE TABLE locked_away (id int PRIMARY KEY)');
    await server.query('CREATE TABLE loose (id int, a int)');
    await server.query('CREATE INDEX ON loose (id)');
    await server.query('CREATE UNIQUE INDEX ON loose (a) WHERE a > 0');
    await server.query('GRANT ALL ON loose TO loader');
  });

  test('tell the SQLSTATE and the constraint, and no value', async () => {
    await write('strict', [row(1, { email: 'taken@example.com' })]);
    const cases: readonly [Row, string, string][] = [
      [
        row(2, { email: 'taken@example.com' }),
        'sqlstate_23505',
        'unique_violation (23505), constraint strict_email_key',
      ],
      [row(2, { n: -7 }), 'sqlstate_23514', 'check_violation (23514), constraint strict_n_check'],
      [row(2, { team: 99 }), 'sqlstate_23503', 'foreign_key_violation (23503), constraint known_team'],
      [row(2, { n: 'canary' }), 'sqlstate_22P02', 'invalid_text_representation (22P02)'],
    ];
    for (const [given, code, reason] of cases) {
      assert.deepEqual(await write('strict', [given]), [{ key: 'k2', is: 'rejected', code, reason }]);
    }
  });

  test('of many rows name none and leave nothing behind', async () => {
    const rows = [row(11, { n: 1 }), row(12, { n: -1 }), row(13, { n: 1 })];
    await assert.rejects(write('strict', rows), (error: Error) => {
      assert.ok(error instanceof Fault && error.code === 'request_refused');
      assert.doesNotMatch(inspect(error, { depth: 9, showHidden: true }), /Failing row|\(12,/);
      return true;
    });
    assert.deepEqual(await server.query('SELECT id FROM strict WHERE id > 10'), []);
  });

  const CONFIG: readonly [string, string, Row, Written, string][] = [
    ['a table that is not there', 'nowhere', row(1), {}, 'table_not_found'],
    ['a schema that is not there', 'no.where', row(1), {}, 'table_not_found'],
    ['a view', 'pg_catalog.pg_user', row(1), {}, 'table_not_found'],
    ['a column that is not there', 'strict', row(1, { nope: 1 }), {}, 'column_not_found'],
    ['a column of another case', 'strict', row(1, { Email: 'x' }), {}, 'column_not_found'],
    ['a generated column', 'strict', row(1, { g: 1 }), {}, 'column_generated'],
    ['a match without a unique index', 'loose', row(1), {}, 'match_not_unique'],
    ['a match with a partial unique index', 'loose', row(1, { a: 1 }), { matchOn: 'a' }, 'match_not_unique'],
    ['a table without permission', 'locked_away', row(1), {}, 'statement_refused'],
  ];
  for (const [name, object, given, more, code] of CONFIG) {
    test(`${name} is a config fault`, async () => {
      await assert.rejects(write(object, [given], more), { kind: 'config', code });
    });
  }

  test('a column that is dropped between two requests is told by its name', async () => {
    await server.query('CREATE TABLE changing (id int PRIMARY KEY, a int)');
    await server.query('GRANT ALL ON changing TO loader');
    const by = bind();
    await write('changing', [row(1, { a: 1 })], { by });
    await server.query('ALTER TABLE changing RENAME a TO b');
    await assert.rejects(write('changing', [row(1, { a: 1 })], { by }), {
      kind: 'config',
      code: 'column_not_found',
    });
    assert.deepEqual(codes(await write('changing', [row(1, { b: 2 })], { by })), { k1: 'accepted' });
  });

  test('a column and an index that were added since the table was read are used at once', async () => {
    await server.query('CREATE TABLE growing (id int PRIMARY KEY, a text)');
    await server.query('GRANT ALL ON growing TO loader');
    const by = bind();
    await write('growing', [row(1, { a: 'x' })], { by });
    await server.query('ALTER TABLE growing ADD COLUMN b int');
    assert.deepEqual(codes(await write('growing', [row(1, { a: 'x', b: 2 })], { by })), { k1: 'accepted' });
    await server.query('CREATE UNIQUE INDEX ON growing (a)');
    const given = row(1, { a: 'x', b: 3 });
    assert.deepEqual(codes(await write('growing', [given], { by, matchOn: 'a' })), { k1: 'accepted' });
  });

  test('a statement that waits too long is transient', async () => {
    const by = bind({ settings: { statementTimeoutMs: 150 } });
    await write('strict', [row(1)], { by });
    await server.query('BEGIN');
    await server.query('LOCK TABLE strict');
    await assert.rejects(write('strict', [row(1)], { by }), { kind: 'transient', code: 'statement_timeout' });
    await server.query('ROLLBACK');
  });

  test('connections that the server ended are transient once, then new ones are opened', async () => {
    const by = bind();
    await write('strict', [row(1)], { by });
    await server.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'loader'");
    const first = await write('strict', [row(1)], { by }).catch((error: Fault) => error.kind);
    assert.ok(first === 'transient' || Array.isArray(first));
    assert.deepEqual(codes(await write('strict', [row(1)], { by })), { k1: 'accepted' });
  });

  test('a database that is not there, a password that is wrong', async () => {
    await assert.rejects(write('strict', [row(1)], { by: bind({ settings: { database: 'none' } }) }), {
      kind: 'config',
      code: 'statement_refused',
    });
    const wrong = bind({ secret: { user: 'loader', password: `${CANARY}-wrong` } });
    await assert.rejects(write('strict', [row(1)], { by: wrong }), (error: Error) => {
      assert.doesNotMatch(inspect(error, { depth: 9, showHidden: true }), new RegExp(CANARY));
      return error instanceof Fault && error.code === 'auth_refused';
    });
    await assert.rejects(write('strict', [row(1)], { by: bind({ secret: { user: 'loader' } }) }), {
      code: 'secret_incomplete',
    });
  });
});

describe('the wire', () => {
  const tls = { sslmode: 'verify-full', ca: TLS.ca };
  const connects = async (more: More): Promise<string> => {
    const by = bind(more);
    const postgres = by.destination as Destination<unknown, unknown>;
    const context = by.context(new AbortController().signal);
    return postgres.check(context, postgres.target.parse({ object: 'strict' })).then(
      () => 'ok',
      (error: Fault) => `${error.kind} ${error.code}`,
    );
  };

  test('TLS is verified in full, and plain text is for listed hosts', async () => {
    const named = { ...tls, host: 'destination.test' };
    assert.equal(await connects({ settings: named }), 'ok');
    assert.equal(await connects({ settings: { ...tls, host: 'wrong.test' } }), 'config certificate_refused');
    assert.equal(await connects({ settings: { ...named, ca: undefined } }), 'config certificate_refused');
    assert.equal(await connects({ settings: named, allow: false }), 'config address_refused');
    const used = await server.query(
      "SELECT DISTINCT s.ssl::text FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.usename = 'loader'",
    );
    assert.deepEqual(used, [{ ssl: 'true' }]);
  });

  test('plain text to a public host is refused before anything is sent', async () => {
    const by = bindForTest({
      destination: 'postgres',
      settings: { host: 'db.example.com', database: 'x', sslmode: 'disable' },
      resolver: async () => [{ address: '93.184.216.34', family: 4 }],
      secret: () => ({ user: 'loader', password: CANARY }),
    });
    await assert.rejects(write('strict', [row(1)], { by }), { kind: 'config', code: 'plain_text_refused' });
    await by.close();
  });

  test('a port where nobody listens is transient', async () => {
    const by = bindForTest({
      destination: 'postgres',
      settings: { host: '127.0.0.1', port: 1, database: 'x', sslmode: 'disable' },
      allow: [{ host: '127.0.0.1', port: 1 }],
      secret: () => ({ user: 'loader', password: CANARY }),
    });
    await assert.rejects(write('strict', [row(1)], { by }), {
      kind: 'transient',
      code: 'connection_refused',
    });
    await by.close();
  });

  test('describe tells the columns that can be written', async () => {
    const by = bind();
    const postgres = by.destination as Destination<unknown, unknown>;
    const context = by.context(new AbortController().signal);
    assert.deepEqual(await postgres.describe?.(context, postgres.target.parse({ object: 'public.strict' })), [
      { name: 'id', type: 'integer', required: true },
      { name: 'email', type: 'text', required: false },
      { name: 'n', type: 'integer', required: false },
      { name: 'team', type: 'integer', required: false },
    ]);
  });

  test('check says when the user may not write', async () => {
    const by = bind();
    const postgres = by.destination as Destination<unknown, unknown>;
    const context = by.context(new AbortController().signal);
    await assert.rejects(postgres.check(context, postgres.target.parse({ object: 'locked_away' })), {
      kind: 'config',
      code: 'permission_missing',
    });
  });
});
