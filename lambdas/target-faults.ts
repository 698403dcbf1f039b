/** What a destination's own schema says about the target of a definition, in the words of definition faults. */
import type { DefinitionFault } from '../shared/core/fault.ts';
import type { Sync } from '../shared/core/sync.ts';
import { destinationNamed } from '../shared/destinations/registry.ts';
import type { AccountSettings } from '../shared/ports.ts';

export function targetFaults(
  accounts: Readonly<Record<string, AccountSettings>>,
  sync: Sync,
): readonly DefinitionFault[] {
  const { account, object, options } = sync.destination;
  const known = accounts[account];
  // An unknown account is a fault of its own, found elsewhere.
  if (known === undefined) return [];
  const parsed = destinationNamed(known.destination).target.safeParse({ object, ...options });
  if (parsed.success) return [];
  return parsed.error.issues.map((issue) => ({
    path: pathOf(issue.path),
    code: 'target_invalid',
    message: issue.message,
    remedy: `See docs/destinations/${known.destination}.md for what can be said here.`,
  }));
}

const pathOf = (path: readonly PropertyKey[]): string =>
  path[0] === 'object' ? 'destination.object' : ['destination', 'options', ...path.map(String)].join('.');
