/** Destination accounts, each asked through its own loader: nobody else can read the account's secret. */
import { CHECK_TARGETS_MAX } from '../shared/core/limits.ts';
import { secretName } from '../shared/core/names.ts';
import type { Sync } from '../shared/core/sync.ts';
import { askLoader, type LoaderAnswer } from './doctor-ask.ts';
import { asked, type Check, missing, ok, type Rule, unknown } from './doctor-check.ts';
import type { Outputs, Subject } from './doctor-subject.ts';

/** One check an account, in the order of the settings. */
export async function checkAccounts(
  subject: Subject,
  outputs: Outputs,
  syncs: readonly Sync[],
): Promise<readonly Check[]> {
  const loaders = Object.entries(JSON.parse(outputs.Loaders ?? '{}') as Record<string, string>);
  if (loaders.length === 0)
    return [ok({ name: 'accounts', rule: 'secrets and destinations work' }, 'none yet')];
  const checks = await Promise.all(
    loaders.map(([account, loader]) => {
      const rule = { name: account, rule: 'its secret and destination work' };
      const targets = targetsOf(account, syncs);
      return asked(rule, 'lambda:InvokeFunction', async () =>
        judgeAccount(subject, rule, await askLoader(subject.clients, loader, targets)),
      );
    }),
  );
  return checks.flat();
}

/** The places that syncs write to, each once. */
function targetsOf(account: string, syncs: readonly Sync[]): readonly object[] {
  const places = syncs
    .filter(({ destination }) => destination.account === account)
    .map(({ destination: { object, options } }) => JSON.stringify({ object, options }));
  return [...new Set(places)].slice(0, CHECK_TARGETS_MAX).map((text) => JSON.parse(text) as object);
}

/** Exported for tests: what a loader found, as checks. */
export function judgeAccount(subject: Subject, rule: Rule, answer: LoaderAnswer): readonly Check[] {
  const { secret, targets, account, destination } = answer;
  const put = `aws secretsmanager put-secret-value --secret-id ${secretName(subject.name, account)} --secret-string file://secret.json`;
  const page = `Its members: docs/destinations/${destination}.md`;
  const bad = targets.filter(({ is }) => is !== 'ok');
  if (bad.length > 0) {
    // The destination's own words tell more than that the secret is empty, and say so when it is.
    return bad.map((target) => {
      const value = `${target.object}: ${target.value}`;
      if (target.is === 'unclear') return unknown(rule, value);
      const isSecret = /^(?:secret_|auth_refused)/.test(target.code ?? '');
      return missing(rule, value, ...(isSecret ? [put, page] : [target.remedy ?? page]));
    });
  }
  if (targets.length > 0)
    return [ok(rule, `${targets.length} ${targets.length === 1 ? 'place' : 'places'}; ${membersOf(secret)}`)];
  if (secret.is === 'ok') return [ok(rule, `no sync yet; ${membersOf(secret)}`)];
  return secret.is === 'unclear'
    ? [unknown(rule, secret.value)]
    : [missing(rule, `no sync yet; ${secret.value}`, put, page)];
}

/** Without a secret some destinations work all the same. */
const membersOf = (secret: LoaderAnswer['secret']): string =>
  secret.is === 'ok'
    ? `secret: ${secret.value === '' ? 'no members' : secret.value}`
    : 'no secret, none needed';
