/**
 * The CDK app: one stack per environment. `npx cdk synth` makes all of them, `npx cdk deploy Tailrace-dev` one.
 * Needs no network, no account and no look-ups.
 */
import { App } from 'aws-cdk-lib';
import { printBundleSizes } from './bundles.ts';
import { addChecks } from './checks/plugins.ts';
import { EnvironmentStack } from './environment-stack.ts';
import { environments } from './environments.ts';
import { parseEnvironments } from './setting-rules.ts';

const app = new App();
const stacks = Array.from(parseEnvironments(environments), ([name, environment]) => ({
  stack: new EnvironmentStack(app, name, environment),
  name,
  environment,
}));
addChecks(app, stacks);
printBundleSizes();
app.synth();
