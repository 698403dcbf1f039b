/**
 * What an operator asks for, by name: `{ verb, syncId?, planHash? }`, or `{ verb: check, syncIds? }`. Refusals are
 * data, since they are answers and not errors of the function. Who may ask is decided by `lambda:InvokeFunction` on it.
 */
import * as z from 'zod';
import { principalSchema } from '../shared/core/changed-by.ts';
import { asFault } from '../shared/core/fault.ts';
import { CHECK_MODELS_MAX } from '../shared/core/limits.ts';
import { SYNC_ID } from '../shared/core/names.ts';
import type { RunCode } from '../shared/core/run-codes.ts';
import { approveHold } from '../shared/engine/approve-hold.ts';
import { checkModels, checkWarehouse } from '../shared/engine/check-warehouse.ts';
import { discardHold } from '../shared/engine/discard-hold.ts';
import { pauseSync } from '../shared/engine/pause-sync.ts';
import { resumeSync } from '../shared/engine/resume-sync.ts';
import { startRun } from '../shared/engine/start-run.ts';
import { syncStatus } from '../shared/engine/sync-status.ts';
import { type ApiAnswer, refusal } from './api-answers.ts';
import { audited } from './audited.ts';
import { type Call, entry } from './entry.ts';
import { commonPorts, definitionsPort, probePort, queuePort, warehousePort } from './runtime.ts';
import { traced } from './traced.ts';

const syncId = z.string().regex(SYNC_ID);
const planHash = z.string().regex(/^[0-9a-f]{8,64}$/);
/** Who asks, as the caller says: Lambda does not tell a function who invoked it. Kept by the audit. */
const by = principalSchema.optional();

export const requestSchema = z.discriminatedUnion('verb', [
  z.strictObject({ verb: z.literal('run'), syncId, by }),
  z.strictObject({ verb: z.literal('status'), syncId: syncId.optional() }),
  z.strictObject({ verb: z.literal('approve'), syncId, planHash, by }),
  z.strictObject({ verb: z.literal('discard'), syncId, planHash: planHash.optional(), by }),
  z.strictObject({ verb: z.literal('pause'), syncId, by }),
  z.strictObject({ verb: z.literal('resume'), syncId, by }),
  z.strictObject({ verb: z.literal('check'), syncIds: z.array(syncId).max(CHECK_MODELS_MAX).optional() }),
]);
export type ApiRequest = z.infer<typeof requestSchema>;

const ports = () => ({
  ...commonPorts(),
  definitions: definitionsPort(),
  queue: queuePort(),
  warehouse: warehousePort(),
  probe: probePort(),
});
type ApiPorts = ReturnType<typeof ports>;

export const handler = entry(ports, async (built, event: unknown, call): Promise<ApiAnswer> => {
  const request = requestSchema.safeParse(event);
  if (!request.success) return refusal(invalidBecause(request.error));
  try {
    const { verb, ...rest } = request.data;
    const about = 'syncId' in rest && rest.syncId !== undefined ? { verb, syncId: rest.syncId } : { verb };
    return await traced(built.telemetry, 'api', about, () => recorded(built, request.data, call));
  } catch (error) {
    const fault = asFault(error);
    built.telemetry.failed(fault);
    return { ok: false, code: fault.code, message: fault.message, remedy: fault.remedy ?? 'Try again.' };
  }
});

/** A hash that is none is not the held plan's either; anything else that is wrong is no request of ours. */
export function invalidBecause({
  issues,
}: z.ZodError): 'another_plan' | 'sync_id_invalid' | 'request_invalid' {
  if (issues.every(({ path }) => path[0] === 'planHash')) return 'another_plan';
  return issues.every(({ path }) => path[0] === 'syncId') ? 'sync_id_invalid' : 'request_invalid';
}

const recorded = (built: ApiPorts, request: ApiRequest, call: Call): Promise<ApiAnswer> =>
  audited(built, request, call.requestId, () => answerTo(built, request, call));

async function answerTo(built: ApiPorts, request: ApiRequest, call: Call): Promise<ApiAnswer> {
  const { signal, requestId: owner } = call;
  switch (request.verb) {
    case 'run':
      return told(await startRun(built, { ...request, scheduledAt: built.clock.now(), owner, force: true }));
    case 'status':
      return { ok: true, syncs: await syncStatus(built, given('syncId', request.syncId)) };
    case 'approve':
      return told(await approveHold(built, { ...request, signal }));
    case 'discard':
      return told(
        await discardHold(built, { syncId: request.syncId, ...given('planHash', request.planHash) }),
      );
    case 'pause':
      return told(await pauseSync(built, { ...request, code: 'paused_by_operator' satisfies RunCode }));
    case 'resume':
      return told(await resumeSync(built, request));
    case 'check':
      return { ok: true, now: built.clock.now(), findings: await checked(built, request.syncIds) };
  }
}

const checked = (built: ApiPorts, syncIds: readonly string[] | undefined) =>
  syncIds === undefined ? checkWarehouse(built) : checkModels(built, syncIds);

type Result = { readonly is: string; readonly code?: string };

function told(result: Result): ApiAnswer {
  return result.is === 'refused' || result.is === 'failed'
    ? refusal(result.code ?? result.is)
    : { ok: true, ...result };
}

const given = <Name extends string>(name: Name, value: string | undefined): Partial<Record<Name, string>> =>
  value === undefined ? {} : ({ [name]: value } as Record<Name, string>);
