/**
 * Freezes the definition under the epoch and submits the extraction. No function waits for it: the warehouse's
 * event, or the sweep, brings the run to the fan-out.
 *
 * Repeatable: a definition that is frozen already is taken as it is, and a repeated submit gives the same statement.
 * A fault ends the run as failed. Nothing was sent, so nothing is dirty.
 */
import { asFault, Fault } from '../core/fault.ts';
import { runKey } from '../core/names.ts';
import { requireColumns } from '../core/needed-columns.ts';
import type { SyncState } from '../core/run.ts';
import type { Column } from '../core/stage.ts';
import type { AcceptedDefinition } from '../core/sync.ts';
import type { ExtractionRequest, Ports } from '../ports.ts';
import { type EndPorts, endRun } from './end-run.ts';
import { type FrozenDefinition, findFrozen, writeFrozen } from './frozen.ts';
import { readRun } from './sync-state.ts';

export type ExtractionPorts = EndPorts & Pick<Ports, 'objects' | 'warehouse'>;

export type ExtractionBegun =
  | { readonly is: 'started'; readonly epoch: number }
  | { readonly is: 'failed'; readonly epoch: number; readonly code: string };

export async function beginExtraction(
  ports: ExtractionPorts,
  sync: SyncState,
  definition: AcceptedDefinition,
): Promise<ExtractionBegun> {
  const { syncId, epoch } = sync;
  const submitted = await submit(ports, sync, definition);
  if (submitted instanceof Fault) {
    await failRun(ports, sync, submitted);
    return { is: 'failed', epoch, code: submitted.code };
  }
  await ports.state.update(runKey(syncId, epoch), { set: submitted });
  return { is: 'started', epoch };
}

/** What the warehouse is asked; the same for every repeat, since SYNC does not change while the epoch is active. */
export function extractionRequest(sync: SyncState, frozen: FrozenDefinition): ExtractionRequest {
  const { epoch, watermark, snapshotEpoch, failures, dirty } = sync;
  const { definition, columns } = frozen;
  return { definition, epoch, columns, watermark, snapshotEpoch, failures, dirty };
}

/** Ends a run that a fault stopped before anything was sent; false when it has moved on meanwhile. */
export async function failRun(ports: EndPorts, sync: SyncState, fault: Fault): Promise<boolean> {
  // A config fault waits for its owner, so the next tick is soon enough. Anything else may pass by itself.
  const notBefore = fault.kind === 'config' ? sync.notBefore : ports.clock.now() + ports.settings.graceMs;
  const ended = { ended: 'failed', code: fault.code, reason: fault.message, notBefore } as const;
  if (!(await endRun(ports, sync, ended))) return false;
  if (fault.kind === 'bug') await logBug(ports, sync, fault.code);
  return true;
}

/** Of a run that ended so. One that others had ended before may have met what they left: that is no error of ours. */
async function logBug(ports: EndPorts, { syncId, epoch }: SyncState, code: string): Promise<void> {
  const run = await readRun(ports.state, syncId, epoch);
  if (run?.result?.code === code) ports.telemetry.log('error', code, { syncId, epoch });
}

type Submitted = { readonly statementId: string; readonly definitionVersion: number };

async function submit(
  ports: ExtractionPorts,
  sync: SyncState,
  definition: AcceptedDefinition,
): Promise<Submitted | Fault> {
  try {
    const frozen = await freeze(ports, sync, definition);
    const { statementId } = await ports.warehouse.submit(extractionRequest(sync, frozen));
    return { statementId, definitionVersion: frozen.definition.version };
  } catch (error) {
    return asFault(error);
  }
}

async function freeze(
  ports: ExtractionPorts,
  sync: SyncState,
  definition: AcceptedDefinition,
): Promise<FrozenDefinition> {
  const { syncId, epoch } = sync;
  const found = await findFrozen(ports.objects, syncId, epoch);
  if (found !== undefined) return found;
  if (definition.generation !== sync.generation) {
    throw new Fault('transient', 'definition_changed', 'the definition changed while the run was starting');
  }
  const columns = await columnsOf(ports, sync, definition);
  requireColumns(definition.sync, columns);
  const frozen: FrozenDefinition = { v: 1, syncId, epoch, definition, columns };
  await writeFrozen(ports.objects, frozen);
  return frozen;
}

/** Asked once per definition, and again after a run that did not commit: the model may have changed under it. */
async function columnsOf(
  ports: ExtractionPorts,
  sync: SyncState,
  definition: AcceptedDefinition,
): Promise<readonly Column[]> {
  const { sql } = definition.sync.model;
  const lastCommitted = sync.epoch > 1 && sync.snapshotEpoch === sync.epoch - 1;
  const last = lastCommitted ? await findFrozen(ports.objects, sync.syncId, sync.snapshotEpoch) : undefined;
  const same = last?.definition.version === definition.version && last.definition.sync.model.sql === sql;
  return last !== undefined && same ? last.columns : ports.warehouse.describe(sql);
}
