/**
 * Who was allowed what by which words of the template, and who was refused. A grant is one action on one resource of one
 * statement, as written there: a statement that is used for one of its actions and never for another shows as such.
 */
import { ServiceError } from '../wire.ts';
import { type AccessRequest, NO_RESOURCE, partFor, type Statement } from './policy.ts';

export type Denial = { readonly caller: string; readonly action: string; readonly resource: string };

export type Grant = {
  /** Where it stands: `<logical id of policy or role>[<index>]` and its Sid. */
  readonly statement: string;
  readonly effect: 'Allow' | 'Deny';
  readonly action: string;
  /** Empty in a trust policy. */
  readonly resource: string;
  /** The statement's conditions in short; empty without any. */
  readonly when: string;
  /** How often it allowed something; of a Deny, how often it refused. */
  readonly times: number;
};

export type Usage = {
  /** Statement id -> actions that it allowed. */
  readonly statements: Readonly<Record<string, readonly string[]>>;
  /** Everything that the template allows or denies, used or not. */
  readonly grants: readonly Grant[];
  /** `<caller> <action> <resource>` -> times. */
  readonly calls: Readonly<Record<string, number>>;
  readonly denials: readonly Denial[];
};

export type UsageBook = {
  used(caller: string, request: AccessRequest, by: readonly Statement[]): void;
  /** The error to throw; it names the statement that is missing and where, or the one that denies. */
  denied(caller: string, request: AccessRequest, where?: string, by?: Statement): ServiceError;
  usage(): Usage;
};

/** A retry loop on a refused call must not fill the memory. */
const DENIALS_KEPT_MAX = 1000;

/** @param catalogue every statement that requests are checked against */
export function openUsageBook(catalogue: readonly Statement[]): UsageBook {
  const statements = new Map<string, Set<string>>();
  const times = new Map<string, number>();
  const calls = new Map<string, number>();
  const denials: Denial[] = [];
  const count = (statement: Statement, request: AccessRequest): void => {
    const part = partFor(statement, request);
    if (part === undefined) return;
    const name = grantName(statement.id, part.action, part.resource);
    times.set(name, (times.get(name) ?? 0) + 1);
  };
  return {
    used(caller, request, by) {
      for (const statement of by) {
        const actions = statements.get(statement.id) ?? new Set();
        statements.set(statement.id, actions.add(request.action));
        count(statement, request);
      }
      const line = `${caller} ${request.action} ${withoutObjectKey(request.resource)}`;
      calls.set(line, (calls.get(line) ?? 0) + 1);
    },
    denied(caller, request, where = 'in its role', by = undefined) {
      const { action, resource } = request;
      if (by !== undefined) count(by, request);
      if (denials.length < DENIALS_KEPT_MAX) denials.push({ caller, action, resource });
      const missing = JSON.stringify({ Effect: 'Allow', Action: action, Resource: resource });
      const why = by === undefined ? `missing ${where}: ${missing}` : `denied by ${by.id}`;
      return new ServiceError(
        'AccessDeniedException',
        `${caller} may not ${action} on ${resource}; ${why}`,
        403,
      );
    },
    usage: () => ({
      statements: Object.fromEntries([...statements].map(([id, actions]) => [id, [...actions].toSorted()])),
      grants: catalogue.flatMap((statement) => grantsOf(statement, times)),
      calls: Object.fromEntries(calls),
      denials: [...denials],
    }),
  };
}

const grantName = (...parts: readonly string[]): string => parts.join('\n');

function grantsOf(statement: Statement, times: ReadonlyMap<string, number>): Grant[] {
  const { id, effect, actions, resources, conditions } = statement;
  const places = resources.length === 0 ? [NO_RESOURCE] : resources;
  const when = conditions.map(({ key, values }) => `${key} ${values.join(' ')}`).join(', ');
  return actions.flatMap((action) =>
    places.map((resource) => ({
      statement: id,
      effect,
      action,
      resource,
      when,
      times: times.get(grantName(id, action, resource)) ?? 0,
    })),
  );
}

const withoutObjectKey = (resource: string): string =>
  resource.startsWith('arn:aws:s3:::') ? resource.replace(/\/.*/, '/*') : resource;
