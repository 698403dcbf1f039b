/**
 * Writes audit records, each once: its name is made of what it is about, so a repeat finds it there. Nothing here is
 * told to anybody and nothing depends on it, so writing a record never leads to another.
 */
import { fingerprintOf } from '../core/accept.ts';
import {
  type AuditRecord,
  answerRecord,
  type DefinitionAnswer,
  type DefinitionWrite,
  definitionRecord,
  type Operation,
  type OperationAnswer,
  operationRecord,
  runRecord,
} from '../core/audit-record.ts';
import { auditDefinitionKey, auditOperationKey, auditRunKey } from '../core/names.ts';
import type { AuditLog, Ports } from '../ports.ts';
import { type FrozenDefinition, findFrozen, findStageManifest } from './frozen.ts';
import { readRun } from './sync-state.ts';

export type AuditPorts = Pick<Ports, 'state' | 'telemetry'> & {
  readonly audit: AuditLog;
  readonly objects: Pick<Ports['objects'], 'get' | 'keyOf'>;
  readonly environment: string;
};

/** A person, or something that a person runs, has written a definition. Throws Faults of the ports: repeat. */
export async function auditDefinition(ports: AuditPorts, write: DefinitionWrite): Promise<void> {
  const record = definitionRecord(ports.environment, write);
  if (record === undefined) return;
  await keep(ports, auditDefinitionKey(write.syncId, write.sequence, 'written'), record);
}

/** The engine has accepted or refused a definition, or noted that it is gone; a repeat of the same answer is none. */
export async function auditAnswer(
  ports: AuditPorts,
  write: Omit<DefinitionWrite, 'before' | 'after'>,
  before: DefinitionAnswer | undefined,
  after: DefinitionAnswer,
): Promise<void> {
  const said = ({ state, version, answers }: DefinitionAnswer): string => `${state} ${version} ${answers}`;
  if (before !== undefined && said(before) === said(after)) return;
  const record = answerRecord(ports.environment, write, after);
  await keep(ports, auditDefinitionKey(write.syncId, write.sequence, after.state), record);
}

/** Somebody asked the engine for something, or was answered. */
export async function auditOperation(
  ports: AuditPorts,
  operation: Operation,
  answer?: OperationAnswer,
): Promise<void> {
  const key = auditOperationKey(operation.syncId, operation, answer === undefined ? 'asked' : 'answered');
  await keep(ports, key, operationRecord(ports.environment, operation, answer));
}

/**
 * What a run came to. `isOver`: later runs have ended since, so one without a result will never have one.
 * Gives false for a run that has not ended yet.
 */
export async function auditRun(
  ports: AuditPorts,
  {
    syncId,
    epoch,
    isOver = false,
  }: { readonly syncId: string; readonly epoch: number; readonly isOver?: boolean },
): Promise<boolean> {
  const run = await readRun(ports.state, syncId, epoch);
  if (run?.result === undefined && !isOver) return false;
  const frozen = await findFrozen(ports.objects, syncId, epoch);
  const definitionVersion = frozen?.definition.version ?? 0;
  const record = runRecord(ports.environment, run ?? { syncId, epoch, definitionVersion }, {
    definitionHash: frozen === undefined ? null : fingerprintOf(frozen.definition.sync),
    manifest: frozen === undefined ? undefined : await stageOf(ports, frozen),
  });
  await keep(ports, auditRunKey(syncId, epoch), record);
  return true;
}

/** It expires with the run's objects; what was staged is to be known for longer. */
const stageOf = ({ objects }: AuditPorts, { syncId, epoch, definition }: FrozenDefinition) =>
  findStageManifest(objects, syncId, epoch, definition.sync.destination.account);

async function keep(ports: AuditPorts, key: string, record: AuditRecord): Promise<void> {
  const is = await ports.audit.put(key, `${JSON.stringify(record)}\n`);
  const syncId = typeof record.syncId === 'string' ? record.syncId : null;
  const run = typeof record.epoch === 'number' ? { epoch: record.epoch } : {};
  ports.telemetry.log('info', 'audited', { syncId, ...run, kind: record.kind, is });
}
