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
  readonly memoryOf: (syncId: string) => SyncMemory;
  /** Errors of statements that no engine may cause. */
  readonly broken: readonly string[];
  filesMax: number;
};

export function memoryWarehouse(clock: Clock, objects: MemoryObjects): MemoryWarehouse {
  const tables = new Map<string, ModelTable>();
  const statements = new Map<string, Statement>();
  const memories = new Map<string, SyncMemory>();
  const broken: string[] = [];
  const tableOf = (sql: string): ModelTable => {
    const table = tables.get(tableName(sql));
    if (table === undefined)
      throw new Fault('config', 'model_failed', 'the model reads a relation that is not there');
    return table;
  };
  const memoryOf = (syncId: string): SyncMemory => {
    const memory = memories.get(syncId) ?? emptyMemory();
    memories.set(syncId, memory);
    return memory;
  };
  const warehouse: MemoryWarehouse = {
    tables,
    statements,
    broken,
    memoryOf,
    filesMax: 3,
    onSubmit: ({ id }) => warehouse.run(id),
    describe: async (sql) => tableOf(sql).columns,
    submit: async (request) => {
      const id = `${request.definition.sync.syncId}/${request.epoch}`;
      if (!statements.has(id)) {
        const statement: Statement = { id, request, state: 'running' };
        statements.set(id, statement);
        warehouse.onSubmit(statement);
      }
      return { statementId: id };
    },
    run: (statementId) => {
      const statement = statements.get(statementId);
      if (statement?.state !== 'running') return;
      try {
        statement.extracted = execute(statement.request);
        statement.state = 'finished';
      } catch (error) {
        broken.push(`${statementId}: ${String(error)}`);
        statement.state = 'failed';
      }
    },
    fail: (statementId, reason) => {
      const statement = statements.get(statementId);
      if (statement?.state !== 'running') return;
      statement.state = 'failed';
      statement.reason = reason;
    },
    lose: (statementId) => void statements.delete(statementId),
    status: async (statementId) => {
      const statement = statements.get(statementId);
      if (statement === undefined) return { state: 'unknown' };
      const { state, reason } = statement;
      return reason === undefined ? { state } : { state, reason };
    },
    counts: async (statementId) => resultOf(statementId).counts,
    stage: async (statementId, request) => {
      const { lines, carried } = resultOf(statementId);
      const { syncId } = request.definition.sync;
      return {
        stage: manifestOf(stagePrefix(syncId, request.epoch), stageManifestKey(syncId, request.epoch), lines),
        carried: manifestOf(
          carriedPrefix(syncId, request.epoch),
          carriedManifestKey(syncId, request.epoch),
          carried,
        ),
      };
    },
    cancel: async (statementId) => {
      const statement = statements.get(statementId);
      if (statement?.state === 'running') statement.state = 'aborted';
    },
    forget: async (syncId) => void memories.delete(syncId),
  };
  const resultOf = (statementId: string): Extracted => {
    const extracted = statements.get(statementId)?.extracted;
    if (extracted !== undefined) return extracted;
    throw new Fault('transient', 'statement_unknown', 'the warehouse has no result of this statement');
  };
  const execute = (request: ExtractionRequest): Extracted => {
    const { syncId } = request.definition.sync;
    const prefix = stagePrefix(syncId, request.epoch);
    if (objects.keys().some((key) => key.startsWith(prefix))) throw new Error('the stage exists already');
    const failures = failureSet(objects, request);
    const extracted = extract(
      tableOf(request.definition.sync.model.sql),
      request,
      failures,
      memoryOf(syncId),
      clock.now(),
    );
    manifestOf(prefix, stageManifestKey(syncId, request.epoch), extracted.lines);
    manifestOf(
      carriedPrefix(syncId, request.epoch),
      carriedManifestKey(syncId, request.epoch),
      extracted.carried,
    );
    return extracted;
  };
  /** Writes the lines into a few files and their manifest; the same lines give the same objects. */
  const manifestOf = (prefix: string, manifestKey: string, lines: readonly object[]): StageManifest => {
    const files: { key: string; bytes: number; rows: number }[] = [];
    const perFile = Math.max(1, Math.ceil(lines.length / warehouse.filesMax));
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
  };
  return warehouse;
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
