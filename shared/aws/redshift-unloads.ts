/**
 * The stage that UNLOAD left: the two verbose manifests, read and held against the counts of the same transaction.
 */
import { Fault } from '../core/fault.ts';
import { carriedManifestKey, stageManifestKey } from '../core/names.ts';
import { type ExtractionCounts, readUnloadManifest, type StageManifest } from '../core/stage.ts';
import type { ExtractionRequest, ObjectStore } from '../ports.ts';

export type Staged = { readonly stage: StageManifest; readonly carried: StageManifest };

/** Throws `bug` Faults: `stage_missing`, `stage_miscounted`. */
export async function unloadedStage(
  objects: ObjectStore,
  request: ExtractionRequest,
  counts: ExtractionCounts,
): Promise<Staged> {
  const { syncId, destination } = request.definition.sync;
  const stageKey = stageManifestKey(syncId, request.epoch, destination.account);
  const stage = await manifestAt(objects, stageKey, counts.extracted);
  const carried = await manifestAt(objects, carriedManifestKey(syncId, request.epoch), counts.carried);
  return { stage, carried };
}

/** An UNLOAD of no rows may leave nothing at all; an empty manifest then stands for it. */
async function manifestAt(objects: ObjectStore, key: string, rows: number): Promise<StageManifest> {
  const text = await objects.get(key);
  if (text !== undefined) return counted(readUnloadManifest(text, objects.keyOf), rows);
  if (rows > 0) throw new Fault('bug', 'stage_missing', `${key} is not there, ${rows} rows were counted`);
  const nothing: StageManifest = { files: [], rows: 0, bytes: 0 };
  await objects.put(key, manifestText(objects, nothing));
  return nothing;
}

/** A manifest must have as many rows as the same transaction counted. */
export function counted(manifest: StageManifest, rows: number): StageManifest {
  if (manifest.rows === rows) return manifest;
  throw new Fault('bug', 'stage_miscounted', `the stage has ${manifest.rows} rows, ${rows} were counted`);
}

/** The same document as UNLOAD's, as far as it is read. */
export function manifestText(objects: ObjectStore, manifest: StageManifest): string {
  const entries = manifest.files.map(({ key, bytes, rows }) => {
    return { url: objects.url(key), meta: { content_length: bytes, record_count: rows } };
  });
  return JSON.stringify({ entries, meta: { content_length: manifest.bytes, record_count: manifest.rows } });
}
