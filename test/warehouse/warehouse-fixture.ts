/**
 * The adapter on the local Data API with a bucket in memory: everything of an extraction except the engine.
 */
import { RedshiftDataClient } from '@aws-sdk/client-redshift-data';
import { type LocalRedshift, startRedshift } from '../../local/redshift/endpoint.ts';
import type { StatementEvent } from '../../local/redshift/statement-event.ts';
import { redshiftWarehouse } from '../../shared/aws/redshift-warehouse.ts';
import { failureManifestKey, failuresPrefix } from '../../shared/core/names.ts';
import type { FailurePointer } from '../../shared/core/run.ts';
import type { ExtractionCounts, FailureRecord, StageLine, StageManifest } from '../../shared/core/stage.ts';
import type { ExtractionRequest, ObjectStore, StatementStatus, Warehouse } from '../../shared/ports.ts';

export type Way = 'unload' | 'pages';
export const WAYS: readonly Way[] = ['unload', 'pages'];

export type Extraction = {
  readonly status: StatementStatus;
  readonly counts: ExtractionCounts;
  readonly lines: readonly StageLine[];
  readonly carried: readonly FailureRecord[];
};

export type Fixture = {
  readonly redshift: LocalRedshift;
  readonly warehouse: Warehouse;
  readonly objects: ObjectStore;
  readonly stored: Map<string, Uint8Array>;
  readonly events: StatementEvent[];
  sql(text: string): Promise<readonly Record<string, unknown>[]>;
  /** Submits, waits, and reads everything; the lines sorted by key. Throws when the statement fails. */
  extract(request: ExtractionRequest): Promise<Extraction>;
  /** Writes a failure set as a finished run leaves it. */
  failures(
    syncId: string,
    epoch: number,
    records: readonly Partial<FailureRecord>[],
  ): Promise<FailurePointer>;
  close(): Promise<void>;
};

const BUCKET = 'staging';

export async function openFixture(way: Way): Promise<Fixture> {
  const stored = new Map<string, Uint8Array>();
  const events: StatementEvent[] = [];
  const redshift = await startRedshift({
    s3: {
      put: async (_, key, body) => void stored.set(key, Buffer.from(body)),
      get: async (_, key) => stored.get(key),
      occupied: async (_, prefix) => [...stored.keys()].some((key) => key.startsWith(prefix)),
    },
    onEvent: (event) => events.push(event),
  });
  const objects = memoryObjects(stored);
  const warehouse = warehouseAt(redshift.endpoint, objects, way);
  const fixture: Fixture = {
    redshift,
    warehouse,
    objects,
    stored,
    events,
    sql: (text) => redshift.sql(text),
    extract: (request) => extract(warehouse, objects, request),
    failures: (syncId, epoch, records) => writeFailures(objects, syncId, epoch, records),
    close: () => redshift.close(),
  };
  return fixture;
}

export function warehouseAt(endpoint: string, objects: ObjectStore, way: Way): Warehouse {
  const client = new RedshiftDataClient({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'TEST', secretAccessKey: 'test' },
  });
  return redshiftWarehouse({
    client,
    objects,
    settings: {
      environment: 'local',
      kind: 'serverless',
      workgroup: 'local',
      database: 'dev',
      schema: 'tailrace',
      extraction: way,
      unloadRole: 'arn:aws:iam::000000000000:role/unload',
      stageKey: 'arn:aws:kms:us-east-1:000000000000:key/1',
    },
  });
}

export function memoryObjects(stored: Map<string, Uint8Array>): ObjectStore {
  return {
    put: async (key, body) => void stored.set(key, Buffer.from(body)),
    get: async (key) => (stored.has(key) ? Buffer.from(stored.get(key) ?? []).toString('utf8') : undefined),
    async *range(key, from, to) {
      yield Buffer.from(stored.get(key) ?? []).subarray(from, to);
    },
    async *list(prefix) {
      for (const [key, body] of [...stored].toSorted()) {
        if (key.startsWith(prefix)) yield { key, bytes: body.length };
      }
    },
    supersede: async () => undefined,
    url: (key) => `s3://${BUCKET}/${key}`,
    keyOf: (url) => url.slice(`s3://${BUCKET}/`.length),
  };
}

async function extract(
  warehouse: Warehouse,
  objects: ObjectStore,
  request: ExtractionRequest,
): Promise<Extraction> {
  const { statementId } = await warehouse.submit(request);
  const status = await ended(warehouse, statementId);
  if (status.state !== 'finished') throw new Error(`${status.code}: ${status.reason}`);
  const counts = await warehouse.counts(statementId, request);
  const signal = new AbortController().signal;
  const { stage, carried } = await warehouse.stage(statementId, request, counts, signal);
  return {
    status,
    counts,
    lines: (await linesOf<StageLine>(objects, stage)).toSorted(byKey),
    carried: await linesOf<FailureRecord>(objects, carried),
  };
}

const byKey = (a: StageLine, b: StageLine): number => ((a.k ?? '') < (b.k ?? '') ? -1 : 1);

const POLL_MS = 5;

export async function ended(warehouse: Warehouse, statementId: string): Promise<StatementStatus> {
  for (;;) {
    const status = await warehouse.status(statementId);
    if (status.state !== 'running') return status;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function linesOf<Line>(objects: ObjectStore, manifest: StageManifest): Promise<Line[]> {
  const lines: Line[] = [];
  for (const file of manifest.files) {
    const text = (await objects.get(file.key)) ?? '';
    lines.push(
      ...text
        .split('\n')
        .filter((line) => line !== '')
        .map((line): Line => JSON.parse(line)),
    );
  }
  return lines;
}

async function writeFailures(
  objects: ObjectStore,
  syncId: string,
  epoch: number,
  records: readonly Partial<FailureRecord>[],
): Promise<FailurePointer> {
  const key = `${failuresPrefix(syncId, epoch)}0-0-test-${records.length}.ndjson`;
  const body = records.map((record) => `${JSON.stringify({ ...FAILURE, ...record })}\n`).join('');
  await objects.put(key, body);
  const manifest = failureManifestKey(syncId, epoch, 'test');
  const entry = { url: objects.url(key), mandatory: true, meta: { content_length: Buffer.byteLength(body) } };
  await objects.put(manifest, JSON.stringify({ entries: [entry] }));
  return { manifest, count: records.length };
}

const FAILURE: FailureRecord = {
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
