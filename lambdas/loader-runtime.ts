/**
 * The composition root's other half, for loaders alone: destinations and their wires are large, and no other function
 * has a use for them.
 */
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { LambdaTelemetry } from '../shared/aws/powertools-telemetry.ts';
import { fetchSecret } from '../shared/aws/secrets.ts';
import { bindDestination } from '../shared/destinations/bind.ts';
import type { LoaderPorts } from '../shared/ports.ts';
import { portsWith, requestHandler } from './runtime.ts';
import { loaderVariables, readVariables } from './variables.ts';

/** What a loader has: one account, its secret, and no way to the warehouse, the definitions or other lanes. */
export function loaderPorts(): LoaderPorts & { readonly telemetry: LambdaTelemetry } {
  const { ACCOUNT, SECRET } = readVariables(loaderVariables);
  const { settings: _settings, allow: _allow, ...account } = ACCOUNT;
  const common = portsWith([account]);
  const secrets = new SecretsManagerClient({ requestHandler });
  const destination = bindDestination({
    account: ACCOUNT,
    fetchSecret: () => fetchSecret(secrets, SECRET),
    clock: common.clock,
  });
  return { ...common, account, destination };
}
