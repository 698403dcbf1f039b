/**
 * The warehouse has finished (or failed): guards, then batches. Called by the warehouse's event, which may come
 * twice, late or never, by the sweep, and by retries of either; each finds where the run stands and goes on there.
 *
 *   extracting: fetch counts and stage, guard; hold, or send
 *   loading, unsealed: a fan-out died half-way; send the same messages again and seal
 *   held, sealed, idle, another epoch: nothing to do
 */
import { asFault, Fault } from '../core/fault.ts';
import { SUBMIT_REPEAT_MS_MAX } from '../core/limits.ts';
import { runKey } from '../core/names.ts';
import type { SyncState } from '../core/run.ts';
import type { RunCode } from '../core/run-codes.ts';
import type { ExtractionCounts, StageManifest } from '../core/stage.ts';
import type { ExtractionRequest, Ports } from '../ports.ts';
import { extractionRequest, failRun } from './begin-extraction.ts';
import { fenceRun } from './fence-run.ts';
import { finishRun } from './finish-run.ts';
import { type FrozenDefinition, findCounts, readFrozen, readStageManifest, writeCounts } from './frozen.ts';
import { holdReasons } from './guards.ts';
import { holdRun } from './hold-run.ts';
import { keepKnownWords } from './known-words.ts';
import { planHashOf } from './plan-hash.ts';
import { accountOf, type SendRunPorts, sendRun } from './send-run.ts';
import { type RunRecord, readRun, readSync } from './sync-state.ts';

export type FanOutPorts = SendRunPorts & Pick<Ports, 'warehouse'>;

export type FanOutInput = {
  readonly syncId: string;
  readonly epoch: number;
  readonly statement: 'finished' | 'failed' | 'aborted';
  /** As the event names it; an event of another statement of this epoch (a part of the batch) is ignored. */
  readonly statementId?: string;
  /** The warehouse's words; what is quoted in them is kept only where the definition says it too. */
  readonly reason?: string;
  readonly signal: AbortSignal;
};

export type FanOutResult =
  | { readonly is: 'loading' | 'held' | 'committed' | 'stale' }
  | { readonly is: 'failed' | 'fenced'; readonly code: string };

/** Throws transient Faults: repeat. A fault that a repeat cannot mend ends the run as failed. */
export async function fanOut(ports: FanOutPorts, input: FanOutInput): Promise<FanOutResult> {
  const sync = await readSync(ports.state, input.syncId);
  if (sync === undefined || sync.epoch !== input.epoch) return { is: 'stale' };
  if (sync.phase === 'idle') return { is: 'stale' };
  if (sync.phase === 'held') return { is: 'held' };
  const run = await readRun(ports.state, input.syncId, input.epoch);
  if (sync.phase === 'loading') return repeat(ports, sync, run, input);
  if (isForeign(run, input)) return { is: 'stale' };
  const { startedAt = ports.clock.now() } = sync;
  ports.telemetry.count('extraction_ms', ports.clock.now() - startedAt);
  if (input.statement !== 'finished') return statementFailed(ports, sync, run, input);
  try {
    return await guardAndSend(ports, sync, run, input);
  } catch (error) {
    const fault = asFault(error);
    if (fault.kind === 'transient') throw fault;
    // Whatever an abort made of it: pages that are written already are not read again by the repeat.
    if (input.signal.aborted) throw outOfTime(fault);
    const failed = await failRun(ports, sync, fault);
    return failed ? { is: 'failed', code: fault.code } : { is: 'stale' };
  }
}

const outOfTime = (cause: Fault): Fault =>
  new Fault('transient', 'out_of_time', 'the fan-out ran out of time', { cause });

/** The event of a part of the batch (`<id>:<place>`), or of another execution. */
function isForeign(run: RunRecord | undefined, input: FanOutInput): boolean {
  if (input.statementId?.includes(':') === true) return true;
  if (run?.statementId === undefined || input.statementId === undefined) return false;
  return run.statementId !== input.statementId;
}

