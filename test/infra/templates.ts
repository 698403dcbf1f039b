/** Templates of the environments, synthesized once per test process, and questions to ask of them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import type { EnvironmentSettings } from '../../infra/settings.ts';
import { synthesize, type Template, type TemplateResource } from '../../infra/synthesize.ts';

const root = mkdtempSync(path.join(tmpdir(), 'tailrace-infra-'));
after(() => rmSync(root, { recursive: true, force: true }));
let count = 0;

/** The template of an environment of `environments.ts`, or of settings of one's own. */
export function templateOf(environment: string | { name: string; settings: EnvironmentSettings }): Template {
  count += 1;
  return synthesize(environment, path.join(root, String(count))).template;
}

export type Named = TemplateResource & { readonly id: string };

export function resources(template: Template, type: string): readonly Named[] {
  return Object.entries(template.Resources)
    .filter(([, resource]) => resource.Type === type)
    .map(([id, resource]) => ({ id, ...resource }));
}

/** The one resource whose logical id begins so; throws when there is none or more than one. */
export function resource(template: Template, type: string, prefix: string): Named {
  const found = resources(template, type).filter(({ id }) => id.startsWith(prefix));
  const [only] = found;
  if (only === undefined || found.length > 1) throw new Error(`${found.length} of ${type} ${prefix}`);
  return only;
}

// biome-ignore lint/suspicious/noExplicitAny: a template is JSON of any shape, and tests look deep into it
export const properties = (of: TemplateResource): any => of.Properties ?? {};

export type Statement = {
  readonly policy: string;
  readonly Effect: string;
  readonly Action: readonly string[];
  readonly Resource: readonly unknown[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
};

const list = <T>(value: T | readonly T[] | undefined): readonly T[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value as T];

/** Every statement of every role's policy. */
export function statements(template: Template): readonly Statement[] {
  return resources(template, 'AWS::IAM::Policy').flatMap((policy) =>
    // biome-ignore lint/suspicious/noExplicitAny: as above
    properties(policy).PolicyDocument.Statement.map((one: any) => ({
      ...one,
      policy: policy.id,
      Action: list(one.Action),
      Resource: list(one.Resource),
    })),
  );
}

/** Statements of the policy that belongs to the role whose logical id begins so. */
export const statementsOf = (template: Template, role: string): readonly Statement[] =>
  statements(template).filter(({ policy }) => policy.startsWith(`${role}DefaultPolicy`));
