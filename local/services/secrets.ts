/** Secrets Manager: GetSecretValue. The template declares secrets, the one who starts the stack gives their values. */
import { z } from 'zod';
import type { Authorizer } from '../iam/authorizer.ts';
import { action, jsonService, type Service, ServiceError } from '../wire.ts';

export type LocalSecret = { readonly name: string; readonly arn: string; readonly value: object | undefined };

const get = z.strictObject({ SecretId: z.string(), VersionStage: z.literal('AWSCURRENT').optional() });
const list = z.strictObject({ MaxResults: z.int().optional() });

export function secretsService(secrets: readonly LocalSecret[], authorizer: Authorizer): Service {
  return jsonService('secretsmanager', '1.1', {
    GetSecretValue: action(get, (input, caller) => {
      const secret = secrets.find(({ name, arn }) => input.SecretId === arn || input.SecretId === name);
      authorizer.authorize(caller, 'secretsmanager:GetSecretValue', secret?.arn ?? input.SecretId);
      if (secret?.value === undefined)
        throw new ServiceError(
          'ResourceNotFoundException',
          `Secrets Manager can't find the specified secret value for ${input.SecretId}`,
        );
      authorizer.authorizeKey(caller, secret.arn, 'kms:Decrypt', 'secretsmanager');
      return {
        ARN: secret.arn,
        Name: secret.name,
        SecretString: JSON.stringify(secret.value),
        VersionId: '00000000-0000-0000-0000-000000000000',
        VersionStages: ['AWSCURRENT'],
      };
    }),
    ListSecrets: action(list, (_input, caller) => {
      authorizer.authorize(caller, 'secretsmanager:ListSecrets', '*');
      return { SecretList: secrets.map(({ name, arn }) => ({ Name: name, ARN: arn })) };
    }),
  });
}
