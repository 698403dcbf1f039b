/**
 * The settings of stage `local` as they are run: the demonstration's own accounts are moved to the ports that its vendors
 * and its PostgreSQL have on this machine. An account that somebody has added, or pointed elsewhere, is as written.
 */
import type { EnvironmentSettings } from '../../infra/settings.ts';
import { secretName } from '../../shared/core/names.ts';
import type { SinkSettings } from './sink-process.ts';

export type Ports = { readonly sink: number; readonly postgres: number; readonly stack: number };

type Account = NonNullable<EnvironmentSettings['accounts']>[number];
type Own = { readonly at: 'sink' | 'postgres'; readonly port: number };

/** The demonstration's accounts with the ports that `infra/environments.ts` writes for them. */
const OWN: Readonly<Record<string, Own>> = {
  crm: { at: 'sink', port: 9601 },
  audience: { at: 'sink', port: 9601 },
  'app-database': { at: 'postgres', port: 9602 },
};
const HOST = '127.0.0.1';

/** The stage as written, with the ports of this machine in place of the demonstration's usual ones. */
export function stageWith(
  written: EnvironmentSettings,
  ports: Ports,
  extraction: 'unload' | 'pages',
): EnvironmentSettings {
  const accounts = (written.accounts ?? []).map((account) => {
    const own = ownOf(account);
    return own === undefined ? account : moved(account, own.port, ports[own.at]);
  });
  return { ...written, accounts, extraction: { by: extraction } };
}

/** What the sink serves, with the rate that it holds each account to. */
export const sinkAccounts = ({ accounts = [] }: EnvironmentSettings): SinkSettings['accounts'] =>
  Object.fromEntries(
    accounts.filter(({ name }) => OWN[name]?.at === 'sink').map(({ name, rate }) => [name, rate]),
  );

/** An account of somebody's own gets the same secret as the demonstration's of its kind: there is no other here. */
export function secretsOf(
  { accounts = [] }: EnvironmentSettings,
  token: string,
  { user, password }: { readonly user: string; readonly password: string },
): Record<string, object> {
  return Object.fromEntries(
    accounts.map(({ name, destination }) => [
      secretName('local', name),
      destination === 'postgres' ? { user, password } : { token },
    ]),
  );
}

/** By name and by address: a `crm` that was pointed at a real one stays there. */
function ownOf({ name, settings = {} }: Account): Own | undefined {
  const own = Object.hasOwn(OWN, name) ? OWN[name] : undefined;
  const place =
    typeof settings.url === 'string' ? URL.parse(settings.url)?.host : `${settings.host}:${settings.port}`;
  return place === `${HOST}:${own?.port}` ? own : undefined;
}

function moved(account: Account, from: number, port: number): Account {
  const allow = (account.allow ?? []).map((place) =>
    place.host === HOST && place.port === from ? { ...place, port } : place,
  );
  return { ...account, allow, settings: atPort(account.settings ?? {}, port) };
}

function atPort(settings: NonNullable<Account['settings']>, port: number): NonNullable<Account['settings']> {
  if (typeof settings.url !== 'string') return { ...settings, port };
  const url = new URL(settings.url);
  url.port = String(port);
  return { ...settings, url: url.href };
}
