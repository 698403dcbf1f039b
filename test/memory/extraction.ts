/**
 * What the extraction's SQL means, over arrays: snapshot brought forward, failure set loaded, delta built, counted
 * and split into stage lines and carried records. It changes `memory` at the end only, as a transaction would.
 *
 * It is written from the run protocol, not from the SQL, so the two can disagree and a shared test can tell.
 */
import { ROW_KEY_CHARACTERS_MAX, STAGE_LINE_BYTES_MAX } from '../../shared/core/limits.ts';
import { STAGE_CODES } from '../../shared/core/row-codes.ts';
import type { Change, ExtractionCounts, FailureRecord, StageLine } from '../../shared/core/stage.ts';
import { matchColumns, stagedColumns } from '../../shared/core/staged-columns.ts';
import { removedPolicy, type Sync } from '../../shared/core/sync.ts';
import type { ExtractionRequest } from '../../shared/ports.ts';
import { type ModelRow, type ModelTable, rowKey, timestampText } from './model-table.ts';

/** What the warehouse keeps for one sync. */
export type SyncMemory = {
  readonly deltas: Map<number, Map<string, DeltaRow>>;
  snapshot: Map<string, SnapshotRow>;
  /** Epoch whose delta the snapshot holds, and the generation that it belongs to. */
  marker: { readonly epoch: number; readonly generation: string };
};
/** Without a fingerprint: perhaps held, with whatever value. */
export type SnapshotRow = { readonly fingerprint: string | null; readonly match: readonly (string | null)[] };
/** `d`: dropped from the snapshot without a removal. */
export type DeltaRow = SnapshotRow & { readonly change: Change | 'carried' | 'd' };

export type Extracted = {
  readonly lines: readonly StageLine[];
  readonly carried: readonly FailureRecord[];
  readonly counts: ExtractionCounts;
};

export const emptyMemory = (): SyncMemory => ({
  deltas: new Map(),
  snapshot: new Map(),
  marker: { epoch: 0, generation: '' },
});

/** Throws Error when the request does not fit what the warehouse holds: a bug of the engine. */
export function extract(
  table: ModelTable,
  request: ExtractionRequest,
  failures: ReadonlyMap<string, FailureRecord>,
  memory: SyncMemory,
  nowMs: number,
): Extracted {
  const { sync } = request.definition;
  const snapshot = broughtForward(request, failures, memory);
  const dirty = keepsSnapshot(sync) ? attempted(request.dirty, memory) : new Map();
  const scan: Scan = {
    ...{ sync, request, failures, snapshot, dirty },
    claimed: claimedNames(table, request, memory, snapshot),
    hi: hiOf(request, nowMs),
    lines: [],
    carried: [],
    delta: new Map(),
    inModel: new Set(),
    twins: new Set(),
    unchanged: 0,
  };
  const groups = grouped(table.rows, scan.sync.model.primaryKey);
  for (const twin of twinsOf(scan.sync, groups.keyed)) scan.twins.add(twin);
  for (const [key, rows] of groups.keyed) one(scan, table, key, rows);
  for (const row of groups.keyless) {
    if (inWindow(scan, row)) scan.lines.push(line(scan, null, 'i', null, row, keylessCode(scan, row)));
    else scan.unchanged += 1;
  }
  absent(scan);
  commit(memory, request, scan);
  return { lines: scan.lines, carried: scan.carried, counts: countsOf(scan, table) };
}

type Scan = {
  readonly sync: Sync;
  readonly request: ExtractionRequest;
  readonly failures: ReadonlyMap<string, FailureRecord>;
  readonly snapshot: Map<string, SnapshotRow>;
  readonly dirty: ReadonlyMap<string, DeltaRow>;
  /** Names of records that a key which is gone or an abandoned run may have left behind, and that a row has now. */
  readonly claimed: ReadonlySet<string>;
  readonly hi: string | null;
  readonly lines: StageLine[];
  readonly carried: FailureRecord[];
  readonly delta: Map<string, DeltaRow>;
  readonly inModel: Set<string>;
  /** Names of records that more than one key of the model gives. */
  readonly twins: Set<string>;
  unchanged: number;
};

