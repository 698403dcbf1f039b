/**
 * What `npx cdk synth` checks, beside CloudFormation's own validation: cdk-nag's AwsSolutions and Serverless packs and
 * our own rules, all of them as errors. A finding is mended, or acknowledged in `infra/acknowledgements.ts`; the assembly's
 * `validation-report.json` then lists it with the reason.
 */
import { readFileSync } from 'node:fs';
import {
  type App,
  type IPolicyValidationContext,
  type IPolicyValidationPlugin,
  Validations,
} from 'aws-cdk-lib';
import { AwsSolutionsChecks, type NagPack, ServerlessChecks } from 'cdk-nag';
import type { Template } from '../template.ts';
import { acknowledgementOf } from './acknowledged.ts';
import { type CheckedStack, type Finding, ownFindings, packFindings } from './findings.ts';

/** Registers every check for the given stacks of an app. */
export function addChecks(app: App, stacks: readonly CheckedStack[]): void {
  Validations.of(app).addPlugins(
    ...packs().map((pack) => plugin(pack.readPackName, stacks, (one) => packFindings(one, pack))),
    plugin('Tailrace', stacks, (one, template) => ownFindings(one, template())),
  );
}

/** Those whose findings are errors. */
export const packs = (): readonly NagPack[] => [new AwsSolutionsChecks(), new ServerlessChecks()];

type Look = (one: CheckedStack, template: () => Template) => readonly Finding[];

function plugin(name: string, stacks: readonly CheckedStack[], look: Look): IPolicyValidationPlugin {
  return {
    name,
    validate: (context) => {
      const findings = stacks.flatMap((one) => {
        const found = look(one, () => templateOf(context, one));
        for (const each of found) acknowledge(name, one, each);
        return found;
      });
      return {
        success: findings.length === 0,
        violations: findings.map((each) => ({
          ruleName: ruleName(each),
          description: each.sentence,
          severity: 'error',
          violatingResources: [{ constructPath: each.path, locations: [] }],
        })),
      };
    },
  };
}

/** In the CDK's own way, so that the assembly's report names reason and place; it drops what is acknowledged. */
function acknowledge(plugin: string, { stack }: CheckedStack, found: Finding): void {
  const known = acknowledgementOf(found);
  if (known === undefined) return;
  const construct = stack.node.root.node.findAll().find(({ node }) => node.path === found.path);
  if (construct === undefined) return;
  Validations.of(construct).acknowledge({ id: `${plugin}::${ruleName(found)}`, reason: known.because });
}

const ruleName = ({ rule, detail }: Finding): string => (detail === undefined ? rule : `${rule}[${detail}]`);

function templateOf({ stackTemplates }: IPolicyValidationContext, { stack }: CheckedStack): Template {
  const found = stackTemplates.find(({ stackConstructPath }) => stackConstructPath === stack.node.path);
  if (found === undefined) throw new Error(`There is no template of ${stack.node.path}.`);
  return JSON.parse(readFileSync(found.templatePath, 'utf8')) as Template;
}
