/** The environment whose idle month `docs/cost.md` shows: `dev` with a second destination account. */
import { environments } from './environments.ts';
import type { EnvironmentSettings } from './settings.ts';

export function twoAccounts(): EnvironmentSettings {
  const { dev } = environments;
  if (dev === undefined) throw new Error('infra/environments.ts has no environment dev');
  const [first] = dev.accounts ?? [];
  if (first === undefined) throw new Error('environment dev has no destination account');
  return { ...dev, accounts: [first, { ...first, name: `${first.name}-2` }] };
}
