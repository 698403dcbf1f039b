/**
 * A stack of the assembly with everything resolved: each resource with its identity (name, ARN, attributes) and its
 * properties without intrinsic functions. Identities depend on names only, so they can be made on demand in any
 * order, and the properties need no dependency order of their own.
 */
import type { RawResource, RawStack } from './assembly.ts';
import { type Identity, resolve, type Scope } from './intrinsics.ts';
import { ACCEPTED, ACCEPTED_NAMED_BY, acceptedIdentity, type ResourceType, RUNS } from './resource-types.ts';

export type Resource = {
  readonly logicalId: string;
  readonly type: string;
  readonly identity: Identity;
  readonly properties: Readonly<Record<string, unknown>>;
};

export type Template = {
  readonly stackName: string;
  readonly account: string;
  readonly region: string;
  /** Those that are run, in the template's order. */
  ofType(type: string): readonly Resource[];
  /** By logical id; undefined for none and for those that are accepted only. */
  byId(logicalId: string): Resource | undefined;
  /** The output's name without CDK's suffixes -> its value. */
  readonly outputs: Readonly<Record<string, string>>;
};

/** Throws an Error that lists every resource type and property that is not implemented here. */
export function resolveTemplate(stack: RawStack, endpoint: string): Template {
  const scope = scopeOf(stack, endpoint);
  const problems: string[] = [];
  const resources = new Map<string, Resource>();
  for (const [logicalId, raw] of Object.entries(stack.resources)) {
    if (!isCreated(raw, scope)) continue;
    const type = RUNS[raw.Type];
    if (type === undefined) {
      if (ACCEPTED[raw.Type] === undefined)
        problems.push(`${logicalId}: resource type ${raw.Type} is not implemented here`);
      continue;
    }
    problems.push(...unknownProperties(logicalId, raw, type));
    try {
      const properties = resolve(pick(raw.Properties ?? {}, type.properties), scope) as Record<
        string,
        unknown
      >;
      const identity = scope.identityOf(logicalId) as Identity;
      resources.set(logicalId, { logicalId, type: raw.Type, identity, properties });
    } catch (error) {
      problems.push(`${logicalId}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (problems.length > 0)
    throw new Error(`stack ${stack.stackName} cannot run here:\n  ${problems.join('\n  ')}`);
  return {
    stackName: stack.stackName,
    account: stack.account,
    region: stack.region,
    ofType: (type) => [...resources.values()].filter((resource) => resource.type === type),
    byId: (logicalId) => resources.get(logicalId),
    outputs: Object.fromEntries(
      Object.entries(stack.outputs).map(([name, { Value }]) => [name, String(resolve(Value, scope))]),
    ),
  };
}

function scopeOf(stack: RawStack, endpoint: string): Scope {
  const identities = new Map<string, Identity>();
  const scope: Scope = {
    conditions: stack.conditions,
    parameters: {
      'AWS::AccountId': stack.account,
      'AWS::Partition': 'aws',
      'AWS::Region': stack.region,
      'AWS::StackName': stack.stackName,
      'AWS::StackId': `arn:aws:cloudformation:${stack.region}:${stack.account}:stack/${stack.stackName}/local`,
      'AWS::URLSuffix': 'amazonaws.com',
    },
    identityOf(logicalId) {
      const raw = stack.resources[logicalId];
      if (raw === undefined) return undefined;
      let identity = identities.get(logicalId);
      if (identity === undefined) {
        identity = makeIdentity(stack, endpoint, logicalId, raw, scope);
        identities.set(logicalId, identity);
      }
      return identity;
    },
  };
  return scope;
}

function makeIdentity(
  stack: RawStack,
  endpoint: string,
  logicalId: string,
  raw: RawResource,
  scope: Scope,
): Identity {
  const type = RUNS[raw.Type];
  const namedBy = pick(raw.Properties ?? {}, type?.namedBy ?? ACCEPTED_NAMED_BY);
  const properties = resolve(namedBy, scope) as Record<string, unknown>;
  const { stackName, account, region } = stack;
  const naming = { logicalId, properties, stackName, account, region, endpoint };
  return type === undefined ? acceptedIdentity(naming) : type.identity(naming);
}

function unknownProperties(logicalId: string, raw: RawResource, type: ResourceType): string[] {
  return Object.keys(raw.Properties ?? {})
    .filter((name) => !type.properties.includes(name) && !(name in type.ignored))
    .map((name) => `${logicalId}: property ${name} of ${raw.Type} is not implemented here`);
}

const isCreated = (raw: RawResource, scope: Scope): boolean =>
  raw.Condition === undefined || resolve({ 'Fn::If': [raw.Condition, true, false] }, scope) === true;

const pick = (from: Readonly<Record<string, unknown>>, names: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(names.filter((name) => name in from).map((name) => [name, from[name]]));
