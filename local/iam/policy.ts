/**
 * IAM policy documents: parsed once, matched per request. Only what the template uses: Effect, Principal, Action,
 * Resource with wildcards, Condition. `NotAction`, `NotResource`, `NotPrincipal` are refused when a policy is read.
 */
import {
  type Condition,
  conditionsHold,
  matches,
  parseConditions,
  type RequestContext,
} from './conditions.ts';

export type Statement = {
  /** Where it stands in the template: `<logical id of policy or role>[<index>]` and its Sid. */
  readonly id: string;
  readonly effect: 'Allow' | 'Deny';
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly conditions: readonly Condition[];
  /** Resource policies only: ARNs of roles and accounts, `*`, or `service:<name>`. */
  readonly principals: readonly string[];
};

export type AccessRequest = {
  readonly action: string;
  readonly resource: string;
  readonly context: RequestContext;
};

/** A resolved PolicyDocument as statements; throws an Error naming `where` for an element we lack. */
export function parsePolicy(document: unknown, where: string): readonly Statement[] {
  const { Statement: raw } = document as { Statement: unknown };
  return (Array.isArray(raw) ? raw : [raw]).map((statement, at) =>
    parseStatement(statement, `${where}[${at}]`),
  );
}

/** The action and the resource of a statement that speak about a request, as they are written in the template. */
export type Part = { readonly action: string; readonly resource: string };

/** A trust policy names no resource. */
export const NO_RESOURCE = '';

/** Does the statement speak about this request, whoever makes it? Gives the part of it that does. */
export function partFor(statement: Statement, request: AccessRequest): Part | undefined {
  const asked = request.action.toLowerCase();
  const action = statement.actions.find((pattern) => matches(pattern.toLowerCase(), asked));
  const resource =
    statement.resources.length === 0
      ? NO_RESOURCE
      : statement.resources.find((pattern) => matches(pattern, request.resource));
  if (action === undefined || resource === undefined) return undefined;
  return conditionsHold(statement.conditions, request.context) ? { action, resource } : undefined;
}

/** `denied` wins over `allowed`; `silent` when no statement covers the request. */
export function decide(
  statements: readonly Statement[],
  request: AccessRequest,
): { readonly is: 'allowed' | 'denied'; readonly by: Statement } | { readonly is: 'silent' } {
  let allowedBy: Statement | undefined;
  for (const statement of statements) {
    if (partFor(statement, request) === undefined) continue;
    if (statement.effect === 'Deny') return { is: 'denied', by: statement };
    allowedBy ??= statement;
  }
  return allowedBy === undefined ? { is: 'silent' } : { is: 'allowed', by: allowedBy };
}

const ELEMENTS: ReadonlySet<string> = new Set([
  'Sid',
  'Effect',
  'Principal',
  'Action',
  'Resource',
  'Condition',
]);

function parseStatement(raw: unknown, where: string): Statement {
  const statement = raw as Record<string, unknown>;
  for (const name of Object.keys(statement))
    if (!ELEMENTS.has(name)) throw new Error(`${where}: policy element ${name} is not implemented here`);
  const effect = statement.Effect;
  if (effect !== 'Allow' && effect !== 'Deny') throw new Error(`${where}: Effect must be Allow or Deny`);
  return {
    id: typeof statement.Sid === 'string' ? `${where} ${statement.Sid}` : where,
    effect,
    actions: list(statement.Action),
    resources: list(statement.Resource),
    conditions: parseConditions(statement.Condition, where),
    principals: parsePrincipals(statement.Principal, where),
  };
}

function parsePrincipals(raw: unknown, where: string): string[] {
  if (raw === undefined) return [];
  if (raw === '*') return ['*'];
  return Object.entries(raw as Record<string, unknown>).flatMap(([kind, value]) => {
    if (kind === 'AWS') return list(value);
    if (kind === 'Service') return list(value).map((name) => `service:${name}`);
    throw new Error(`${where}: a principal of kind ${kind} is not implemented here`);
  });
}

const list = (value: unknown): string[] =>
  value === undefined ? [] : (Array.isArray(value) ? value : [value]).map(String);
