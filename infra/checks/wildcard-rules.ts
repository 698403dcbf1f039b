/**
 * Every `*` in a policy of any kind, a role's or a resource's: cdk-nag looks at roles only. Each is acknowledged one by
 * one with its reason in `infra/acknowledgements.ts`.
 */
import { listOf, type Part, partsOf } from '../template.ts';
import type { Broken, Checked, Rule } from './rule.ts';

/** A `*` in an action, a resource that is nothing but `*`, a permission for everybody, and everything but something. */
export const wildcards: Rule = { name: 'Wildcard', broken: unreasoned };

function* unreasoned({ template }: Checked): Iterable<Broken> {
  for (const part of partsOf(template)) {
    const details = new Set(statementsIn(part).flatMap(wildcardsOf));
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
