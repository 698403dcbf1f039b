/**
 * Synthesizes one environment in this process, for the local runtime and for tests: the same stack with the same
 * flags as `npx cdk synth`, without starting the CDK's command.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { App } from 'aws-cdk-lib';
import { EnvironmentStack } from './environment-stack.ts';
import { environments } from './environments.ts';
import { parseEnvironment } from './setting-rules.ts';
import type { Environment, EnvironmentSettings } from './settings.ts';
import type { Template } from './template.ts';

export type { Template, TemplateResource } from './template.ts';

export type Synthesized = {
  readonly stackName: string;
  /** Path of the stack's template. */
  readonly templateFile: string;
  readonly template: Template;
  /** What `Code.S3Key` names, without its extension -> the directory with `index.mjs`. */
  readonly assets: Readonly<Record<string, string>>;
};

/**
 * @param environment a name in `environments.ts`, or a name with settings of the caller's own
 * @param outdir the assembly is written there
 * @throws Error with one sentence per wrong setting
 */
export function synthesize(
  environment: string | { readonly name: string; readonly settings: EnvironmentSettings },
  outdir: string,
): Synthesized {
  const { app, stack } = assemble(environment, outdir);
  const assembly = app.synth();
  const { templateFullPath: templateFile } = assembly.getStackArtifact(stack.artifactId);
  const template: Template = JSON.parse(readFileSync(templateFile, 'utf8'));
  return { stackName: stack.stackName, templateFile, template, assets: codeAssets(template, outdir) };
}

/** The stack of an environment in an app of its own, for those who look at constructs: not synthesized yet. */
export function assemble(
  environment: string | { readonly name: string; readonly settings: EnvironmentSettings },
  outdir: string,
): {
  readonly app: App;
  readonly stack: EnvironmentStack;
  readonly name: string;
  readonly environment: Environment;
} {
  const { name, settings } = typeof environment === 'string' ? known(environment) : environment;
  const app = new App({ outdir, context: flags(), analyticsReporting: false });
  const parsed = parseEnvironment(name, settings);
  return { app, stack: new EnvironmentStack(app, name, parsed), name, environment: parsed };
}

function known(name: string): { name: string; settings: EnvironmentSettings } {
  const settings = environments[name];
  if (settings !== undefined) return { name, settings };
  throw new Error(
    `There is no environment ${name}; infra/environments.ts has ${Object.keys(environments).join(', ')}.`,
  );
}

/** The same flags as the CDK's command reads, from the same file. */
function flags(): Record<string, unknown> {
  return JSON.parse(readFileSync(new URL('../cdk.json', import.meta.url), 'utf8')).context;
}

function codeAssets(template: Template, outdir: string): Record<string, string> {
  const assets: Record<string, string> = {};
  for (const { Type, Properties } of Object.values(template.Resources)) {
    const code = Type === 'AWS::Lambda::Function' ? (Properties?.Code as { S3Key?: unknown }) : undefined;
    if (typeof code?.S3Key !== 'string') continue;
    const hash = path.parse(code.S3Key).name;
    assets[hash] = path.join(outdir, `asset.${hash}`);
  }
  return assets;
}