const keepsSnapshot = (sync: Sync): boolean =>
  sync.model.changes.by === 'diff' || removedPolicy(sync) !== 'ignore';

function broughtForward(
  request: ExtractionRequest,
  failures: ReadonlyMap<string, FailureRecord>,
  memory: SyncMemory,
): Map<string, SnapshotRow> {
  const { snapshotEpoch, definition } = request;
  if (!keepsSnapshot(definition.sync) || snapshotEpoch === 0) return new Map();
  const same = memory.marker.generation === definition.generation;
  const next = new Map(same ? memory.snapshot : []);
  if (same && memory.marker.epoch >= snapshotEpoch) return next;
  const delta = memory.deltas.get(snapshotEpoch);
  if (delta === undefined)
    throw new Error(`the delta of epoch ${snapshotEpoch} is gone before it was applied`);
  for (const [key, row] of delta) {
    if (row.change === 'carried') continue;
    const failure = failures.get(key);
    if (failure !== undefined) {
      // It failed now and was perhaps held before: kept without a fingerprint, so that a removal can name it.
      const isPerhapsHeld = failure.applied === '1' && row.change !== 'd' && !next.has(key);
      if (isPerhapsHeld) next.set(key, { fingerprint: null, match: row.match });
    } else if (row.change === 'r' || row.change === 'd') next.delete(key);
    else if (row.change !== 'i') next.set(key, { fingerprint: row.fingerprint, match: row.match });
  }
  return next;
}

/** Only where another key may be the same record, and records are removed. */
function claimedNames(
  table: ModelTable,
  { definition: { sync }, dirty }: ExtractionRequest,
  { deltas }: SyncMemory,
  snapshot: ReadonlyMap<string, SnapshotRow>,
): ReadonlySet<string> {
  if (removedPolicy(sync) === 'ignore') return new Set();
  const inModel = new Set(table.rows.map((row) => rowKey(row, sync.model.primaryKey)));
  const gone = [...snapshot].filter(([key]) => !inModel.has(key)).map(([, { match }]) => match);
  const tried = dirty.flatMap((epoch) => [...(deltas.get(epoch)?.values() ?? [])]);
  const sent = tried.filter(({ change }) => ['a', 'c', 'r'].includes(change)).map(({ match }) => match);
  const loose = new Set([...gone, ...sent].map((match) => nameOf(sync, match)));
  const names = table.rows.flatMap((row) => nameOf(sync, matchOf(sync, row)) ?? []);
  return new Set(names.filter((name) => loose.has(name)));
}

/** The record that match columns name, undefined for none. By the field's own trim and case, as the mapping does. */
function nameOf(sync: Sync, match: readonly (string | null)[]): string | undefined {
  const field = sync.fields.find(({ to }) => to === sync.destination.matchOn);
  const [only = null, ...more] = match;
  if (more.length > 0) return JSON.stringify(match);
  if (field === undefined || only === null) return undefined;
  if (!('from' in field)) return only;
  const { trim, lowercase, uppercase } = field.as ?? {};
  const text = trim === true ? only.trim() : only;
  if (lowercase === true) return text.toLowerCase();
  return uppercase === true ? text.toUpperCase() : text;
}

function isClaimed({ sync, claimed }: Scan, match: readonly (string | null)[]): boolean {
  const name = nameOf(sync, match);
  return name !== undefined && claimed.has(name);
}

function attempted(epochs: readonly number[], memory: SyncMemory): Map<string, DeltaRow> {
  const out = new Map<string, DeltaRow>();
  for (const epoch of epochs) {
    if (epoch === 0) continue;
    const delta = memory.deltas.get(epoch);
    if (delta === undefined) throw new Error(`the delta of epoch ${epoch} is gone while it is still needed`);
    for (const [key, row] of delta) if (['a', 'c', 'r'].includes(row.change)) out.set(key, row);
  }
  return out;
}

function hiOf(request: ExtractionRequest, nowMs: number): string | null {
  const { changes } = request.definition.sync.model;
  return changes.by === 'cursor' ? timestampText(nowMs - changes.lagSeconds * 1000) : null;
}

