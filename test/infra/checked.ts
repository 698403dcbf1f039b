/** Stacks with their templates, of every environment of the project and of every kind of settings that makes others. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import type { CheckedStack } from '../../infra/checks/findings.ts';
import { environments } from '../../infra/environments.ts';
import type { EnvironmentSettings } from '../../infra/settings.ts';
import { assemble } from '../../infra/synthesize.ts';
import type { Template } from '../../infra/template.ts';

const root = mkdtempSync(path.join(tmpdir(), 'tailrace-checked-'));
after(() => rmSync(root, { recursive: true, force: true }));
let count = 0;

/** A new directory for an assembly. */
export function outdir(): string {
  count += 1;
  return path.join(root, String(count));
}

export type Sample = CheckedStack & { readonly what: string; readonly template: Template };

/** A stack, synthesized without the checks that this is to test. */
export function sampleOf(what: string, name: string, settings: EnvironmentSettings): Sample {
  const { app, ...one } = assemble({ name, settings }, outdir());
  const { templateFullPath } = app.synth().getStackArtifact(one.stack.artifactId);
  const template = JSON.parse(readFileSync(templateFullPath, 'utf8')) as Template;
  return { what, ...one, template };
}

const dev = environments.dev ?? assert.fail('there is no dev');
const [account, region] = [dev.aws.account, dev.aws.region];

/** Settings that change which resources and permissions there are. */
const KINDS: Readonly<Record<string, Partial<EnvironmentSettings>>> = {
  'by pages': { extraction: { by: 'pages' } },
  'in a network': {
    network: { subnetIds: ['subnet-0123456789abcdef0'], securityGroupIds: ['sg-0123456789abcdef0'] },
  },
  "with the user's key and role": {
    keyArn: `arn:aws:kms:${region}:${account}:key/11111111-2222-4333-8444-555555555555`,
    extraction: { by: 'unload', role: `arn:aws:iam::${account}:role/redshift` },
  },
  'without an account': { accounts: [] },
  'without a reservation': { reserveConcurrency: false, retain: false },
};

export const samples = (): readonly Sample[] => [
  ...Object.entries(environments).map(([name, settings]) => sampleOf(name, name, settings)),
  ...Object.entries(KINDS).map(([what, kind]) => sampleOf(what, 'dev', { ...dev, ...kind })),
];
