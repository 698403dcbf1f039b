/**
 * A warehouse in memory: statements that run when told to, a stage and carried records left as real NDJSON objects
 * with real manifests, and the 24-hour memory of results left out (tests forget statements by hand).
 */
import { Fault } from '../../shared/core/fault.ts';
import {
  carriedManifestKey,
  carriedPrefix,
  runPrefix,
  stageManifestKey,
  stagePrefix,
} from '../../shared/core/names.ts';
import type { FailureRecord, StageManifest } from '../../shared/core/stage.ts';
import type { Clock, ExtractionRequest, StatementStatus, Warehouse } from '../../shared/ports.ts';
import { type Extracted, emptyMemory, extract, type SyncMemory } from './extraction.ts';
import type { MemoryObjects } from './memory-objects.ts';
import { type ModelTable, tableName } from './model-table.ts';

export type Statement = {
  readonly id: string;
  readonly request: ExtractionRequest;
  state: StatementStatus['state'];
  reason?: string;
  code?: string;
  extracted?: Extracted;
};

export type MemoryWarehouse = Warehouse & {
  readonly tables: Map<string, ModelTable>;
  readonly statements: ReadonlyMap<string, Statement>;
  /** Called once for each new statement; decides when it runs. By default it runs at once. */
  onSubmit: (statement: Statement) => void;
  /** Runs a statement to its end; nothing happens to one that has ended. */
  run(statementId: string): void;
  /** The statement fails instead; nothing of it remains. */
  fail(statementId: string, reason: string): void;
  /** Results and status are gone, as after 24 hours. */
  lose(statementId: string): void;
  /** The last epoch of a sync may run once more: what its token keeps from happening. */
  repeatable(syncId: string): void;
  readonly memoryOf: (syncId: string) => SyncMemory;
  /** Errors of statements that no engine may cause. */
  readonly broken: readonly string[];
  filesMax: number;
  /** `pages`: results only, and whoever reads them writes the stage. */
  way: 'unload' | 'pages';
};

export function memoryWarehouse(clock: Clock, objects: MemoryObjects): MemoryWarehouse {
  const kept: Kept = {
    clock,
    objects,
    tables: new Map(),
    statements: new Map(),
    memories: new Map(),
    past: new Map(),
    forgotten: new Set(),
    broken: [],
  };
  const warehouse: MemoryWarehouse = {
    tables: kept.tables,
    statements: kept.statements,
    broken: kept.broken,
    memoryOf: (syncId) => memoryOf(kept, syncId),
    filesMax: 3,
    way: 'unload',
    onSubmit: ({ id }) => warehouse.run(id),
    run: (statementId) => runStatement(kept, statementId, warehouse),
    fail: (statementId, reason) => end(kept, statementId, 'failed', reason),
    lose: (statementId) => lose(kept, statementId),
    repeatable: (syncId) => void kept.past.delete(syncId),
    describe: async (sql) => tableOf(kept, sql).columns,
    submit: async (request) => {
      const id = `${request.definition.sync.syncId}/${request.epoch}`;
      if (!kept.statements.has(id)) {
        const statement: Statement = { id, request, state: 'running' };
        kept.statements.set(id, statement);
        warehouse.onSubmit(statement);
      }
      return { statementId: id };
    },
    status: async (statementId) => {
      const statement = kept.statements.get(statementId);
      if (statement === undefined) return { state: 'unknown' };
      const { state, reason, code } = statement;
      return { state, ...(reason === undefined ? {} : { reason }), ...(code === undefined ? {} : { code }) };
    },
    counts: async (statementId) => resultOf(kept, statementId).counts,
    stage: async (statementId, request) =>
      writeStage(objects, request, resultOf(kept, statementId), warehouse.filesMax),
    cancel: async (statementId) => end(kept, statementId, 'aborted'),
    forget: async (syncId, epoch) => forget(kept, syncId, epoch),
  };
  return warehouse;
}

type Kept = {
  readonly clock: Clock;
  readonly objects: MemoryObjects;
  readonly tables: Map<string, ModelTable>;
  readonly statements: Map<string, Statement>;
  readonly memories: Map<string, SyncMemory>;
  /** Epochs up to this one can do nothing any more: a newer run or a deletion has come in between. */
  readonly past: Map<string, number>;
  /** `sync/epoch` of each deletion. */
  readonly forgotten: Set<string>;
  readonly broken: string[];
};

function tableOf({ tables }: Kept, sql: string): ModelTable {
  const table = tables.get(tableName(sql));
  if (table !== undefined) return table;
  throw new Fault('config', 'model_failed', 'the model reads a relation that is not there');
}

function memoryOf({ memories }: Kept, syncId: string): SyncMemory {
  const memory = memories.get(syncId) ?? emptyMemory();
  memories.set(syncId, memory);
  return memory;
}

function end({ statements }: Kept, statementId: string, state: 'failed' | 'aborted', reason?: string): void {
  const statement = statements.get(statementId);
  if (statement?.state !== 'running') return;
  statement.state = state;
  if (reason !== undefined) statement.reason = reason;
}

/** What still runs for the sync finds its tables gone. A repeat finds the statement of the first, as its token does. */
function forget({ memories, past, statements, forgotten }: Kept, syncId: string, epoch: number): void {
  if (forgotten.has(`${syncId}/${epoch}`)) return;
  forgotten.add(`${syncId}/${epoch}`);
  memories.delete(syncId);
  for (const { request } of statements.values()) {
    if (request.definition.sync.syncId !== syncId) continue;
    past.set(syncId, Math.max(past.get(syncId) ?? 0, request.epoch));
  }
}

