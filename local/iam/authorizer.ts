/**
 * The permission check: may this caller do this to that resource? Callers are functions (by their role), roles
 * that a function has assumed, AWS services acting for the template, and the operator at the keyboard, who may do
 * everything. It remembers which statements allowed something, so that unused ones can be found.
 *
 * Order as on AWS within one account: an explicit deny anywhere wins; then a resource policy or an identity policy
 * may allow. A KMS key is stricter: its own policy must name the role, or hand the decision to IAM.
 */
import { createHash } from 'node:crypto';
import type { Caller } from './caller.ts';
import type { RequestContext } from './conditions.ts';
import { type AccessRequest, decide, type Statement } from './policy.ts';
import { openUsageBook, type Usage } from './usage.ts';

export type Role = {
  readonly arn: string;
  readonly logicalId: string;
  readonly identity: readonly Statement[];
  readonly trust: readonly Statement[];
};

export type Authorizer = {
  /** Throws AccessDeniedException (403) naming caller, action, resource and the statement that is missing. */
  authorize(caller: Caller, action: string, resource: string, context?: RequestContext): void;
  /** The use of the customer key that a resource is encrypted with, if it has one, as the service asks for it. */
  authorizeKey(caller: Caller, resourceArn: string, action: string, service: string): void;
  /** May the caller become this role? Looks at the role's trust policy and, for a role, its own permissions. */
  authorizeAssume(caller: Caller, roleArn: string, context?: RequestContext): void;
  /** The caller behind an access key, or undefined. */
  callerOf(accessKey: string): Caller | undefined;
  /** The access key that stands for a role, used by a function with this label. */
  accessKeyFor(roleArn: string, label: string, session?: string): string;
  usage(): Usage;
};

/** A person's key: everything is allowed, as for an administrator of the account. */
export const OPERATOR_KEY = 'AKIALOCALOPERATOR000';

export type PermissionSettings = {
  readonly account: string;
  readonly region: string;
  readonly roles: readonly Role[];
  /** Resource policies: ARN of the resource -> statements. Of a bucket they also speak for its objects. */
  readonly resourcePolicies: ReadonlyMap<string, readonly Statement[]>;
  /** ARN of a queue, bucket, table or secret -> ARN of the customer key that encrypts it. */
  readonly keys: ReadonlyMap<string, string>;
};

export function createAuthorizer(settings: PermissionSettings): Authorizer {
  const roles = new Map(settings.roles.map((role) => [role.arn, role]));
  const callers = new Map<string, Caller>([[OPERATOR_KEY, { is: 'operator' }]]);
  const book = openUsageBook([
    ...settings.roles.flatMap(({ identity, trust }) => [...identity, ...trust]),
    ...[...settings.resourcePolicies.values()].flat(),
  ]);

  function authorize(caller: Caller, action: string, resource: string, context: RequestContext = {}): void {
    if (caller.is === 'operator') return;
    const request = { action, resource, context: { ...baseContext(settings, caller), ...context } };
    const { allowedBy, deniedBy } = verdict(settings, roles, caller, request);
    if (allowedBy === undefined) throw book.denied(labelOf(caller), request, 'in its role', deniedBy);
    book.used(labelOf(caller), request, allowedBy);
  }

  return {
    authorize,
    authorizeKey(caller, resourceArn, action, service) {
      const key = settings.keys.get(resourceArn);
      if (key === undefined) return;
      authorize(caller, action, key, {
        'kms:ViaService': `${service}.${settings.region}.amazonaws.com`,
        'aws:ViaAWSService': 'true',
      });
    },
    authorizeAssume(caller, roleArn, said = {}) {
      if (caller.is === 'operator') return;
      if (caller.is === 'role') authorize(caller, 'sts:AssumeRole', roleArn, said);
      const context = { ...baseContext(settings, caller), ...said };
      const request = { action: 'sts:AssumeRole', resource: roleArn, context };
      const trust = (roles.get(roleArn)?.trust ?? []).filter((s) => names(s, caller, settings.account));
      const decision = decide(trust, request);
      if (decision.is !== 'allowed')
        throw book.denied(labelOf(caller), request, 'in the trust policy of that role');
      book.used(labelOf(caller), request, [decision.by]);
    },
    callerOf: (accessKey) => callers.get(accessKey),
    accessKeyFor(roleArn, label, session = label) {
      const digest = createHash('sha256')
        .update(`${roleArn} ${label} ${session}`)
        .digest('hex')
        .toUpperCase();
      const key = `ASIA${digest.slice(0, 16)}`;
      callers.set(key, { is: 'role', roleArn, label, session });
      return key;
    },
    usage: book.usage,
  };
}