function grouped(
  rows: readonly ModelRow[],
  primaryKey: readonly string[],
): { keyed: Map<string, ModelRow[]>; keyless: ModelRow[] } {
  const keyed = new Map<string, ModelRow[]>();
  const keyless: ModelRow[] = [];
  for (const row of rows) {
    const key = rowKey(row, primaryKey);
    if (key === null || [...key].length > ROW_KEY_CHARACTERS_MAX) keyless.push(row);
    else keyed.set(key, [...(keyed.get(key) ?? []), row]);
  }
  return { keyed, keyless };
}

function keylessCode({ sync: { model } }: Scan, row: ModelRow): string {
  if (model.primaryKey.some((column) => (row[column] ?? null) === null)) return 'null_key';
  return rowKey(row, model.primaryKey) === null ? 'empty_key' : 'key_too_long';
}

/** The one column that names records, where that is another than the key. */
function twinColumn({ fields, destination, model }: Sync): string | undefined {
  const field = fields.find(({ to }) => to === destination.matchOn);
  if (field === undefined || !('from' in field)) return undefined;
  return model.primaryKey.length === 1 && model.primaryKey[0] === field.from ? undefined : field.from;
}

/** By a cursor each row of a key counts; elsewhere its least value. */
function twinsOf(sync: Sync, keyed: ReadonlyMap<string, readonly ModelRow[]>): ReadonlySet<string> {
  const twins = new Set<string>();
  const column = twinColumn(sync);
  if (column === undefined) return twins;
  const seen = new Set<string>();
  for (const rows of keyed.values()) {
    const names = [...new Set(rows.flatMap((row) => row[column] ?? []))].toSorted();
    for (const name of sync.model.changes.by === 'cursor' ? names : names.slice(0, 1)) {
      (seen.has(name) ? twins : seen).add(name);
    }
  }
  return twins;
}

/** A key that has at least one row in the model, valid or not. */
function one(scan: Scan, table: ModelTable, key: string, rows: readonly ModelRow[]): void {
  scan.inModel.add(key);
  const row = rows[0] as ModelRow;
  const fingerprint = rows.length > 1 ? null : fingerprintOf(scan, key, row);
  if (!isCandidate(scan, table, key, rows, fingerprint)) {
    scan.unchanged += rows.length;
    return;
  }
  const failure = scan.failures.get(key);
  const code = invalidCode(scan, table, key, rows);
  if (failure !== undefined && isCarried(scan, failure, code, fingerprint)) {
    scan.carried.push(failure);
    scan.delta.set(key, { change: 'carried', fingerprint, match: matchOf(scan.sync, row) });
    scan.unchanged += rows.length;
    return;
  }
  const change = code !== null ? 'i' : scan.snapshot.has(key) ? 'c' : 'a';
  scan.lines.push(line(scan, key, change, fingerprint, row, code));
  if (change !== 'i') scan.delta.set(key, { change, fingerprint, match: matchOf(scan.sync, row) });
  else keepName(scan, key);
}

/** An abandoned run may have sent it, so it may have to be removed; what it is called today is not what was sent. */
function keepName(scan: Scan, key: string): void {
  const sent = scan.dirty.get(key);
  if (sent === undefined || removedPolicy(scan.sync) === 'ignore') return;
  scan.delta.set(key, { change: 'i', fingerprint: null, match: sent.match });
}

/**
 * Invalid by the same code and value as before, or quarantined and unchanged; a key that an abandoned run may have sent
 * is always tried, and where no snapshot says which those are, every key is.
 */
function isCarried(
  scan: Scan,
  failure: FailureRecord,
  code: string | null,
  fingerprint: string | null,
): boolean {
  if (scan.dirty.has(failure.row_key)) return false;
  if (!keepsSnapshot(scan.sync) && scan.request.dirty.length > 0) return false;
  if (code !== null) {
    return failure.kind === 'invalid' && failure.code === code && failure.fingerprint === fingerprint;
  }
  const isOurs =
    failure.kind === 'invalid' && (failure.code in STAGE_CODES || failure.code.startsWith('check:'));
  return failure.quarantined === '1' && failure.fingerprint === fingerprint && !isOurs;
}

