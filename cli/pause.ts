/** `tailrace pause <sync>` */
import type { Command } from 'commander';
import { type Environment, environmentOf } from './environment.ts';
import { invoke } from './invoke.ts';
import { printDone } from './print-done.ts';
import { syncUnknown } from './status.ts';

export function addPause(program: Command): void {
  program
    .command('pause <sync>')
    .description('Stop a sync: no new run starts, an active one is abandoned')
    .action(async (syncId: string) => {
      await pauseKnown(await environmentOf(program), syncId);
      printDone(`${syncId} is paused`);
    });
}

/** The environment would pause an id that nobody knows: a typing error must not look as if the sync had stopped. */
export async function pauseKnown(environment: Environment, syncId: string): Promise<void> {
  const { syncs } = await invoke(environment, { verb: 'status', syncId });
  if (!Array.isArray(syncs) || syncs.length === 0) throw syncUnknown(syncId);
  await invoke(environment, { verb: 'pause', syncId });
}
