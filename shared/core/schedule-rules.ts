/** Rules of a schedule: whether it can be expressed, and whether it ever fires. */
import { definitionFault } from './definition-codes.ts';
import type { DefinitionFault } from './fault.ts';
import { type ScheduleFlaw, scheduleFlaws } from './schedule.ts';
import type { Draft } from './sync-draft.ts';

export function scheduleFaults({ schedule }: Draft): readonly DefinitionFault[] {
  if (schedule === undefined) return [];
  return scheduleFlaws(schedule).map((flaw) => {
    return definitionFault(PATHS[flaw.code], flaw.code, flaw.message, flaw.remedy);
  });
}

const PATHS: Readonly<Record<ScheduleFlaw['code'], string>> = {
  every_not_aligned: 'schedule.align',
  timezone_unknown: 'schedule.timezone',
  cron_shape: 'schedule.cron',
  cron_never_fires: 'schedule.cron',
  cron_not_expressible: 'schedule.cron',
};
