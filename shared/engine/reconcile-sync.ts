/**
 * A definition item was written or deleted: check it, accept it, and bring schedule and state in line. A definition
 * that cannot work is refused where its author sees it, and the last good version keeps running.
 */
import { acceptDefinition, fingerprintOf } from '../core/accept.ts';
import { type DefinitionFault, Fault } from '../core/fault.ts';
import { type RunCode, runCodeFacts } from '../core/run-codes.ts';
import type { AcceptedDefinition, Sync } from '../core/sync.ts';
import { parseSync } from '../core/sync-rules.ts';
import { modelFaults } from '../warehouse/model-sql.ts';
import { announce } from './announce.ts';
import { type DeletePorts, deleteSync } from './delete-sync.ts';
import { fenceRun } from './fence-run.ts';
import { resumeSync } from './resume-sync.ts';
import { readSync } from './sync-state.ts';

export type ReconcileInput = {
  readonly syncId: string;
  /** What the destination's own schema says of the definition's target; none when it is not asked. */
  readonly targetFaults?: (sync: Sync) => readonly DefinitionFault[];
};

export type ReconcileResult =
  | { readonly is: 'accepted'; readonly version: number }
  | { readonly is: 'refused'; readonly faults: readonly DefinitionFault[] }
  | { readonly is: 'deleted' };

/** Untrusted. */
type Written = Readonly<Record<string, unknown>>;

/** Throws what the ports threw, and a transient Fault when another writer was quicker: repeat. */
export async function reconcileSync(ports: DeletePorts, input: ReconcileInput): Promise<ReconcileResult> {
  const { syncId } = input;
  const written = await ports.definitions.written(syncId);
  if (written === undefined) {
    await deleteSync(ports, { syncId });
    return { is: 'deleted' };
  }
  const previous = await ports.definitions.accepted(syncId);
  const checked = check(ports, input, written);
  if (!checked.ok) return refuse(ports, syncId, written, previous, checked.faults);
  return accept(ports, syncId, written, previous, checked.sync);
}

function check(
  ports: DeletePorts,
  { syncId, targetFaults }: ReconcileInput,
  written: Written,
):
  | { readonly ok: true; readonly sync: Sync }
  | { readonly ok: false; readonly faults: readonly DefinitionFault[] } {
  const { accounts, personalColumns = [] } = ports.settings;
  const parsed = parseSync(written, { accounts: Object.keys(accounts), personalColumns });
  if (!parsed.ok) return parsed;
  const faults = [...modelFaults(parsed.sync), ...(targetFaults?.(parsed.sync) ?? [])];
  if (parsed.sync.syncId !== syncId) faults.push(misnamed(syncId));
  return faults.length > 0 ? { ok: false, faults } : parsed;
}

const misnamed = (syncId: string): DefinitionFault => ({
  path: 'syncId',
  code: 'sync_id_mismatch',
  message: 'the item is stored under another syncId than it names',
  remedy: `write syncId: ${syncId}`,
});

async function refuse(
  ports: DeletePorts,
  syncId: string,
  written: Written,
  previous: AcceptedDefinition | undefined,
  faults: readonly DefinitionFault[],
): Promise<ReconcileResult> {
  const version = previous?.version ?? 0;
  const answers = fingerprintOf(written);
  await ports.definitions.setStatus(syncId, {
    state: 'refused',
    version,
    at: ports.clock.now(),
    answers,
    faults,
  });
  const told = faults.map(({ path, code, message, remedy }) => ({ path, code, message, remedy }));
  await announce(ports, 'Definition Refused', { syncId, version, faults: told });
  return { is: 'refused', faults };
}

async function accept(
  ports: DeletePorts,
  syncId: string,
  written: Written,
  previous: AcceptedDefinition | undefined,
  sync: Sync,
): Promise<ReconcileResult> {
  const next = acceptDefinition(sync, previous);
  const isNew = next !== previous;
  if (isNew && !(await ports.definitions.accept(syncId, next))) {
    throw new Fault('transient', 'definition_contended', 'another writer has stored a newer version');
  }
  await ports.schedules.put(syncId, sync.schedule, sync.enabled);
  if (!sync.enabled) await stopDisabled(ports, syncId);
  await resumeMended(ports, syncId, next.version);
  const { version } = next;
  const answers = fingerprintOf(written);
  const at = ports.clock.now();
  // Whoever was told of the refusal is told of its end, also when the edit was only taken back.
  const afterRefusal = (await ports.definitions.status(syncId))?.state === 'refused';
  await ports.definitions.setStatus(syncId, { state: 'accepted', version, at, answers, faults: [] });
  if (isNew || afterRefusal) {
    await announce(ports, 'Definition Accepted', {
      syncId,
      version,
      ...(afterRefusal ? { afterRefusal } : {}),
    });
  }
  return { is: 'accepted', version };
}

async function stopDisabled(ports: DeletePorts, syncId: string): Promise<void> {
  const sync = await readSync(ports.state, syncId);
  if (sync === undefined || sync.phase === 'idle') return;
  await fenceRun(ports, { syncId, epoch: sync.epoch, code: 'definition_disabled' satisfies RunCode });
}

/** Paused by the engine for a reason that a new version may have mended; a person's pause waits for a person. */
async function resumeMended(ports: DeletePorts, syncId: string, version: number): Promise<void> {
  const sync = await readSync(ports.state, syncId);
  const { paused } = sync ?? {};
  if (paused === undefined || runCodeFacts(paused.code)?.isMendedByEdit !== true) return;
  if (version > paused.definitionVersion) await resumeSync(ports, { syncId });
}
