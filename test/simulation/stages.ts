/**
 * How a stage comes about, by the product's own code: read from what UNLOAD has left, or paged out of the statement's
 * results, a few rows a page, while functions die and calls get lost.
 */
import { type Paging, stagePages } from '../../shared/aws/redshift-pages.ts';
import { unloadedStage } from '../../shared/aws/redshift-unloads.ts';
import type { Warehouse } from '../../shared/ports.ts';
import type { MemoryPorts } from '../memory/memory-ports.ts';
import type { MemoryWarehouse } from '../memory/memory-warehouse.ts';
import type { Environment } from './process.ts';

/** The counts come last, as in the real batch; places count from one. */
const PLACES: Paging['places'] = { slices: [1, 2], carried: 3, counts: 4 };

type Pages = Parameters<typeof stagePages>[0]['client'];
type Asked = { readonly input: { readonly Id: string; readonly NextToken?: string } };

type ReadPage = (asked: Asked) => Promise<ReturnType<typeof pageOf>>;

/** `over`: what may befall a call for a page on its way. */
export function stageOf(
  { warehouse, settings }: MemoryPorts,
  within: Pick<Environment, 'ports'>,
  over: (what: string, read: ReadPage) => ReadPage,
): Warehouse['stage'] {
  const client = { send: over('page', async ({ input }) => pageOf(warehouse, input)) } as unknown as Pages;
  return (statementId, request, counts, signal) => {
    const { objects } = within.ports;
    if (settings.extraction === 'unload') return unloadedStage(objects, request, counts);
    const parts = { client, objects } as Parameters<typeof stagePages>[0];
    return stagePages(parts, { statementId, places: PLACES, request, counts, signal });
  };
}

function pageOf(warehouse: MemoryWarehouse, { Id, NextToken }: Asked['input']) {
  const at = Id.lastIndexOf(':');
  const statement = warehouse.statements.get(Id.slice(0, at));
  if (statement?.extracted === undefined) throw new Gone();
  const { lines, carried } = statement.extracted;
  const place = Number(Id.slice(at + 1));
  const rows: readonly object[] =
    place === PLACES.carried
      ? carried
      : lines.filter((_, index) => index % PLACES.slices.length === place - 1);
  const from = Number(NextToken ?? 0);
  const to = from + 2 + (statement.request.epoch % 7);
  const names = Object.keys(rows[0] ?? {});
  return {
    ColumnMetadata: names.map((name) => ({ name })),
    Records: rows.slice(from, to).map((row) => Object.values(row).map(fieldOf)),
    ...(to < rows.length ? { NextToken: String(to) } : {}),
  };
}

const fieldOf = (value: unknown) => (value === null ? { isNull: true } : { stringValue: value });

class Gone extends Error {
  override name = 'ResourceNotFoundException';
}
