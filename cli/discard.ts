/** `tailrace discard <sync> [plan]` */
import type { Command } from 'commander';
import { environmentOf } from './environment.ts';
import { invoke } from './invoke.ts';
import { printDone } from './print-done.ts';

export function addDiscard(program: Command): void {
  program
    .command('discard <sync> [plan]')
    .description('End a held run; nothing was sent and nothing moves')
    .action(async (syncId: string, planHash: string | undefined) => {
      const plan = planHash === undefined ? {} : { planHash };
      await invoke(await environmentOf(program), { verb: 'discard', syncId, ...plan });
      printDone(`${syncId}: the held run is discarded`);
    });
}
