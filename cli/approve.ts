/** `tailrace approve <sync> <plan>` */
import type { Command } from 'commander';
import { environmentOf } from './environment.ts';
import { invoke } from './invoke.ts';
import { printDone } from './print-done.ts';

export function addApprove(program: Command): void {
  program
    .command('approve <sync> <plan>')
    .description(
      'Let a held run go on; <plan> is the hash that `status` shows, so that you approve what you saw',
    )
    .action(async (syncId: string, planHash: string) => {
      await invoke(await environmentOf(program), { verb: 'approve', syncId, planHash });
      printDone(`${syncId}: the held run goes on as planned`);
    });
}
