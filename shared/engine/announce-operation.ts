/**
 * Tells the audit what a person asks for, before it is done and after. What sends data is not done unless the first
 * was taken; what stops something is done all the same, since at that moment stopping matters more than the record.
 */
import type { Operation, OperationAnswer, OperationVerb } from '../core/audit-record.ts';
import { asFault, Fault } from '../core/fault.ts';
import type { EngineEvent, Ports } from '../ports.ts';
import { announce } from './announce.ts';

type AnnouncePorts = Pick<Ports, 'events' | 'telemetry'>;

const STOPS: readonly OperationVerb[] = ['pause', 'discard'];

/** Throws a `transient` Fault `audit_unavailable`: nothing has been done. */
export async function announceAsked(ports: AnnouncePorts, operation: Operation): Promise<void> {
  try {
    await ports.events.publish({ type: 'Operator Asked', detail: detailOf(operation) });
  } catch (error) {
    const { verb, syncId } = operation;
    ports.telemetry.log('error', 'audit_unavailable', { verb, syncId, fault: asFault(error).code });
    if (STOPS.includes(verb)) return;
    throw new Fault('transient', 'audit_unavailable', 'it could not be recorded who asks for this', {
      remedy: 'Try again; nothing has been done. Pausing and discarding work without the record.',
      cause: error,
    });
  }
}

export async function announceAnswered(
  ports: AnnouncePorts,
  operation: Operation,
  answer: OperationAnswer,
): Promise<void> {
  const { ok, code, epoch } = answer;
  await announce(ports, 'Operator Answered', {
    ...detailOf(operation),
    ok,
    ...(code === undefined ? {} : { code }),
    ...(epoch === undefined ? {} : { epoch }),
  });
}

function detailOf({ planHash, ...operation }: Operation): EngineEvent['detail'] {
  return planHash === undefined ? operation : { ...operation, planHash };
}
