/**
 * What is kept for good about an environment: who changed which definition, what people asked the engine for, what each
 * run came to. Hashes, paths, codes and counts; no value of a definition or a row, and of people only who acted.
 */
import { fingerprintOf } from './accept.ts';
import { authorOf, definitionIn } from './changed-by.ts';
import { changedPaths } from './changed-paths.ts';
import { SYNC_ID } from './names.ts';
import { plainPath } from './owner-words.ts';
import type { RunState } from './run.ts';
import type { ExtractionCounts, StageManifest } from './stage.ts';

/** One record of the definitions table's stream, read. */
export type DefinitionWrite = {
  readonly syncId: string;
  /** Grows with each write of an item; the same in every repeat of the record. */
  readonly sequence: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly before: Readonly<Record<string, unknown>> | undefined;
  readonly after: Readonly<Record<string, unknown>> | undefined;
};

/** Every verb of the api that changes something. */
export type OperationVerb = 'run' | 'approve' | 'discard' | 'pause' | 'resume';

/** What a person asked the api function for. */
export type Operation = {
  /** Of the call: CloudTrail names the same. */
  readonly requestId: string;
  readonly verb: OperationVerb;
  readonly syncId: string;
  readonly planHash?: string | undefined;
  /** Who, as the command was told by STS; null when the caller did not say. */
  readonly by: string | null;
  readonly at: number;
};

/** What the api function answered. */
export type OperationAnswer = {
  readonly ok: boolean;
  readonly code?: string | undefined;
  readonly epoch?: number | undefined;
};

export type AuditRecord = Readonly<Record<string, unknown>> & { readonly kind: string };

/** The item that people write was created, changed or deleted; undefined for a write that changed nothing of it. */
export function definitionRecord(environment: string, write: DefinitionWrite): AuditRecord | undefined {
  const [before, after] = [write.before, write.after].map((item) =>
    item === undefined ? undefined : definitionIn(item),
  );
  const [hashBefore, hashAfter] = [before, after].map((one) =>
    one === undefined ? null : fingerprintOf(one),
  );
  if (hashBefore === hashAfter) return undefined;
  const change = before === undefined ? 'created' : after === undefined ? 'deleted' : 'changed';
  const fields = change === 'changed' ? changedPaths(before, after) : { paths: [], isPartial: false };
  const author = write.after === undefined ? undefined : authorOf(write.before, write.after);
  return {
    ...head('definition', environment, write),
    change,
    before: hashBefore,
    after: hashAfter,
    fields: fields.paths,
    isPartial: fields.isPartial,
    by: author === undefined ? null : { principal: author.principal, at: iso(author.at) },
  };
}

export type DefinitionAnswer = {
  readonly state: string;
  readonly version: number;
  readonly answers: string;
  readonly faults: readonly { readonly path: string; readonly code: string }[];
};

/** What the engine made of a definition; `answers` is the hash of the definition that it is about. */
export function answerRecord(
  environment: string,
  write: Omit<DefinitionWrite, 'before' | 'after'>,
  { state, version, answers, faults }: DefinitionAnswer,
): AuditRecord {
  const told = faults.map(({ path, code }) => ({ path: plainPath(path), code }));
  return { ...head('definition_answer', environment, write), state, version, answers, faults: told };
}

export function operationRecord(
  environment: string,
  { at, ...operation }: Operation,
  answer: OperationAnswer | undefined,
): AuditRecord {
  const kind = answer === undefined ? 'operation_asked' : 'operation_answered';
  return { v: 1, kind, environment, ...operation, at: iso(at), ...answer };
}

/** A run that has ended; one without a result was overtaken before anybody wrote it down. */
export function runRecord(
  environment: string,
  run: Pick<RunState, 'syncId' | 'epoch' | 'definitionVersion' | 'statementId' | 'sealed' | 'result'>,
  {
    definitionHash,
    manifest,
  }: { readonly definitionHash: string | null; readonly manifest: StageManifest | undefined },
): AuditRecord {
  const { syncId, epoch, definitionVersion, statementId, sealed, result } = run;
  const extraction = result?.extraction ?? sealed?.counts;
  return {
    ...{ v: 1, kind: 'run', environment, syncId, epoch },
    ended: result?.ended ?? 'unrecorded',
    ...(result?.code === undefined ? {} : { code: result.code }),
    ...(result === undefined ? {} : { at: iso(result.at) }),
    definition: { version: definitionVersion, hash: definitionHash },
    ...(statementId === undefined ? {} : { statementId }),
    ...(result?.counts === undefined ? {} : { counts: result.counts }),
    ...(extraction === undefined ? {} : { extraction: withoutValues(extraction) }),
    ...(sealed === undefined ? {} : { stage: { bytes: sealed.cut.totalBytes, batches: sealed.cut.batches } }),
    ...(manifest === undefined ? {} : { manifest }),
    ...(result?.failures === undefined ? {} : { failures: result.failures }),
  };
}

/** The cursor's upper bound is a value of the model. */
function withoutValues({ hi: _, ...counts }: ExtractionCounts): object {
  return counts;
}

/** A name that is no sync id could be anything. */
const head = (
  kind: string,
  environment: string,
  { syncId, sequence, at }: Omit<DefinitionWrite, 'before' | 'after'>,
) => ({
  ...{ v: 1, kind, environment },
  syncId: SYNC_ID.test(syncId) ? syncId : null,
  ...{ at: iso(at), sequence },
});

const iso = (ms: number): string => new Date(ms).toISOString();
