/** The warehouse in memory and the Redshift adapter on the local Data API, by UNLOAD and by pages: one contract. */
import type { ExtractionRequest } from '../../shared/ports.ts';
import { memoryObjects } from '../memory/memory-objects.ts';
import { memoryWarehouse } from '../memory/memory-warehouse.ts';
import type { ModelRow } from '../memory/model-table.ts';
import { virtualClock } from '../memory/virtual-clock.ts';
import { openFixture, WAYS } from '../warehouse/warehouse-fixture.ts';
import { warehouseContract } from './contract-warehouse.ts';

warehouseContract('memory', async () => {
  const objects = memoryObjects();
  const warehouse = memoryWarehouse(virtualClock(), objects);
  const columns = ['id', 'name', 'score', 'changed_at'].map((name) => ({ name, type: 'varchar' }));
  const checks = {
    positive: (row: ModelRow) => row.score !== '-1',
    named: (row: ModelRow) => row.name !== null,
  };
  return {
    warehouse,
    objects,
    rows: async (table, rows) => {
      if (rows === undefined) warehouse.tables.delete(table);
      else warehouse.tables.set(table, { columns, rows, checks });
    },
    submitSlowly: async (request) => {
      const { onSubmit } = warehouse;
      warehouse.onSubmit = () => undefined;
      const submitted = await warehouse.submit(request);
      warehouse.onSubmit = onSubmit;
      return submitted;
    },
    vanish: warehouse.lose,
    close: async () => undefined,
  };
});

/** A model that keeps the warehouse busy for a while. */
const SLOW =
  'cross join (select count(*) as n from range(100000) as a(x), range(1000000) as b(y) where (x * y) % 7 = 3) as slow';

for (const way of WAYS) {
  warehouseContract(`Redshift by ${way}`, async () => {
    const { redshift, warehouse, objects, sql, close } = await openFixture(way);
    return {
      warehouse,
      objects,
      rows: async (table, rows) => {
        await sql(`drop table if exists ${table}`);
        if (rows === undefined) return;
        await sql(`create table ${table} (id varchar, name varchar, score varchar, changed_at timestamp)`);
        if (rows.length > 0) await sql(`insert into ${table} values ${rows.map(values).join(', ')}`);
      },
      submitSlowly: (request) => warehouse.submit(slow(request)),
      vanish: redshift.vanish,
      close,
    };
  });
}

const values = (row: ModelRow): string =>
  `(${['id', 'name', 'score', 'changed_at'].map((name) => literal(row[name] ?? null)).join(', ')})`;

const literal = (text: string | null): string => (text === null ? 'null' : `'${text.replaceAll("'", "''")}'`);

function slow(request: ExtractionRequest): ExtractionRequest {
  const { definition } = request;
  const { sync } = definition;
  const model = { ...sync.model, sql: `${sync.model.sql} ${SLOW}` };
  return { ...request, definition: { ...definition, sync: { ...sync, model } } };
}
