/**
 * The grants of a template by the names that people use: which role or policy, which action, on what. Accounts and lanes
 * are made by one line of code for all of them, so what one of them uses counts for all.
 */
import type { Grant } from '../../local/iam/usage.ts';

export type NamedGrant = {
  /** Role, trust policy (`... trust`) or the resource whose policy it is. */
  readonly who: string;
  readonly action: string;
  readonly on: string;
  /** The conditions of the statement, so that two statements on one resource are two. */
  readonly when: string;
  readonly isUsed: boolean;
};

/** Everything that is allowed, each name once. */
export function namedGrants(grants: readonly Grant[], accounts: readonly string[]): readonly NamedGrant[] {
  const found = new Map<string, NamedGrant>();
  for (const grant of grants) {
    if (grant.effect !== 'Allow') continue;
    const named = {
      who: whoOf(grant.statement, accounts),
      action: grant.action,
      on: onOf(grant.resource, accounts),
      when: whenOf(grant.when, accounts),
    };
    const name = JSON.stringify(named);
    const isUsed = grant.times > 0 || found.get(name)?.isUsed === true;
    found.set(name, { ...named, isUsed });
  }
  return [...found.values()];
}

export const lineOf = ({ who, action, on, when }: NamedGrant): string =>
  [`${who}: ${action}`, ...(on === '' ? [] : [`on ${on}`]), ...(when === '' ? [] : [`when ${when}`])].join(
    ' ',
  );

/** `ApiRoleDefaultPolicy9A2B3C4D[8]` is ApiRole, `TocrmLoadBatchRole...` that of every account. */
function whoOf(statement: string, accounts: readonly string[]): string {
  const [place = '', sid] = statement.split(' ');
  const id = place
    .replace(/\[\d+\]$/, '')
    .replace(/DefaultPolicy[0-9A-F]{8}$/, '')
    .replace(/[0-9A-F]{8}\.AssumeRolePolicyDocument$/, ' trust')
    .replace(/\.AssumeRolePolicyDocument$/, ' trust')
    .replace(/[0-9A-F]{8}$/, '');
  const account = accounts.map(bare).find((name) => id.startsWith(`To${name}`));
  const shared = account === undefined ? id : `To<account>${id.slice(2 + account.length)}`;
  return sid === undefined ? shared : `${shared} ${sid}`;
}

/** The CDK keeps letters and digits only. */
const bare = (account: string): string => account.replace(/[^A-Za-z0-9]/g, '');

/** Without partition, Region and account number; the queue, table or key without what the CDK appends to it. */
function onOf(resource: string, accounts: readonly string[]): string {
  const short = resource
    .replace(/^arn:aws:([a-z0-9-]+):[a-z0-9-]*:\d*:/, '$1:')
    .replace(/[0-9A-F]{8}$/, '')
    .replace(/(staging|audit)[0-9a-f]{8}/, '$1');
  return accounts.reduce(
    (text, account) =>
      text
        .replace(new RegExp(`-${account}-(express|bulk)$`), '-<account>-<lane>')
        .replace(new RegExp(`To${bare(account)}`), 'To<account>')
        .replace(new RegExp(`/${account}(?=-|$)`), '/<account>'),
    short,
  );
}

/** Services without their address, partitions of an account's own items. */
const whenOf = (conditions: string, accounts: readonly string[]): string =>
  accounts.reduce(
    (text, account) => text.replaceAll(`#${account}`, '#<account>'),
    conditions.replaceAll(/\.[a-z0-9-]+\.amazonaws\.com/g, ''),
  );