/** Its token is remembered: a repeated submit starts nothing. */
function lose({ statements }: Kept, statementId: string): void {
  const statement = statements.get(statementId);
  if (statement === undefined) return;
  statement.state = 'unknown';
  delete statement.extracted;
}

function resultOf({ statements }: Kept, statementId: string): Extracted {
  const extracted = statements.get(statementId)?.extracted;
  if (extracted !== undefined) return extracted;
  throw new Fault('config', 'result_expired', 'the warehouse has no result of this statement');
}

/** All of it or nothing, at this moment. */
function runStatement(kept: Kept, statementId: string, layout: Layout): void {
  const statement = kept.statements.get(statementId);
  if (statement?.state !== 'running') return;
  const { definition, epoch } = statement.request;
  const { syncId } = definition.sync;
  if (epoch <= (kept.past.get(syncId) ?? 0)) {
    end(kept, statementId, 'failed', 'superseded');
    statement.code = 'run_superseded';
    return;
  }
  try {
    statement.extracted = execute(kept, statement.request, layout);
    statement.state = 'finished';
    kept.past.set(syncId, epoch);
  } catch (error) {
    kept.broken.push(`${statementId}: ${String(error)}`);
    statement.state = 'failed';
  }
}

type Layout = Pick<MemoryWarehouse, 'filesMax' | 'way'>;

function execute(kept: Kept, request: ExtractionRequest, { filesMax, way }: Layout): Extracted {
  const { clock, objects } = kept;
  const { syncId, model, destination } = request.definition.sync;
  const prefix = stagePrefix(syncId, request.epoch, destination.account);
  if (objects.bytes(`${prefix}manifest`) !== undefined) throw new Error('the stage exists already');
  const failures = failureSet(objects, request);
  const memory = memoryOf(kept, syncId);
  const extracted = extract(tableOf(kept, model.sql), request, failures, memory, clock.now());
  if (way === 'unload') writeStage(objects, request, extracted, filesMax);
  return extracted;
}

function writeStage(
  objects: MemoryObjects,
  { definition, epoch }: ExtractionRequest,
  { lines, carried }: Extracted,
  filesMax: number,
): { readonly stage: StageManifest; readonly carried: StageManifest } {
  const { syncId, destination } = definition.sync;
  const { account } = destination;
  const write = (prefix: string, manifestKey: string, all: readonly object[]): StageManifest =>
    writeFiles(objects, prefix, manifestKey, all, filesMax);
  return {
    stage: write(stagePrefix(syncId, epoch, account), stageManifestKey(syncId, epoch, account), lines),
    carried: write(carriedPrefix(syncId, epoch), carriedManifestKey(syncId, epoch), carried),
  };
}

/** The lines in a few files, and their manifest; the same lines give the same objects. */
function writeFiles(
  objects: MemoryObjects,
  prefix: string,
  manifestKey: string,
  lines: readonly object[],
  filesMax: number,
): StageManifest {
  const files: { key: string; bytes: number; rows: number }[] = [];
  const perFile = Math.max(1, Math.ceil(lines.length / filesMax));
  for (let start = 0; start < lines.length; start += perFile) {
    const part = lines.slice(start, start + perFile);
    const body = Buffer.from(`${part.map((one) => JSON.stringify(one)).join('\n')}\n`);
    const key = `${prefix}${String(files.length).padStart(4, '0')}_part_00`;
    objects.store(key, body);
    files.push({ key, bytes: body.length, rows: part.length });
  }
  const entries = files.map((file) => ({
    url: objects.url(file.key),
    meta: { content_length: file.bytes, record_count: file.rows },
  }));
  objects.store(manifestKey, JSON.stringify({ entries }));
  return { files, rows: lines.length, bytes: files.reduce((sum, file) => sum + file.bytes, 0) };
}

/** The failure set by key; several records of one key are one, the worst of each. */
function failureSet(objects: MemoryObjects, request: ExtractionRequest): Map<string, FailureRecord> {
  const set = new Map<string, FailureRecord>();
  if (request.failures === null) return set;
  const text = Buffer.from(objects.bytes(request.failures.manifest) ?? '').toString('utf8');
  if (text === '') throw new Error('the failure manifest that SYNC points to is gone');
  const { entries } = JSON.parse(text) as { entries: { url: string }[] };
  let lines = 0;
  for (const { url } of entries) {
    const body = objects.bytes(objects.keyOf(url));
    if (body === undefined) throw new Error('a failure object that the manifest names is gone');
    for (const each of Buffer.from(body).toString('utf8').split('\n')) {
      if (each === '') continue;
      lines += 1;
      const record = JSON.parse(each) as FailureRecord;
      set.set(record.row_key, merged(set.get(record.row_key), record));
    }
  }
  if (lines !== request.failures.count) {
    throw new Error(`the failure set has ${lines} lines, SYNC says ${request.failures.count}`);
  }
  return set;
}

function merged(a: FailureRecord | undefined, b: FailureRecord): FailureRecord {
  if (a === undefined) return b;
  return {
    ...b,
    attempts: String(Math.max(Number(a.attempts), Number(b.attempts))),
    quarantined: a.quarantined === '0' || b.quarantined === '0' ? '0' : '1',
    applied: a.applied === '1' || b.applied === '1' ? '1' : '0',
    fingerprint: a.fingerprint === b.fingerprint ? b.fingerprint : null,
  };
}

/** Objects of one run, for tests that look. */
export const runObjects = (objects: MemoryObjects, syncId: string, epoch: number): readonly string[] =>
  objects.keys().filter((key) => key.startsWith(runPrefix(syncId, epoch)));