/** The statements that allow the request; none when it is refused, and then perhaps the one that denies it. */
type Verdict = { readonly allowedBy?: readonly Statement[]; readonly deniedBy?: Statement };

function verdict(
  settings: PermissionSettings,
  roles: ReadonlyMap<string, Role>,
  caller: Exclude<Caller, { is: 'operator' }>,
  request: AccessRequest,
): Verdict {
  const onResource = resourcePolicyOf(settings.resourcePolicies, request.resource);
  const mine = decide(
    onResource.filter((statement) => names(statement, caller, settings.account)),
    request,
  );
  if (mine.is === 'denied') return { deniedBy: mine.by };
  if (caller.is === 'service') return mine.is === 'allowed' ? { allowedBy: [mine.by] } : {};
  const identity = decide(roles.get(caller.roleArn)?.identity ?? [], request);
  if (identity.is === 'denied') return { deniedBy: identity.by };
  const delegating = mine.is === 'allowed' && mine.by.principals.some((p) => p.endsWith(':root'));
  if (identity.is === 'allowed') {
    if (!request.action.startsWith('kms:')) return { allowedBy: [identity.by] };
    return mine.is === 'allowed' ? { allowedBy: [identity.by, mine.by] } : {};
  }
  return mine.is === 'allowed' && !delegating ? { allowedBy: [mine.by] } : {};
}

/** Objects of a bucket and versions of a function are spoken for by the policy of the whole. */
function resourcePolicyOf(
  policies: PermissionSettings['resourcePolicies'],
  resource: string,
): readonly Statement[] {
  const own = policies.get(resource);
  if (own !== undefined) return own;
  if (resource.startsWith('arn:aws:s3:::')) return policies.get(resource.split('/', 1)[0] ?? '') ?? [];
  return [];
}

/** Is the caller among the statement's principals? An account's root stands for every role of the account. */
function names(statement: Statement, caller: Caller, account: string): boolean {
  return statement.principals.some((principal) => {
    if (principal === '*') return true;
    if (caller.is === 'service') return principal === `service:${caller.service}`;
    if (caller.is === 'operator') return true;
    return principal === caller.roleArn || principal === account || principal.endsWith(`::${account}:root`);
  });
}

function baseContext(
  settings: PermissionSettings,
  caller: Exclude<Caller, { is: 'operator' }>,
): RequestContext {
  const shared = {
    // The endpoints here are plain http on the loopback interface and stand for TLS ones.
    'aws:SecureTransport': 'true',
    's3:TlsVersion': '1.3',
    'aws:RequestedRegion': settings.region,
    'aws:ResourceAccount': settings.account,
    'kms:CallerAccount': settings.account,
  };
  if (caller.is === 'service')
    return {
      ...shared,
      'aws:PrincipalIsAWSService': 'true',
      'aws:PrincipalServiceName': caller.service,
      'aws:SourceArn': caller.sourceArn,
      'aws:SourceAccount': settings.account,
    };
  return {
    ...shared,
    'aws:PrincipalAccount': settings.account,
    'aws:PrincipalArn': caller.roleArn,
    'aws:PrincipalIsAWSService': 'false',
    'aws:userid': userIdOf(caller),
  };
}

/** On AWS the role's id takes the place of its ARN. */
export const userIdOf = ({ roleArn, label, session }: Extract<Caller, { is: 'role' }>): string =>
  `${roleArn}:${session ?? label}`;

const labelOf = (caller: Caller): string =>
  caller.is === 'role' ? caller.label : caller.is === 'service' ? caller.service : 'operator';
