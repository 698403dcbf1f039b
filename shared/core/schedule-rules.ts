/** Rules of a schedule: whether it can be expressed, and whether it ever fires. */
import { definitionFault } from './definition-codes.ts';
import type { DefinitionFault } from './fault.ts';
import { scheduleFlaws } from './schedule.ts';
import type { Draft } from './sync-draft.ts';

export function scheduleFaults({ schedule }: Draft): readonly DefinitionFault[] {
  if (schedule === undefined) return [];
  return scheduleFlaws(schedule).map((flaw) => {
    const path = flaw.code === 'timezone_unknown' ? 'schedule.timezone' : 'schedule.cron';
    return definitionFault(path, flaw.code, flaw.message, flaw.remedy);
  });
}
