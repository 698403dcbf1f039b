/**
 * The paged way: results of the extraction's SELECTs become the same files and manifests that UNLOAD writes. One page
 * is held at a time. Each file written is noted beside the stage with the token of the page after it, so a repeat goes
 * on where a crashed one stopped.
 */
import { type Field, GetStatementResultCommand } from '@aws-sdk/client-redshift-data';
import * as z from 'zod';
import { Fault } from '../core/fault.ts';
import {
  carriedManifestKey,
  carriedPrefix,
  runPrefix,
  stageManifestKey,
  stagePrefix,
} from '../core/names.ts';
import {
  type ExtractionCounts,
  readUnloadManifest,
  type StageFile,
  type StageManifest,
} from '../core/stage.ts';
import type { ExtractionRequest } from '../ports.ts';
import type { resultPlaces } from '../warehouse/extraction-sql.ts';
import { redshiftCall } from './redshift-calls.ts';
import type { RedshiftParts } from './redshift-connection.ts';
import { counted, manifestText, type Staged } from './redshift-unloads.ts';

export type Paging = {
  readonly statementId: string;
  readonly places: ReturnType<typeof resultPlaces>;
  readonly request: ExtractionRequest;
  readonly counts: ExtractionCounts;
  readonly signal: AbortSignal;
};

/** A file of the stage: large enough for few objects, small enough to be held while it is filled. */
const FILE_BYTES = 8 * 1024 * 1024;

/** Safe to repeat. Throws the signal's reason when aborted, `bug` Faults for results that do not add up. */
export async function stagePages(parts: RedshiftParts, paging: Paging): Promise<Staged> {
  const { syncId, destination } = paging.request.definition.sync;
  const { epoch } = paging.request;
  const { slices, carried } = paging.places;
  return {
    stage: await staged(parts, paging, {
      key: stageManifestKey(syncId, epoch, destination.account),
      prefix: stagePrefix(syncId, epoch, destination.account),
      places: slices,
      rows: paging.counts.extracted,
    }),
    carried: await staged(parts, paging, {
      key: carriedManifestKey(syncId, epoch),
      prefix: carriedPrefix(syncId, epoch),
      places: [carried],
      rows: paging.counts.carried,
    }),
  };
}

type Target = {
  readonly key: string;
  readonly prefix: string;
  readonly places: readonly number[];
  readonly rows: number;
};

async function staged(parts: RedshiftParts, paging: Paging, target: Target): Promise<StageManifest> {
  const { objects } = parts;
  const before = await objects.get(target.key);
  if (before !== undefined) return counted(readUnloadManifest(before, objects.keyOf), target.rows);
  const files: StageFile[] = [];
  for (const place of target.places) files.push(...(await filesOf(parts, paging, target.prefix, place)));
  const sum = (of: 'bytes' | 'rows'): number => files.reduce((total, file) => total + file[of], 0);
  const manifest = counted({ files, rows: sum('rows'), bytes: sum('bytes') }, target.rows);
  await objects.put(target.key, manifestText(objects, manifest));
  return manifest;
}

const noteSchema = z.object({
  files: z.array(z.object({ key: z.string(), bytes: z.int(), rows: z.int() })),
  next: z.string().nullable(),
});
type Note = z.infer<typeof noteSchema>;

async function filesOf(
  parts: RedshiftParts,
  paging: Paging,
  prefix: string,
  place: number,
): Promise<readonly StageFile[]> {
  const { objects } = parts;
  const notes = `${runPrefix(paging.request.definition.sync.syncId, paging.request.epoch)}pages/${place}-`;
  let note = (await lastNote(parts, notes)) ?? { files: [], next: '' };
  while (note.next !== null) {
    const file = await nextFile(parts, paging, place, note.next);
    const key = `${prefix}${place}-${note.files.length}.ndjson`;
    const kept = file.rows === 0 ? [] : [{ key, bytes: file.body.length, rows: file.rows }];
    if (file.rows > 0) await objects.put(key, file.body);
    note = { files: [...note.files, ...kept], next: file.next };
    await objects.put(`${notes}${String(note.files.length).padStart(6, '0')}.json`, JSON.stringify(note));
  }
  return note.files;
}

/** Notes grow, and their names sort: the last one holds everything before it. */
async function lastNote({ objects }: RedshiftParts, prefix: string): Promise<Note | undefined> {
  let last: string | undefined;
  for await (const { key } of objects.list(prefix)) last = last === undefined || key > last ? key : last;
  if (last === undefined) return undefined;
  return noteSchema.parse(JSON.parse((await objects.get(last)) ?? '{}'));
}

type NextFile = { readonly body: Buffer; readonly rows: number; readonly next: string | null };

/** Pages from `token` on ('' for the first) until a file is full. */
async function nextFile(
  parts: RedshiftParts,
  paging: Paging,
  place: number,
  token: string,
): Promise<NextFile> {
  const lines: Buffer[] = [];
  let [bytes, rows] = [0, 0];
  let next: string | null = token;
  while (next !== null && bytes < FILE_BYTES) {
    paging.signal.throwIfAborted();
    const page = await readPage(parts, `${paging.statementId}:${place}`, next);
    const text = Buffer.from(page.records.map((record) => lineOf(page.names, record)).join(''));
    lines.push(text);
    bytes += text.length;
    rows += page.records.length;
    next = page.next;
  }
  return { body: Buffer.concat(lines), rows, next };
}

type Page = {
  readonly names: readonly string[];
  readonly records: readonly (readonly Field[])[];
  readonly next: string | null;
};

async function readPage({ client }: RedshiftParts, Id: string, token: string): Promise<Page> {
  const command = new GetStatementResultCommand({ Id, ...(token === '' ? {} : { NextToken: token }) });
  const result = await redshiftCall('reading a page of the stage', () => client.send(command));
  return {
    names: (result.ColumnMetadata ?? []).map((column) => column.name ?? ''),
    records: result.Records ?? [],
    next: result.NextToken === undefined || result.NextToken === '' ? null : result.NextToken,
  };
}

/** Every column of the stage is text or null; anything else means that a cast is missing. */
function lineOf(names: readonly string[], record: readonly Field[]): string {
  const values = names.map((name, index) => `${JSON.stringify(name)}:${fieldJson(record[index])}`);
  return `{${values.join(',')}}\n`;
}

function fieldJson(field: Field | undefined): string {
  if (field?.isNull === true) return 'null';
  if (field?.stringValue === undefined)
    throw new Fault('bug', 'stage_not_text', 'a column of the stage is not text');
  return JSON.stringify(field.stringValue);
}
