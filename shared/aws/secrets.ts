/** The secret of a destination account: one JSON object. Its content never reaches a message, a log or a cause. */
import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { Fault } from '../core/fault.ts';
import { awsFault, nameOf } from './aws-fault.ts';

/**
 * Reads the current version; the caller caches it.
 *
 * @throws `config` Faults `secret_missing` (no secret, or none was put there yet) and `secret_invalid`
 */
export async function fetchSecret(client: SecretsManagerClient, secretId: string): Promise<object> {
  const text = await readSecret(client, secretId);
  const value = parsed(text);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new Fault('config', 'secret_invalid', `the secret ${secretId} is not one JSON object`, {
    remedy: "Put one JSON object there, as the destination's page describes.",
  });
}

async function readSecret(client: SecretsManagerClient, secretId: string): Promise<string> {
  try {
    const { SecretString = '' } = await client.send(new GetSecretValueCommand({ SecretId: secretId }));
    return SecretString;
  } catch (error) {
    if (nameOf(error) !== 'ResourceNotFoundException') throw awsFault('GetSecretValue', error);
    throw new Fault('config', 'secret_missing', `the secret ${secretId} has no value`, {
      remedy: `Run: aws secretsmanager put-secret-value --secret-id ${secretId} --secret-string file://secret.json`,
    });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
