/**
 * The account around the stack: who asks, the CDK's bootstrap, Lambda's limit, and the stack itself against this
 * checkout.
 */
import { DescribeStacksCommand, type Stack } from '@aws-sdk/client-cloudformation';
import { GetAccountSettingsCommand } from '@aws-sdk/client-lambda';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { releaseOf, sourcesOf } from '../infra/release.ts';
import type { Environment } from '../infra/settings.ts';
import { asked, type Check, errorName, missing, ok, type Rule, unknown } from './doctor-check.ts';
import type { Outputs, Subject } from './doctor-subject.ts';

/** Whether there are credentials at all, and for the right account; everything else depends on it. */
export async function checkCredentials({ clients, settings }: Subject): Promise<Check> {
  const { account, region } = settings.aws;
  const rule = { name: 'credentials', rule: 'as infra/environments.ts says' };
  try {
    const { Account = '' } = await clients.sts.send(new GetCallerIdentityCommand({}));
    return Account === account
      ? ok(rule, `${account}, ${region}`)
      : missing(
          rule,
          `for account ${Account}, not ${account}`,
          `export AWS_PROFILE=<a profile of ${account}>`,
        );
  } catch (error) {
    return judgeUnanswered(rule, settings.local, errorName(error));
  }
}

/** No answer at all is another thing than a refusal: nothing is known of the credentials then. */
function judgeUnanswered(rule: Rule, isLocal: boolean, name: string): Check {
  if (!UNREACHED.test(name)) {
    return missing(rule, `none that work (${name})`, 'aws sts get-caller-identity', 'aws configure sso');
  }
  return isLocal
    ? missing(rule, `nothing answers (${name})`, 'npm start -- --keep')
    : unknown(rule, `AWS cannot be reached (${name})`, 'aws sts get-caller-identity');
}

const UNREACHED = /^(?:E[A-Z_]+|TimeoutError|NetworkingError|AggregateError)$/;

/** The CDK's own: templates say that they need 6. */
const BOOTSTRAP_VERSION_MIN = 6;

export function checkBootstrap(subject: Subject): Promise<readonly Check[]> {
  const { account, region } = subject.settings.aws;
  const rule = { name: 'bootstrap', rule: `CDKToolkit, version ${BOOTSTRAP_VERSION_MIN} or later` };
  return asked(rule, 'cloudformation:DescribeStacks', async () => {
    const mend = `npx cdk bootstrap aws://${account}/${region}`;
    const stack = await stackNamed(subject, 'CDKToolkit');
    if (stack === undefined) return missing(rule, 'not there', mend);
    const version = Number(outputsOf(stack).BootstrapVersion);
    return version >= BOOTSTRAP_VERSION_MIN
      ? ok(rule, `version ${version}`)
      : missing(rule, `version ${version || 'unknown'}`, mend);
  });
}

/** Lambda refuses to reserve the last hundred. */
const UNRESERVED_MIN = 100;

export function checkConcurrency({ clients, settings }: Subject): Promise<readonly Check[]> {
  const wanted = concurrencyOf(settings);
  const rule = {
    name: 'concurrency',
    rule: settings.reserveConcurrency
      ? `${UNRESERVED_MIN} besides the loaders' ${wanted}`
      : `room for the loaders' ${wanted}`,
  };
  return asked(rule, 'lambda:GetAccountSettings', async () => {
    const { AccountLimit } = await clients.lambda.send(new GetAccountSettingsCommand({}));
    const limit = AccountLimit?.ConcurrentExecutions ?? 0;
    return judgeConcurrency(rule, limit, settings.reserveConcurrency ? wanted + UNRESERVED_MIN : wanted);
  });
}

export function judgeConcurrency(rule: { name: string; rule: string }, limit: number, needed: number): Check {
  if (limit >= needed) return ok(rule, `limit ${limit}`);
  return missing(
    rule,
    `limit ${limit}, ${needed} needed`,
    `aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 --desired-value ${Math.max(1000, needed)}`,
    'Until then: reserveConcurrency: false, and fewer loaders, in infra/environments.ts.',
  );
}

const concurrencyOf = ({ accounts }: Environment): number =>
  accounts.reduce((sum, { concurrency }) => sum + concurrency.express + concurrency.bulk, 0);

export type StackCheck = { readonly checks: readonly Check[]; readonly outputs: Outputs | undefined };

/** Whether the stack is there, settled, and made from this checkout with these settings. */
export async function checkStack(subject: Subject): Promise<StackCheck> {
  const rule = { name: 'stack', rule: 'deployed and settled' };
  let outputs: Outputs | undefined;
  const checks = await asked(rule, 'cloudformation:DescribeStacks', async () => {
    const stack = await stackNamed(subject, subject.stackName);
    if (stack === undefined) return missing(rule, `${subject.stackName} is not there`, deploy(subject), THEN);
    outputs = outputsOf(stack);
    return [judgeStatus(rule, subject, stack.StackStatus ?? ''), judgeRelease(subject, outputs)];
  });
  return { checks, outputs };
}

function judgeStatus(rule: { name: string; rule: string }, subject: Subject, status: string): Check {
  if (/^(?:CREATE|UPDATE|UPDATE_ROLLBACK|IMPORT)_COMPLETE(?:_CLEANUP_IN_PROGRESS)?$/.test(status)) {
    return ok(rule, status);
  }
  if (status.endsWith('_IN_PROGRESS')) {
    return unknown(
      rule,
      status,
      `aws cloudformation describe-stack-events --stack-name ${subject.stackName}`,
    );
  }
  return missing(rule, status, `npx cdk rollback ${subject.stackName}`, deploy(subject));
}

/** A local stack may run with settings of its own (ports, ways of extraction), so only its sources are compared. */
export function judgeRelease(subject: Pick<Subject, 'settings' | 'stackName'>, outputs: Outputs): Check {
  const rule = { name: 'release', rule: 'of this checkout and settings' };
  const here = releaseOf(subject.settings);
  const there = outputs.Release ?? 'of an older version';
  const same = subject.settings.local ? sourcesOf(there) === sourcesOf(here) : there === here;
  if (same) return ok(rule, there);
  const what = sourcesOf(there) === sourcesOf(here) ? 'other settings' : 'other sources';
  return missing(rule, `${what}: ${there}, here ${here}`, deploy(subject));
}

const THEN = 'Then ask again: the rest can only be looked at from inside of it.';

/** The command that makes the stack what this checkout says. */
export const deploy = ({ stackName, settings }: Pick<Subject, 'settings' | 'stackName'>): string =>
  settings.local ? 'npm start -- --keep' : `npx cdk deploy ${stackName}`;

async function stackNamed({ clients }: Subject, StackName: string): Promise<Stack | undefined> {
  try {
    const { Stacks } = await clients.cloudformation.send(new DescribeStacksCommand({ StackName }));
    return Stacks?.[0];
  } catch (error) {
    if (error instanceof Error && /does not exist/.test(error.message)) return undefined;
    throw error;
  }
}

const outputsOf = ({ Outputs = [] }: Stack): Outputs =>
  Object.fromEntries(Outputs.map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue]));
