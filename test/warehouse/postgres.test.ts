/**
 * A second opinion: the same statements on real PostgreSQL, whose dialect Redshift's grew from. Only the words that
 * PostgreSQL lacks are given to it, as functions; results must equal those of the local warehouse, fingerprints included.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Client } from 'pg';
import { type PostgresServer, startPostgres } from '../../local/postgres-server.ts';
import type { FailureRecord } from '../../shared/core/stage.ts';
import type { ExtractionRequest } from '../../shared/ports.ts';
import { extractionStatements, resultPlaces } from '../../shared/warehouse/extraction-sql.ts';
import { makeRequest, makeSync } from './make-sync.ts';
import { type Fixture, openFixture } from './warehouse-fixture.ts';

/** Redshift's functions, in PostgreSQL's own. */
const SHIM = `
  create schema tailrace;
  create function len(text) returns int language sql immutable as 'select length($1)';
  create function sha2(text, int) returns text language sql immutable as $$ select encode(sha256(convert_to($1, 'UTF8')), 'hex') $$;
  create function fnv_hash(text) returns bigint language sql immutable as 'select hashtextextended($1, 0)';
  create function to_varbyte(text, text) returns bytea language sql immutable as $$ select decode($1, 'hex') $$;
  create function from_varbyte(bytea, text) returns text language sql immutable as
    $$ select case when $2 = 'hex' then encode($1, 'hex') else convert_from($1, 'UTF8') end $$;`;

/** Keywords, which cannot be functions. */
const asPostgres = (sql: string): string =>
  sql
    .replaceAll(/dateadd\(second, (-\d+), sysdate\)/g, "((now() at time zone 'UTC') + interval '$1 second')")
    .replaceAll(':watermark', '$1');