async function statementFailed(
  ports: FanOutPorts,
  sync: SyncState,
  run: RunRecord | undefined,
  input: FanOutInput,
): Promise<FanOutResult> {
  const frozen = await readFrozen(ports.objects, sync.syncId, sync.epoch);
  const words = input.reason ?? (await reasonOf(ports, run?.statementId ?? input.statementId));
  const said = keepKnownWords(words, JSON.stringify(frozen.definition.sync));
  const code: RunCode = input.statement === 'aborted' ? 'statement_aborted' : 'statement_failed';
  const failed = await failRun(ports, sync, new Fault('transient', code, said === '' ? code : said));
  return failed ? { is: 'failed', code } : { is: 'stale' };
}

/** The event does not say why. An answer that does not come must not keep the run from ending. */
async function reasonOf(ports: FanOutPorts, statementId: string | undefined): Promise<string> {
  if (statementId === undefined) return '';
  try {
    return (await ports.warehouse.status(statementId)).reason ?? '';
  } catch {
    return '';
  }
}

async function guardAndSend(
  ports: FanOutPorts,
  sync: SyncState,
  run: RunRecord | undefined,
  input: FanOutInput,
): Promise<FanOutResult> {
  const { syncId, epoch } = sync;
  const frozen = await readFrozen(ports.objects, syncId, epoch);
  const account = accountOf(ports.settings, frozen.definition.sync.destination.account);
  const { counts, stage } = await fetchStage(ports, sync, frozen, run, input);
  if (stage.rows !== counts.extracted) return miscounted(ports, sync);
  const { sync: definition, version: definitionVersion } = frozen.definition;
  const reasons = holdReasons({ definition, counts, lastCount: sync.lastCount, account });
  if (reasons.length > 0) {
    const planHash = planHashOf({ definitionVersion, epoch, counts, stage });
    return (await holdRun(ports, sync, { planHash, reasons }, counts)) ? { is: 'held' } : { is: 'stale' };
  }
  return sendRun(ports, { sync, account, counts, stage }, input.signal);
}

async function miscounted(ports: FanOutPorts, sync: SyncState): Promise<FanOutResult> {
  const { syncId, epoch } = sync;
  const code = 'stage_miscounted' satisfies RunCode;
  await fenceRun(ports, { syncId, epoch, code, pause: true });
  return { is: 'fenced', code };
}

async function fetchStage(
  ports: FanOutPorts,
  sync: SyncState,
  frozen: FrozenDefinition,
  run: RunRecord | undefined,
  input: FanOutInput,
): Promise<{ readonly counts: ExtractionCounts; readonly stage: StageManifest }> {
  const request = extractionRequest(sync, frozen);
  const statementId = run?.statementId ?? input.statementId ?? (await submittedAgain(ports, sync, request));
  const counts = await ports.warehouse.counts(statementId, request);
  const { stage } = await ports.warehouse.stage(statementId, request, counts, input.signal);
  await writeCounts(ports.objects, sync.syncId, sync.epoch, counts);
  return { counts, stage };
}

/** Start-run died before it could note the statement: a repeated submit gives the same one, while it is young. */
async function submittedAgain(
  ports: FanOutPorts,
  sync: SyncState,
  request: ExtractionRequest,
): Promise<string> {
  if (ports.clock.now() - (sync.startedAt ?? 0) > SUBMIT_REPEAT_MS_MAX) {
    throw new Fault('bug', 'statement_not_noted', 'the run has no statement id, and is too old to ask again');
  }
  const { statementId } = await ports.warehouse.submit(request);
  const { version: definitionVersion } = request.definition;
  await ports.state.update(runKey(sync.syncId, sync.epoch), { set: { statementId, definitionVersion } });
  return statementId;
}

/** Guards have passed and something may have been sent: never back, only on. */
async function repeat(
  ports: FanOutPorts,
  sync: SyncState,
  run: RunRecord | undefined,
  input: FanOutInput,
): Promise<FanOutResult> {
  const { syncId, epoch } = sync;
  if (run?.sealed !== undefined) return finishRun(ports, { syncId, epoch });
  const counts = await findCounts(ports.objects, syncId, epoch);
  if (counts === undefined) throw new Fault('bug', 'counts_missing', 'a loading run has no counts');
  const frozen = await readFrozen(ports.objects, syncId, epoch);
  const account = accountOf(ports.settings, frozen.definition.sync.destination.account);
  const stage = await readStageManifest(ports.objects, syncId, epoch, account.name);
  return sendRun(ports, { sync, account, counts, stage }, input.signal);
}