function isCandidate(
  scan: Scan,
  table: ModelTable,
  key: string,
  rows: readonly ModelRow[],
  fingerprint: string | null,
): boolean {
  if (scan.failures.has(key) || scan.dirty.has(key)) return true;
  const { by } = scan.sync.model.changes;
  if (by === 'all') return true;
  if (by === 'cursor') return rows.some((row) => inWindow(scan, row));
  // Another key may have written its record last.
  if (rows.some((row) => isClaimed(scan, matchOf(scan.sync, row)))) return true;
  const known = scan.snapshot.get(key)?.fingerprint ?? null;
  return known === null || known !== fingerprint || invalidCode(scan, table, key, rows) !== null;
}

function inWindow(scan: Scan, row: ModelRow): boolean {
  const { changes } = scan.sync.model;
  if (changes.by !== 'cursor') return true;
  const value = row[changes.column] ?? null;
  if (value === null) return true;
  const { watermark } = scan.request;
  return (watermark === null || value >= watermark) && value < (scan.hi ?? '');
}

function invalidCode(scan: Scan, table: ModelTable, key: string, rows: readonly ModelRow[]): string | null {
  if (rows.length > 1) return 'duplicate_key';
  const row = rows[0] as ModelRow;
  const { changes } = scan.sync.model;
  if (changes.by === 'cursor' && (row[changes.column] ?? null) === null) return 'null_cursor';
  if (sizeOf(scan, key, row).line > STAGE_LINE_BYTES_MAX) return 'row_too_long';
  const broken = scan.sync.checks.find(
    (check) => check.otherwise === 'exclude' && table.checks[check.name]?.(row) === false,
  );
  if (broken !== undefined) return `check:${broken.name}`;
  const name = row[twinColumn(scan.sync) ?? ''] ?? null;
  return name !== null && scan.twins.has(name) ? 'duplicate_match' : null;
}

/** Bytes of key and values, and of the line that they become. Short rows are not measured: they are neither. */
function sizeOf(scan: Scan, key: string, row: ModelRow): { readonly values: number; readonly line: number } {
  const texts = [key, ...stagedColumns(scan.sync).map((column) => row[column] ?? '')];
  const units = texts.reduce((sum, text) => sum + text.length, 0);
  if (units < SHORT_UNITS) return { values: 0, line: 0 };
  const columns = texts.slice(1).map((text, index) => [`c${index}`, text]);
  const line = { k: key, o: 'a', f: HASH, n: '0', x: '0', e: null, ...Object.fromEntries(columns) };
  return { values: Buffer.byteLength(texts.join('')), line: Buffer.byteLength(JSON.stringify(line)) };
}

/** An escape makes six bytes of one unit at worst, and names of columns need room. */
const SHORT_UNITS = STAGE_LINE_BYTES_MAX / 12;
/** As long as the warehouse's. */
const HASH = 'f'.repeat(64);

/** Keys that we know and the model does not: removed, or carried until they come back. */
function absent(scan: Scan): void {
  const known = new Set([...scan.snapshot.keys(), ...scan.failures.keys(), ...scan.dirty.keys()]);
  for (const key of known) {
    if (scan.inModel.has(key)) continue;
    const failure = scan.failures.get(key);
    const applied = scan.snapshot.has(key) || scan.dirty.has(key) || failure?.applied === '1';
    const last = scan.snapshot.get(key) ?? scan.dirty.get(key);
    // A removal that was refused for good: its line had no fingerprint.
    const isParked =
      failure?.quarantined === '1' && failure.kind !== 'invalid' && failure.fingerprint === null;
    if (!keepsSnapshot(scan.sync)) keepAbsent(scan, failure);
    else if (removedPolicy(scan.sync) === 'ignore') drop(scan, key);
    // Its record is another row's now: nothing to send, and nothing is held by this key any more.
    else if (applied && last !== undefined && isClaimed(scan, last.match)) forgetKey(scan, key, last);
    else if (isParked && !scan.dirty.has(key)) keepAbsent(scan, failure);
    // As the SQL does: without a match value nobody can name the record, and the key stays in the failure set.
    else if (applied) remove(scan, key, last ?? { fingerprint: null, match: [] });
  }
}

function forgetKey(scan: Scan, key: string, { fingerprint, match }: SnapshotRow): void {
  scan.delta.set(key, { change: 'd', fingerprint, match });
}

