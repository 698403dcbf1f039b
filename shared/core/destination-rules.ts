/** Rules between the place, the mode and the way of finding changes. */
import { definitionFault, shown } from './definition-codes.ts';
import type { DefinitionFault } from './fault.ts';
import { nearestName } from './nearest-name.ts';
import type { Draft } from './sync-draft.ts';

export function destinationFaults(
  draft: Draft,
  known: { readonly accounts: readonly string[] },
): readonly DefinitionFault[] {
  return [...accountFaults(draft, known.accounts), ...removalFaults(draft)];
}

function accountFaults({ account }: Draft, accounts: readonly string[]): readonly DefinitionFault[] {
  if (account === undefined || accounts.includes(account)) return [];
  const near = nearestName(account, accounts);
  const all = accounts.slice(0, 20).join(', ');
  const remedy =
    near !== undefined
      ? `write ${near} if that was meant`
      : all === ''
        ? 'add the account to the environment’s settings and deploy; there is none yet'
        : `use one of ${all}, or add the account to the environment’s settings and deploy`;
  const message = `there is no destination account ${shown(account)} in this environment`;
  return [definitionFault('destination.account', 'account_unknown', message, remedy)];
}

const SEES_REMOVALS = 'use changes: { by: diff } (or all), which see removed rows';

function removalFaults({ by, mode, removed }: Draft): readonly DefinitionFault[] {
  const removes = removed === 'clear' || removed === 'delete';
  if (mode === 'mirror' && removed === 'ignore') {
    const message = 'mode mirror removes what left the model, and removed says ignore';
    const remedy = 'write mode: upsert to keep removed records, or leave removed out';
    return [definitionFault('destination.removed', 'mirror_with_ignore', message, remedy)];
  }
  if (mode === 'insert' && removes) {
    const message = `mode insert only adds records, and removed says ${removed}`;
    const remedy = 'leave removed out, or use mode upsert or mirror';
    return [definitionFault('destination.removed', 'insert_with_removed', message, remedy)];
  }
  if (by !== 'cursor') return [];
  if (mode === 'mirror') {
    const message = 'mode mirror removes what left the model, and changes by cursor cannot see what left';
    return [
      definitionFault('destination.mode', 'cursor_with_mirror', message, `${SEES_REMOVALS}, or mode upsert`),
    ];
  }
  if (!removes) return [];
  const message = `removed says ${removed}, and changes by cursor cannot see what left the model`;
  const remedy = `${SEES_REMOVALS}, or leave removed out`;
  return [definitionFault('destination.removed', 'cursor_with_removed', message, remedy)];
}
