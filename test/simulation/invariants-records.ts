/** What the destination holds, compared with the model; what a sync's failure set names. */
import type { SyncState } from '../../shared/core/run.ts';
import type { FailureRecord } from '../../shared/core/stage.ts';
import { removedPolicy, type Sync } from '../../shared/core/sync.ts';
import type { MemoryPorts } from '../memory/memory-ports.ts';
import { type ModelRow, rowKey } from '../memory/model-table.ts';
import { placeOf } from './destination.ts';
import type { Epoch, Oracle, Wrong } from './oracle.ts';

/**
 * I7 at a flip: the destination holds the model as its statement read it. This sees what an abandoned run has left
 * behind for as long as nobody corrects it, whatever the run's own lines are.
 */
export function checkFlipped(oracle: Oracle, sync: SyncState, known: Epoch, wrong: Wrong): void {
  const { changes } = known.definition.model;
  const hi = known.extracted?.counts.hi ?? '';
  // A cursor has read up to the end of its window.
  const isRead = (row: ModelRow): boolean => changes.by !== 'cursor' || (row[changes.column] ?? '') < hi;
  checkRecords(oracle, sync, known.definition, known.model.filter(isRead), wrong);
}

/** I7: destination = model (a superset where removals are ignored), but for keys in the failure set. */
export function checkRecords(
  { ports, account, orphans }: Oracle,
  sync: SyncState,
  definition: Sync,
  rows: readonly ModelRow[],
  wrong: Wrong,
): void {
  const failures = failureRecords(ports, sync);
  const failed = new Set(failures.map((record) => record.row_key));
  // Rows are matched by their key here, which no row lacks: only a removal can lack it.
  const nameless = failures.find(({ code }) => code === 'match_empty');
  if (nameless !== undefined) wrong('I7', `${nameless.row_key} has to be removed, and its name is lost`);
  const { records } = placeOf(account, sync.syncId);
  const keys = new Set<string>();
  for (const row of rows) {
    const key = rowKey(row, definition.model.primaryKey);
    if (key === null) continue;
    keys.add(key);
    if (failed.has(key)) continue;
    const { fields } = records.get(key) ?? {};
    const isSame = fields?.name === row.name && fields?.score === row.score;
    if (isSame || (definition.destination.mode === 'insert' && fields !== undefined)) continue;
    wrong('I7', `${key} is ${JSON.stringify(fields)}, the model says ${row.name} ${row.score}`);
  }
  const policy = removedPolicy(definition);
  if (policy === 'ignore') return;
  for (const [key, { fields, epoch }] of records) {
    const isOrphan = epoch <= (orphans.get(sync.syncId)?.get(key) ?? -1);
    const isExcused = keys.has(key) || failed.has(key) || isOrphan || epoch === 0;
    if (isExcused || (policy === 'clear' && fields.name === null)) continue;
    wrong('I7', `${key} has left the model and is still there`);
  }
}

export function failureRecords(ports: MemoryPorts, sync: SyncState): readonly FailureRecord[] {
  if (sync.failures === null) return [];
  const read = (key: string): string => Buffer.from(ports.objects.bytes(key) ?? '').toString('utf8');
  const { entries } = JSON.parse(read(sync.failures.manifest)) as { entries: { url: string }[] };
  return entries
    .flatMap(({ url }) => read(ports.objects.keyOf(url)).split('\n'))
    .filter((text) => text !== '')
    .map((text) => JSON.parse(text) as FailureRecord);
}