function remove(scan: Scan, key: string, last: SnapshotRow): void {
  scan.lines.push(removedLine(scan, key, last));
  scan.delta.set(key, { change: 'r', fingerprint: last.fingerprint, match: last.match });
}

/** Stays in the failure set until its row returns. */
function keepAbsent(scan: Scan, failure: FailureRecord | undefined): void {
  if (failure !== undefined) scan.carried.push(failure);
}

/** What the destination holds of a key that failed, or that an abandoned run tried, is not known: sent when it returns. */
function drop(scan: Scan, key: string): void {
  const last = scan.snapshot.get(key);
  if (last === undefined || last.fingerprint === null) return;
  if (scan.failures.has(key) || scan.dirty.has(key)) scan.delta.set(key, { ...last, change: 'd' });
}

function commit(memory: SyncMemory, request: ExtractionRequest, scan: Scan): void {
  memory.snapshot = scan.snapshot;
  memory.marker = { epoch: request.snapshotEpoch, generation: request.definition.generation };
  memory.deltas.set(request.epoch, scan.delta);
  const needed = new Set([request.epoch, request.snapshotEpoch, ...request.dirty]);
  for (const epoch of memory.deltas.keys()) {
    if (epoch < request.epoch && !needed.has(epoch)) memory.deltas.delete(epoch);
  }
}

/** None of a row that is too long even before anything is escaped. */
function fingerprintOf(scan: Scan, key: string, row: ModelRow): string | null {
  if (sizeOf(scan, key, row).values > STAGE_LINE_BYTES_MAX) return null;
  const values = stagedColumns(scan.sync).map((column) => row[column] ?? null);
  return `${scan.request.definition.mappingVersion.slice(0, 12)}${JSON.stringify(values)}`;
}

function matchOf(sync: Sync, row: ModelRow): readonly (string | null)[] {
  const columns = stagedColumns(sync);
  return matchColumns(sync).map((index) => row[columns[index] ?? ''] ?? null);
}

function line(
  scan: Scan,
  key: string | null,
  change: Change,
  fingerprint: string | null,
  row: ModelRow,
  code: string | null,
): StageLine {
  // An invalid row is not sent, so its values stay where they are.
  const textOf = (column: string): string | null => (code === null ? (row[column] ?? null) : null);
  const columns = stagedColumns(scan.sync).map((column, index) => [`c${index}`, textOf(column)]);
  return { ...head(scan, key, change, fingerprint, code), ...Object.fromEntries(columns) };
}

function removedLine(scan: Scan, key: string, last: SnapshotRow): StageLine {
  const columns = stagedColumns(scan.sync).map((_, index) => {
    const place = matchColumns(scan.sync).indexOf(index);
    return [`c${index}`, place < 0 ? null : (last.match[place] ?? null)];
  });
  return { ...head(scan, key, 'r', null, null), ...Object.fromEntries(columns) };
}

function head(
  scan: Scan,
  key: string | null,
  change: Change,
  fingerprint: string | null,
  code: string | null,
): StageLine {
  const failure = key === null ? undefined : scan.failures.get(key);
  const applied = key !== null && (scan.snapshot.has(key) || scan.dirty.has(key));
  return {
    k: key,
    o: change,
    f: fingerprint,
    n: failure?.attempts ?? '0',
    x: applied || failure?.applied === '1' ? '1' : '0',
    e: code,
  };
}

function countsOf(scan: Scan, table: ModelTable): ExtractionCounts {
  const of = (change: Change): number => scan.lines.filter((each) => each.o === change).length;
  return {
    modelRows: table.rows.length,
    extracted: scan.lines.length,
    unchanged: scan.unchanged,
    added: of('a'),
    changed: of('c'),
    removed: of('r'),
    invalid: of('i'),
    nullKeys: scan.lines.filter((each) => each.k === null).length,
    carried: scan.carried.length,
    hi: scan.hi,
    checks: scan.sync.checks
      .filter((check) => check.otherwise === 'hold')
      .map(({ name }) => ({
        name,
        rows: table.rows.filter((row) => table.checks[name]?.(row) === false).length,
      })),
  };
}
