/**
 * What is frozen in the staging bucket under a run's epoch: the definition with the model's columns, the counts
 * of the extraction, and the stage. All immutable, so every repeat and every loader of the run sees the same.
 */
import { Fault } from '../core/fault.ts';
import { carriedManifestKey, countsKey, frozenDefinitionKey, stageManifestKey } from '../core/names.ts';
import { type Column, type ExtractionCounts, readUnloadManifest, type StageManifest } from '../core/stage.ts';
import { extractionCountsSchema, frozenSchema } from '../core/state-items.ts';
import type { AcceptedDefinition } from '../core/sync.ts';
import type { ObjectStore } from '../ports.ts';

export type FrozenDefinition = {
  readonly v: 1;
  readonly syncId: string;
  readonly epoch: number;
  readonly definition: AcceptedDefinition;
  readonly columns: readonly Column[];
};

/** The frozen definition of an epoch; a `bug` Fault (`frozen_missing`) when it was never written. */
export async function readFrozen(
  objects: Pick<ObjectStore, 'get'>,
  syncId: string,
  epoch: number,
): Promise<FrozenDefinition> {
  const frozen = await findFrozen(objects, syncId, epoch);
  if (frozen === undefined) throw missing('frozen_missing', frozenDefinitionKey(syncId, epoch));
  return frozen;
}

/** The same, or undefined when it was never written. */
export async function findFrozen(
  objects: Pick<ObjectStore, 'get'>,
  syncId: string,
  epoch: number,
): Promise<FrozenDefinition | undefined> {
  const text = await objects.get(frozenDefinitionKey(syncId, epoch));
  return text === undefined ? undefined : (frozenSchema.parse(JSON.parse(text)) as FrozenDefinition);
}

export async function writeFrozen(
  objects: Pick<ObjectStore, 'put'>,
  frozen: FrozenDefinition,
): Promise<void> {
  await objects.put(frozenDefinitionKey(frozen.syncId, frozen.epoch), JSON.stringify(frozen));
}

/** What an epoch sends to its account, by the verbose manifest; a `bug` Fault (`stage_missing`) when there is none. */
export async function readStageManifest(
  objects: Pick<ObjectStore, 'get' | 'keyOf'>,
  syncId: string,
  epoch: number,
  account: string,
): Promise<StageManifest> {
  const manifest = await findStageManifest(objects, syncId, epoch, account);
  if (manifest === undefined) throw missing('stage_missing', stageManifestKey(syncId, epoch, account));
  return manifest;
}

/** The same, or undefined when it was never written, or has expired. */
export const findStageManifest = (
  objects: Pick<ObjectStore, 'get' | 'keyOf'>,
  syncId: string,
  epoch: number,
  account: string,
): Promise<StageManifest | undefined> => findManifest(objects, stageManifestKey(syncId, epoch, account));

/** The carried failure records of an epoch; without a manifest there are none. */
export async function readCarriedManifest(
  objects: Pick<ObjectStore, 'get' | 'keyOf'>,
  syncId: string,
  epoch: number,
): Promise<StageManifest> {
  const manifest = await findManifest(objects, carriedManifestKey(syncId, epoch));
  return manifest ?? { files: [], rows: 0, bytes: 0 };
}

/** Counts outlive the warehouse's result (24 hours): a held run is approved days later. */
export async function findCounts(
  objects: Pick<ObjectStore, 'get'>,
  syncId: string,
  epoch: number,
): Promise<ExtractionCounts | undefined> {
  const text = await objects.get(countsKey(syncId, epoch));
  return text === undefined ? undefined : extractionCountsSchema.parse(JSON.parse(text));
}

export async function writeCounts(
  objects: Pick<ObjectStore, 'put'>,
  syncId: string,
  epoch: number,
  counts: ExtractionCounts,
): Promise<void> {
  await objects.put(countsKey(syncId, epoch), JSON.stringify(counts));
}

async function findManifest(
  objects: Pick<ObjectStore, 'get' | 'keyOf'>,
  key: string,
): Promise<StageManifest | undefined> {
  const text = await objects.get(key);
  return text === undefined ? undefined : readUnloadManifest(text, objects.keyOf);
}

function missing(code: string, key: string): Fault {
  return new Fault('bug', code, `the staging bucket has no ${key}`, {
    remedy: 'fence the run; if objects were deleted by hand or by a lifecycle rule, correct the rule',
  });
}
