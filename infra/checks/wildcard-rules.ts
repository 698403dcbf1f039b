/**
 * Every `*` in a policy of any kind, a role's or a resource's: cdk-nag looks at roles only. Each is acknowledged one by
 * one with its reason in `infra/acknowledgements.ts`.
 */
import { listOf, type Part, partsOf } from '../template.ts';
import type { Broken, Checked, Rule } from './rule.ts';

/**
 * A `*` in an action, a resource that is nothing but `*`, a permission for everybody, and everything but something; in what a
 * resource allows itself also a pattern such as `bucket/runs/*`, which of a role cdk-nag asks about.
 */
export const wildcards: Rule = { name: 'Wildcard', broken: unreasoned };

function* unreasoned({ template }: Checked): Iterable<Broken> {
  for (const part of partsOf(template)) {
    const details = new Set(
      statementsIn(part).flatMap((one) => [...wildcardsOf(one), ...patternsOf(part, one)]),
    );
    for (const detail of details) {
      yield {
        at: part.id,
        detail,
        sentence: `A policy says "${detail}"; name the actions and resources that are meant, or acknowledge it with a reason in infra/acknowledgements.ts.`,
      };
    }
  }
}

type Statement = {
  readonly Effect?: unknown;
  readonly Principal?: unknown;
  readonly Action?: unknown;
  readonly Resource?: unknown;
};

const DOCUMENTS = ['PolicyDocument', 'KeyPolicy', 'ResourcePolicy', 'AssumeRolePolicyDocument'] as const;

/** Of every policy document of a resource, inline ones included. */
function statementsIn({ properties }: Part): readonly Statement[] {
  const documents = [
    ...DOCUMENTS.map((name) => properties[name]),
    ...listOf(properties.Policies).map((one) => (one as { PolicyDocument?: unknown }).PolicyDocument),
    // A bus has single statements, without a document around them.
    { Statement: properties.Statement },
    // A function's, bus's or topic's permission is a resource of its own.
    ...(properties.Principal === '*' ? [{ Statement: { Effect: 'Allow', Principal: '*' } }] : []),
  ];
  return documents.flatMap(
    (one) => listOf((one as { Statement?: unknown } | undefined)?.Statement) as Statement[],
  );
}

function wildcardsOf(statement: Statement): string[] {
  const actions = listOf(statement.Action).map(String);
  const effect = String(statement.Effect);
  const isForEverybody =
    effect === 'Allow' && [statement.Principal, principalsOf(statement)].flat().includes('*');
  const others = ['NotAction', 'NotResource', 'NotPrincipal'].filter((name) => name in statement);
  return [
    ...actions.filter((action) => action.includes('*')).map((action) => `${effect} ${action}`),
    ...(listOf(statement.Resource).includes('*') ? actions.map((action) => `${effect} on *: ${action}`) : []),
    ...(isForEverybody ? ['Allow to everybody'] : []),
    ...others.map((name) => `${effect} ${name}`),
  ];
}

function principalsOf({ Principal }: Statement): unknown[] {
  return typeof Principal === 'object' && Principal !== null ? Object.values(Principal).flat() : [];
}

/** Resources with a star somewhere in what a resource's own policy allows; a Deny is safer the wider it is. */
function patternsOf({ type }: Part, { Effect, Action, Resource }: Statement): string[] {
  if (type === 'AWS::IAM::Policy' || type === 'AWS::IAM::Role' || Effect !== 'Allow') return [];
  const patterns = listOf(Resource)
    .map(text)
    .filter((one) => one !== '*' && one.includes('*'));
  return patterns.flatMap((one) => listOf(Action).map((action) => `Allow on ${one}: ${String(action)}`));
}

/** A value with its references in angle brackets, as cdk-nag writes them. */
function text(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const [[name, operand] = ['', undefined]] = Object.entries(value);
  if (name === 'Ref' || name === 'Fn::GetAtt') return `<${listOf(operand).join('.')}>`;
  if (name !== 'Fn::Join') return JSON.stringify(value);
  const [separator, parts] = operand as [string, readonly unknown[]];
  return parts.map(text).join(separator);
}
