/**
 * Who is at the keyboard, as AWS sees it: told to the environment with whatever changes something, for its audit. A
 * caller who cannot be told apart is let through unnamed; what they may do is not decided here.
 */
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { principalSchema } from '../shared/core/changed-by.ts';
import type { Environment } from './environment.ts';

/** The ARN of a user or a role's session; undefined when STS does not say. */
export async function principalOf({ lambda }: Pick<Environment, 'lambda'>): Promise<string | undefined> {
  const { region, credentials, endpoint } = lambda.config;
  const sts = new STSClient({ region, credentials, ...(endpoint === undefined ? {} : { endpoint }) });
  try {
    const { Arn } = await sts.send(new GetCallerIdentityCommand({}));
    const parsed = principalSchema.safeParse(Arn);
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  } finally {
    sts.destroy();
  }
}