let server: PostgresServer;
let folder: string;
let it: Fixture;
before(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'tailrace-postgres-'));
  server = await startPostgres({ dataDir: path.join(folder, 'data'), persistent: false });
  await postgres(async (client) => {
    await client.query(SHIM);
  });
  it = await openFixture('pages');
});
after(async () => {
  await it.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function postgres<T>(use: (client: Client) => Promise<T>): Promise<T> {
  const { port, user, password, database } = server;
  const client = new Client({ host: '127.0.0.1', port, user, password, database });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

type Outcome = {
  readonly lines: readonly unknown[];
  readonly carried: readonly unknown[];
  readonly counts: Record<string, unknown>;
};

/** One extraction on a connection of its own, in one transaction. */
function onPostgres(
  request: ExtractionRequest,
  failures: readonly FailureRecord[],
  home = 's3://staging/',
): Promise<Outcome> {
  const { sqls, parameters } = extractionStatements(request, { is: 'pages', failures }, 'tailrace', home);
  const places = resultPlaces(sqls.length);
  return postgres(async (client) => {
    const results: Record<string, unknown>[][] = [];
    await client.query('begin');
    for (const sql of sqls) {
      const text = asPostgres(sql);
      const values = text.includes('$1') ? parameters.map(({ value }) => value) : [];
      const { rows } = await client.query<Record<string, unknown>>(text, values);
      results.push(rows);
    }
    await client.query('commit');
    const at = (place: number): Record<string, unknown>[] => results[place - 1] ?? [];
    return {
      lines: places.slices.flatMap(at).toSorted(byKey),
      carried: at(places.carried).toSorted(byKey),
      counts: at(places.counts)[0] ?? {},
    };
  });
}

const byKey = (a: Record<string, unknown>, b: Record<string, unknown>): number => {
  const text = (row: Record<string, unknown>): string => String(row.k ?? row.row_key ?? '');
  return text(a) < text(b) ? -1 : 1;
};

async function both(
  request: ExtractionRequest,
  records: readonly Partial<FailureRecord>[] = [],
): Promise<Outcome> {
  const failures =
    records.length === 0 ? null : await it.failures('people-to-crm', request.epoch - 1, records);
  const local = await it.extract({ ...request, failures });
  const full = records.map((record): FailureRecord => ({ ...COMPLETE, ...record }));
  const real = await onPostgres({ ...request, failures }, full);
  assert.deepEqual(
    real.lines,
    local.lines.map((line) => ({ ...line })),
  );
  assert.deepEqual(real.carried, local.carried.map((record) => ({ ...record })).toSorted(byKey));
  assert.equal(real.counts.extracted, String(local.counts.extracted));
  assert.equal(real.counts.unchanged, String(local.counts.unchanged));
  assert.equal(real.counts.model_rows, String(local.counts.modelRows));
  assert.equal(real.counts.null_keys, String(local.counts.nullKeys));
  return real;
}

const COMPLETE: FailureRecord = {
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

/** The same table in both. */
async function people(rows: string): Promise<void> {
  const create = `drop table if exists people; create table people (id bigint, email varchar, ltv decimal(18,2), updated_at timestamp);`;
  const insert = rows === '' ? '' : `insert into people values ${rows}`;
  await it.sql(`${create} ${insert}`);
  await postgres((client) => client.query(`${create} ${insert}`));
}

test('diff: the same lines, fingerprints and counts through a history', async () => {
  const checks = [{ name: "it's not negative", sql: 'ltv >= 0', otherwise: 'exclude' }];
  const sync = makeSync({ mode: 'mirror', checks });
  await people(
    `(1, 'a@x', 1.10, null), (2, 'é🙂', -2, null), (3, null, null, null), (4, 'd', 1, null), (4, 'd2', 1, null), (null, 'n', 1, null)`,
  );
  const first = await both(makeRequest(sync, { epoch: 1 }));
  assert.equal(first.lines.length, 5);
  await people(`(1, 'a@x', 1.20, null), (2, 'é🙂', -2, null), (4, 'd', 1, null), (5, 'a@x', 5, null)`);
  const second = await both(makeRequest(sync, { epoch: 2, snapshotEpoch: 1 }), [
    {
      row_key: '2',
      kind: 'invalid',
      code: "check:it's not negative",
      fingerprint: fingerprintOf(first, '2'),
    },
    { row_key: '4', kind: 'invalid', code: 'duplicate_key' },
    { row_key: "o'neil \\ ", applied: '1', attempts: '3' },
  ]);
  assert.deepEqual(
    second.lines.map((line) =>
      Object.values(line as object)
        .slice(0, 2)
        .join(' '),
    ),
    ['1 i', '3 r', '4 a', '5 i', "o'neil \\  r"],
  );
  await people(`(1, 'a@x', 1.10, null)`);
  await both(makeRequest(sync, { epoch: 3, snapshotEpoch: 1, dirty: [2] }));
});

test('cursor: the same window, by temporary tables', async () => {
  const sync = makeSync({ changes: { by: 'cursor', column: 'updated_at', lagSeconds: 60 } });
  await people(
    `(1, 'a', 1, timestamp '2026-01-01 00:00:00.123456'), (2, 'b', 1, timestamp '2026-01-01 00:00:00.123455'), (3, 'c', 1, null), (4, 'd', 1, timestamp '2999-01-01')`,
  );
  const run = await both(makeRequest(sync, { epoch: 12, watermark: '2026-01-01 00:00:00.123456' }), [
    { row_key: '2' },
    { row_key: '9' },
  ]);
  assert.deepEqual(
    run.lines.map((line) =>
      Object.values(line as object)
        .slice(0, 2)
        .join(' '),
    ),
    ['1 a', '2 a', '3 i'],
  );
});

test('all: every row, with what has left', async () => {
  const sync = makeSync({ changes: { by: 'all' }, removed: 'delete' });
  await people(`(1, 'a', 1, null), (2, 'b', 1, null)`);
  await both(makeRequest(sync, { epoch: 21, snapshotEpoch: 0 }));
  await people(`(2, 'b', 1, null)`);
  assert.equal((await both(makeRequest(sync, { epoch: 22, snapshotEpoch: 21 }))).lines.length, 2);
});

test('a record that another key has now: dropped without a removal, by the trim and case of its field', async () => {
  const sync = makeSync({
    ...{ mode: 'mirror', sql: 'select id, email, ltv from people' },
    fields: [
      { to: 'email', from: 'email', as: { trim: true, lowercase: true } },
      { to: 'ltv', from: 'ltv' },
    ],
  });
  await people(`(1, 'A@x', 1, null), (2, 'b@x', 1, null)`);
  await both(makeRequest(sync, { epoch: 41 }));
  await people(`(3, '\u00a0a@X ', 1, null)`);
  const next = await both(makeRequest(sync, { epoch: 42, snapshotEpoch: 41 }), [
    { row_key: '1', kind: 'rejected', quarantined: '1', applied: '1' },
  ]);
  const brief = next.lines.map((line) => Object.values(line as object).slice(0, 2));
  assert.deepEqual(
    [brief, next.carried],
    [
      [
        ['2', 'r'],
        ['3', 'a'],
      ],
      [],
    ],
  );
});

/** What the warehouse keeps for the sync. */
const kept = async (): Promise<unknown> =>
  postgres(async (client) => [
    (await client.query('select k, f, m0 from tailrace.snapshot_people_to_crm order by k')).rows,
    (await client.query('select epoch, k, o from tailrace.delta_people_to_crm order by epoch, k')).rows,
    (await client.query('select epoch, run from tailrace.marker_people_to_crm order by epoch')).rows,
  ]);

test('a statement that starts when a later run has been there fails by name and touches nothing', async () => {
  const sync = makeSync({ mode: 'mirror' });
  const late = makeRequest(sync, { epoch: 69 });
  await people(`(1, 'a@x', 1, null), (2, 'b@x', 1, null)`);
  await onPostgres(makeRequest(sync, { epoch: 70 }), []);
  const extracted = await kept();
  await assert.rejects(onPostgres(late, []), /run_superseded/);
  assert.deepEqual(await kept(), extracted, 'the later run may be loading');
  await people(`(2, 'b@x', 2, null)`);
  const next = await onPostgres(makeRequest(sync, { epoch: 71, snapshotEpoch: 70 }), []);
  const brief = next.lines.map((line) => Object.values(line as object).slice(0, 2));
  assert.deepEqual(brief, [
    ['1', 'r'],
    ['2', 'c'],
  ]);
  const flipped = await kept();
  await assert.rejects(onPostgres(late, []), /run_superseded/);
  await assert.rejects(onPostgres({ ...late, snapshotEpoch: 68 }, []), /run_superseded/);
  assert.deepEqual(await kept(), flipped);
});

test('an environment that was removed and deployed again counts from one, and starts afresh on what is left', async () => {
  const sync = makeSync({ mode: 'mirror' });
  await people(`(1, 'a@x', 1, null)`);
  await onPostgres(makeRequest(sync, { epoch: 80 }), []);
  const anew = await onPostgres(makeRequest(sync, { epoch: 1 }), [], 's3://staging-of-the-next/');
  assert.deepEqual(
    anew.lines.map((line) => Object.values(line as object).slice(0, 2)),
    [['1', 'a']],
  );
  const left = await postgres((client) => client.query('select epoch, k from tailrace.delta_people_to_crm'));
  assert.deepEqual(left.rows, [{ epoch: '1', k: '1' }]);
  await onPostgres(makeRequest(sync, { epoch: 2, snapshotEpoch: 1 }), [], 's3://staging-of-the-next/');
});

test('a failure set of another size fails the transaction there too', async () => {
  const sync = makeSync({ mode: 'mirror' });
  const request = makeRequest(sync, { epoch: 32, failures: { manifest: 'm', count: 2 } });
  await assert.rejects(onPostgres(request, [COMPLETE]), /failure_set_mismatch/);
});

function fingerprintOf(outcome: Outcome, key: string): string | null {
  const found = outcome.lines.find((line) => (line as { k: string | null }).k === key);
  return (found as { f: string | null } | undefined)?.f ?? null;
}
