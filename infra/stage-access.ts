/**
 * Who may touch which objects of a run, by use case. One way only: who extracts reads manifests and never the rows that
 * it staged; who loads reads definition and stage and writes failures and nothing else; nobody deletes, who finishes
 * marks what may expire.
 */
import type { Environment } from './settings.ts';

export type StageAccess = {
  readonly read: readonly string[];
  readonly write: readonly string[];
  /** Objects that may be marked as superseded, so that they expire. */
  readonly mark?: readonly string[];
};

const DEFINITION = 'runs/*/definition.json';
const COUNTS = 'runs/*/counts.json';
const STAGE_MANIFEST = 'runs/*/stage/*/manifest';
const CARRIED_MANIFEST = 'kept/*/carried/manifest';
const FAILURE_MANIFEST = 'kept/*/failures.*.manifest';
const STAGE = 'runs/*/stage/*';
const CARRIED = 'kept/*/carried/*';
const FAILURES = 'kept/*/failures/*';
const DEAD = 'runs/*/dead/*';
/** Failure sets of runs before. */
const KEPT = 'kept/*';
/** Where a fan-out by pages notes how far it is. */
const PAGES = 'runs/*/pages/*';

/** By pages the extractor does what UNLOAD's role does otherwise: write the stage, read failure sets. */
export function stageAccess({ extraction }: Environment) {
  const byPages = extraction.by === 'pages';
  const begin: StageAccess = {
    read: [DEFINITION, ...(byPages ? [FAILURE_MANIFEST, FAILURES, CARRIED] : [])],
    write: [DEFINITION],
  };
  const finish: StageAccess = {
    read: [DEFINITION, STAGE_MANIFEST, CARRIED_MANIFEST],
    write: [FAILURE_MANIFEST],
    mark: [KEPT],
  };
  const fanOut: StageAccess = {
    read: [DEFINITION, COUNTS, STAGE_MANIFEST, CARRIED_MANIFEST, ...(byPages ? [PAGES] : [])],
    write: [COUNTS, ...(byPages ? [STAGE, CARRIED, PAGES] : [STAGE_MANIFEST, CARRIED_MANIFEST])],
  };
  const approve: StageAccess = { read: [DEFINITION, COUNTS, STAGE_MANIFEST], write: [] };
  return {
    startRun: begin,
    /** A run without batches is finished at once, by whoever sends it. */
    fanOut: both(fanOut, finish),
    finishRun: finish,
    sweep: both(begin, fanOut, finish),
    api: both(begin, approve, finish),
    deadLetter: { read: [DEFINITION, STAGE], write: [FAILURES, DEAD] },
  } as const satisfies Record<string, StageAccess>;
}

/** Who tells owners counts failure records; keys and values go no further. */
export const OWNER_ACCESS: Required<Pick<StageAccess, 'read'>> = {
  read: [FAILURE_MANIFEST, FAILURES, CARRIED],
};

/** The audit hashes the definition of a run and keeps its manifest; names are listed, or a missing one looks forbidden. */
export const AUDIT_ACCESS: Required<Pick<StageAccess, 'read'>> & { readonly list: true } = {
  read: [DEFINITION, STAGE_MANIFEST],
  list: true,
};

/**
 * A loader's: rows of its own account's runs and no others. Definitions have no rows, and which syncs an account has
 * is decided after the deployment.
 */
export const loaderAccess = (account: string): StageAccess => ({
  read: [DEFINITION, `runs/*/stage/${account}/*`],
  write: [FAILURES],
});

/** Together, without what a wider pattern of the same list has already. */
function both(...all: readonly StageAccess[]): StageAccess {
  const merged = (of: keyof StageAccess): string[] => {
    const patterns = [...new Set(all.flatMap((one) => one[of] ?? []))];
    return patterns.filter(
      (one) =>
        !patterns.some((wide) => wide !== one && wide.endsWith('/*') && one.startsWith(wide.slice(0, -1))),
    );
  };
  return { read: merged('read'), write: merged('write'), mark: merged('mark') };
}
