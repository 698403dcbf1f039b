/** `tailrace resume <sync>` */
import type { Command } from 'commander';
import { environmentOf } from './environment.ts';
import { invoke } from './invoke.ts';
import { printDone } from './print-done.ts';

export function addResume(program: Command): void {
  program
    .command('resume <sync>')
    .description('Let a paused sync run again')
    .action(async (syncId: string) => {
      await invoke(await environmentOf(program), { verb: 'resume', syncId });
      printDone(`${syncId} runs again`);
    });
}
