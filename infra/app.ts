/**
 * The CDK app: one stack per environment. `npx cdk synth` makes all of them, `npx cdk deploy Tailrace-dev` one.
 * Needs no network, no account and no look-ups.
 */
import { App } from 'aws-cdk-lib';
import { printBundleSizes } from './bundles.ts';
import { EnvironmentStack } from './environment-stack.ts';
import { environments } from './environments.ts';
import { parseEnvironment } from './setting-rules.ts';

const app = new App();
for (const [name, settings] of Object.entries(environments)) {
  new EnvironmentStack(app, name, parseEnvironment(name, settings));
}
printBundleSizes();
app.synth();
