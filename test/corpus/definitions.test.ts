/**
 * The corpus as its authors meet it: each broken definition and each payload is written over a definition that works and
 * reconciled. It is refused where the author looks, by path, code and remedy; the last good version keeps its schedule
 * and runs; the definition next to it is accepted. And whatever else is written, nothing throws.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { reconcileSync } from '../../shared/engine/reconcile-sync.ts';
import type { Item } from '../../shared/ports.ts';
import { edited, goodDefinition, KNOWN } from '../core/good-definition.ts';
import { ACCOUNT, type MemoryPorts, memoryPorts } from '../memory/memory-ports.ts';
import { BAD_DEFINITIONS } from './definitions.ts';
import { SQL_THAT_ACTS, SQL_THAT_IS_NO_CHECK } from './sql-payloads.ts';
import { URLS_REACHED, URLS_REFUSED } from './urls.ts';

const SYNC = 'contacts-to-crm';
const NEIGHBOUR = 'neighbour';
const withModel = (sql: string) => edited({ 'model.sql': sql });
const withCheck = (sql: string) => edited({ 'checks.0.sql': sql });

test('the corpus: rules, cases and payloads', (context) => {
  const cases = Object.values(BAD_DEFINITIONS).map((each) => each.length);
  const codes = new Set([...SQL_THAT_ACTS, ...SQL_THAT_IS_NO_CHECK].map(([, code]) => code));
  const total = cases.reduce((sum, count) => sum + count, 0);
  context.diagnostic(`definitions: ${cases.length} rules, ${total} cases`);
  context.diagnostic(
    `SQL: ${SQL_THAT_ACTS.length} models, ${SQL_THAT_IS_NO_CHECK.length} checks, ${codes.size} codes`,
  );
  context.diagnostic(`URLs: ${URLS_REFUSED.length} refused, ${URLS_REACHED.length} reached`);
  assert.ok(cases.length >= 40 && Math.min(...cases) >= 3);
  assert.ok(SQL_THAT_ACTS.length >= 60);
  assert.ok(URLS_REFUSED.length >= 80);
});

/** A stage with a definition that runs. */
async function running(): Promise<MemoryPorts> {
  const crm = { ...ACCOUNT, name: 'crm-main' };
  const accounts = { 'crm-main': crm, 'app-database': crm };
  const ports = memoryPorts(1, { accounts, personalColumns: KNOWN.personalColumns });
  ports.definitions.write(SYNC, goodDefinition() as Item);
  assert.deepEqual(await reconcileSync(ports, { syncId: SYNC }), { is: 'accepted', version: 1 });
  return ports;
}

async function refuses(ports: MemoryPorts, item: unknown, path: string, code: string): Promise<void> {
  ports.definitions.write(SYNC, item as Item);
  const result = await reconcileSync(ports, { syncId: SYNC });
  const told = result.is === 'refused' ? result.faults : [];
  const fault = told.find((each) => each.path === path && each.code === code);
  assert.ok(
    fault !== undefined,
    `${path} ${code}: ${told.map((each) => `${each.path} ${each.code}`).join('; ')}`,
  );
  assert.match(fault.remedy, /\w{3}/);
  const status = await ports.definitions.status(SYNC);
  assert.deepEqual([status?.state, status?.version, status?.faults], ['refused', 1, told]);
  const accepted = await ports.definitions.accepted(SYNC);
  assert.deepEqual([accepted?.version, accepted?.sync.owner], [1, 'growth@example.com']);
  assert.equal(ports.schedules.kept.get(SYNC)?.enabled, true);
}

/** No table holds nothing at all, or a list of four thousand million places; the parser is asked of these alone. */
const isStorable = (path: string, item: unknown): boolean =>
  item !== null && path !== 'destination.options.sparse';

async function acceptsNeighbour(ports: MemoryPorts): Promise<void> {
  ports.definitions.write(NEIGHBOUR, { ...goodDefinition(), syncId: NEIGHBOUR } as Item);
  assert.deepEqual(await reconcileSync(ports, { syncId: NEIGHBOUR }), { is: 'accepted', version: 1 });
}

for (const [code, cases] of Object.entries(BAD_DEFINITIONS)) {
  test(`refused where its author looks: ${code}`, async () => {
    const ports = await running();
    for (const [path, item] of cases) {
      if (isStorable(path, item)) await refuses(ports, item, path, code);
    }
    await acceptsNeighbour(ports);
  });
}

test('refused where its author looks: SQL that acts, as a model', async () => {
  const ports = await running();
  for (const [sql, code] of SQL_THAT_ACTS) {
    // Rules of every text come first.
    const first = sql === '' ? 'text_too_short' : sql.includes('\0') ? 'text_not_storable' : code;
    await refuses(ports, withModel(sql), 'model.sql', first);
  }
  await acceptsNeighbour(ports);
});

test('refused where its author looks: SQL that is no check', async () => {
  const ports = await running();
  for (const [sql, code] of SQL_THAT_IS_NO_CHECK) {
    await refuses(ports, withCheck(sql), 'checks[0].sql', sql === '' ? 'text_too_short' : code);
  }
  await acceptsNeighbour(ports);
});

test('a definition of any shape is accepted or refused with reasons; the last good version stays', async () => {
  const ports = await running();
  const anything = fc.anything({
    ...{ withBigInt: true, withDate: true, withMap: true, withSet: true, withNullPrototype: true },
    ...{ withSparseArray: true, withTypedArray: true, stringUnit: 'binary' },
  });
  const names = fc.constantFrom(...Object.keys(goodDefinition()));
  const item = fc.oneof(
    fc.dictionary(fc.string(), fc.jsonValue()),
    fc.dictionary(names, anything),
    fc.tuple(names, anything).map(([name, value]) => edited({ [name]: value })),
  );
  await fc.assert(
    fc.asyncProperty(item, async (written) => {
      ports.definitions.write(SYNC, written as Item);
      const result = await reconcileSync(ports, { syncId: SYNC });
      if (result.is === 'accepted') return;
      assert.ok(result.is === 'refused' && result.faults.length > 0);
      for (const { remedy, message } of result.faults) assert.ok(remedy !== '' && message.isWellFormed());
      assert.ok((await ports.definitions.accepted(SYNC)) !== undefined);
    }),
    { numRuns: 500 },
  );
  await acceptsNeighbour(ports);
});
