/** What an approval names: the plan, so that nothing else than what was looked at can be approved. */
import { fingerprintOf } from '../core/accept.ts';
import type { ExtractionCounts, StageManifest } from '../core/stage.ts';

export function planHashOf(plan: {
  readonly definitionVersion: number;
  readonly epoch: number;
  readonly counts: ExtractionCounts;
  readonly stage: StageManifest;
}): string {
  return fingerprintOf(plan);
}
