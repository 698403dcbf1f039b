/** `tailrace pause <sync>` */
import type { Command } from 'commander';
import { environmentOf } from './environment.ts';
import { invoke } from './invoke.ts';
import { printDone } from './print-done.ts';

export function addPause(program: Command): void {
  program
    .command('pause <sync>')
    .description('Stop a sync: no new run starts, an active one is abandoned')
    .action(async (syncId: string) => {
      await invoke(await environmentOf(program), { verb: 'pause', syncId });
      printDone(`${syncId} is paused`);
    });
}
