/**
 * From a checked definition to the accepted one that runs are frozen from: its version, and the two fingerprints
 * that decide what an edit means (rows mapped anew, or everything afresh).
 */
import { hash } from 'node:crypto';
import { canonicalJson } from './canonical-json.ts';
import { matchColumns, stagedColumns } from './staged-columns.ts';
import { type AcceptedDefinition, removedPolicy, type Sync } from './sync.ts';

/** Grows when the same definition would map the same row to other values; every sync then sends all rows again. */
const MAPPING_FORMAT = 1;

/**
 * Takes a sync that `parseSync` gave and the version that runs now, if any; gives the next version, or `previous`
 * itself when nothing changed, so that writing the same item twice is not an edit.
 */
export function acceptDefinition(sync: Sync, previous: AcceptedDefinition | undefined): AcceptedDefinition {
  const next: AcceptedDefinition = {
    sync,
    version: (previous?.version ?? 0) + 1,
    mappingVersion: mappingVersionOf(sync),
    generation: generationOf(sync),
  };
  if (previous === undefined) return next;
  const same =
    previous.mappingVersion === next.mappingVersion &&
    previous.generation === next.generation &&
    canonicalJson(previous.sync) === canonicalJson(sync);
  return same ? previous : next;
}

/** Sha-256, hex, of the canonical JSON of any value, trusted or not. */
export function fingerprintOf(value: unknown): string {
  return hash('sha256', canonicalJson(value), 'hex');
}

/** The mode is part of it: a row that one mode refused or skipped is another's to send. */
function mappingVersionOf({ fields, nulls, destination }: Sync): string {
  return fingerprintOf({ format: MAPPING_FORMAT, fields, nulls, mode: destination.mode });
}

/** What makes old watermarks and snapshots meaningless: another key, another way of change, another place. */
function generationOf(sync: Sync): string {
  const { changes, primaryKey } = sync.model;
  const { account, object, options, matchOn } = sync.destination;
  const columns = stagedColumns(sync);
  return fingerprintOf({
    primaryKey,
    changes: changes.by === 'cursor' ? { by: changes.by, column: changes.column } : { by: changes.by },
    removals: removedPolicy(sync) !== 'ignore',
    place: { account, object, options, matchOn },
    match: matchColumns(sync).map((index) => columns[index]),
  });
}
