/**
 * Findings of cdk-nag's packs and of our own rules in one form: which rule, at which construct, in words that stay the
 * same when an account, a Region, an environment or a destination account is called otherwise.
 */
import { CfnResource, type Stack } from 'aws-cdk-lib';
import type { NagPack } from 'cdk-nag';
import type { Environment } from '../settings.ts';
import type { Template } from '../template.ts';
import { alarmAction, deadLetterAlarm, lastResort } from './last-resort-rules.ts';
import { reservedConcurrency, visibilityTimeout } from './queue-rules.ts';
import { functionLogs, retention } from './retention-rules.ts';
import type { Rule } from './rule.ts';
import { scheduleRetries } from './schedule-rules.ts';
import { wildcards } from './wildcard-rules.ts';

export type CheckedStack = {
  readonly stack: Stack;
  /** The environment's name. */
  readonly name: string;
  readonly environment: Environment;
};

export type Finding = {
  readonly rule: string;
  /** Which one, for a rule that one resource can break several times. */
  readonly detail?: string;
  /** The construct below its stack; the name of a destination account in it is a star. */
  readonly at: string;
  /** The construct itself. */
  readonly path: string;
  readonly sentence: string;
};

/** Each is explained in its own file. */
export const RULES: readonly Rule[] = [
  reservedConcurrency,
  visibilityTimeout,
  scheduleRetries,
  lastResort,
  deadLetterAlarm,
  alarmAction,
  functionLogs,
  retention,
  wildcards,
];

/** What our own rules find in the template of a stack. */
export function ownFindings(checked: CheckedStack, template: Template): readonly Finding[] {
  const paths = pathsOf(checked.stack);
  return RULES.flatMap((rule) =>
    [...rule.broken({ template, environment: checked.environment })].map(({ at, detail, sentence }) => {
      const path = paths.get(at) ?? at;
      return finding(checked, { rule: `Tailrace-${rule.name}`, detail, path, sentence });
    }),
  );
}

/** What a pack of cdk-nag finds in a stack, whatever it thinks of how grave that is. */
export function packFindings(checked: CheckedStack, pack: NagPack): readonly Finding[] {
  return pack
    .validateScope(checked.stack)
    .violations.flatMap(({ ruleName, description, violatingResources }) => {
      const [, rule = ruleName, detail] = /^([^[]+)\[(.*)\]$/s.exec(ruleName) ?? [];
      return violatingResources.map(({ constructPath = '' }) =>
        finding(checked, { rule, detail, path: constructPath, sentence: description }),
      );
    });
}

type Raw = Pick<Finding, 'rule' | 'path' | 'sentence'> & { readonly detail: string | undefined };

function finding(checked: CheckedStack, { rule, detail, path, sentence }: Raw): Finding {
  const at = constructName(checked, path);
  return { rule, at, path, sentence, ...(detail === undefined ? {} : { detail: general(checked, detail) }) };
}

function pathsOf(stack: Stack): ReadonlyMap<string, string> {
  const resources = stack.node.findAll().filter((one) => CfnResource.isCfnResource(one));
  return new Map(resources.map((one) => [String(stack.resolve(one.logicalId)), one.node.path]));
}

/** A role's default policy counts as the role; the name of a destination account or an address does not count. */
function constructName({ stack, environment }: CheckedStack, path: string): string {
  const accounts = environment.accounts.map(({ name }) => name).toSorted((a, b) => b.length - a.length);
  return path
    .slice(stack.node.path.length + 1)
    .replace(/\/Resource$/, '')
    .replace(/\/DefaultPolicy$/, '')
    .split('/')
    .map((segment) => {
      if (segment.includes('@')) return '*';
      const account = accounts.find((name) => segment.endsWith(`-${name}`));
      return account === undefined ? segment : `${segment.slice(0, -account.length)}*`;
    })
    .join('/');
}

function general({ name, environment }: CheckedStack, detail: string): string {
  return detail
    .replace(/<(\w+?)[0-9A-F]{8}((?:\.\w+)*)>/g, '<$1$2>')
    .replaceAll(environment.aws.account, '{account}')
    .replace(/(?<=\/stage\/)[a-z][a-z0-9-]*(?=\/\*)/, '{destination}')
    .replaceAll(environment.aws.region, '{region}')
    .replace(new RegExp(`(?<=tailrace[-/])${name}(?![a-z0-9-])`, 'gi'), '{environment}');
}
