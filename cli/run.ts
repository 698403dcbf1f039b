/** `tailrace run <sync>` */
import type { Command } from 'commander';
import { environmentOf } from './environment.ts';
import { invoke } from './invoke.ts';
import { printDone } from './print-done.ts';

export function addRun(program: Command): void {
  program
    .command('run <sync>')
    .description('Start a run now, without waiting for the schedule')
    .action(async (syncId: string) => {
      const { epoch } = await invoke(await environmentOf(program), { verb: 'run', syncId });
      printDone(`${syncId}: run ${String(epoch)} has started; \`tailrace status ${syncId}\` follows it`);
    });
}
