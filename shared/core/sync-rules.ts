/**
 * The one door for definitions: from anything at all to a `Sync`, or to every fault that its author should know.
 *
 * Three looks: is it plain data of a sane size (`plain-item.ts`), has each part its shape (`sync.ts`, told in words
 * by `shape-faults.ts`), do the parts agree (the rules below, one file per area). What is wrong with the model's
 * SQL is told by `shared/warehouse`, what is wrong with the place by the destination's own schema.
 */
import { conversionFaults } from './conversion-rules.ts';
import { destinationFaults } from './destination-rules.ts';
import type { DefinitionFault } from './fault.ts';
import { fieldFaults } from './field-rules.ts';
import { DEFINITION_FAULTS_MAX } from './limits.ts';
import { checkFaults, nameFaults } from './name-rules.ts';
import { piiFaults } from './pii-rules.ts';
import { plainItem } from './plain-item.ts';
import { scheduleFaults } from './schedule-rules.ts';
import { shapeFaults } from './shape-faults.ts';
import { type Sync, syncSchema } from './sync.ts';
import { type Draft, draftOf, type Known } from './sync-draft.ts';

export type ParsedSync =
  | { readonly ok: true; readonly sync: Sync }
  | { readonly ok: false; readonly faults: readonly DefinitionFault[] };

type Rule = (draft: Draft, known: Known) => readonly DefinitionFault[];

const RULES: readonly Rule[] = [
  nameFaults,
  destinationFaults,
  scheduleFaults,
  fieldFaults,
  conversionFaults,
  checkFaults,
  piiFaults,
];

/**
 * Takes what somebody wrote, of any shape, and the names that exist in the environment; gives the sync with its
 * defaults filled in, or its faults, one per path, at most DEFINITION_FAULTS_MAX. Never throws for data; the item's
 * sort key (`item`) is not part of the definition and is not looked at.
 */
export function parseSync(item: unknown, known: Known): ParsedSync {
  const plain = plainItem(item);
  if (plain.copy === undefined) return refused(plain.faults);
  const parsed = syncSchema.safeParse(plain.copy);
  const draft = draftOf(plain.copy);
  const shape = parsed.success ? [] : shapeFaults(parsed.error.issues, plain.copy);
  const rules = RULES.flatMap((rule) => rule(draft, known));
  const faults = [...plain.faults, ...shape, ...rules];
  return parsed.success && faults.length === 0 ? { ok: true, sync: parsed.data } : refused(faults);
}

/** The first fault of a path is its cause; what follows from it would only distract. */
function refused(faults: readonly DefinitionFault[]): ParsedSync {
  const byPath = new Map<string, DefinitionFault>();
  for (const fault of faults) if (!byPath.has(fault.path)) byPath.set(fault.path, fault);
  return { ok: false, faults: [...byPath.values()].slice(0, DEFINITION_FAULTS_MAX) };
}
