/**
 * What the doctor looks at: an environment as this checkout describes it, and the clients by which its account is asked.
 * The stack may not be there; everything else asks for its outputs and is told.
 */
import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { SchedulerClient } from '@aws-sdk/client-scheduler';
import { SNSClient } from '@aws-sdk/client-sns';
import { STSClient } from '@aws-sdk/client-sts';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { environments } from '../infra/environments.ts';
import { parseEnvironment } from '../infra/setting-rules.ts';
import type { Environment } from '../infra/settings.ts';
import { Fault } from '../shared/core/fault.ts';
import type { ClientSettings } from './environment.ts';

export type Subject = {
  readonly name: string;
  readonly stackName: string;
  /** As `infra/environments.ts` says, complete. */
  readonly settings: Environment;
  readonly clients: Clients;
  /** Where everything is asked instead of AWS: the local stack. */
  readonly endpoint: string | undefined;
};

export type Clients = {
  readonly sts: STSClient;
  readonly cloudformation: CloudFormationClient;
  readonly lambda: LambdaClient;
  readonly scheduler: SchedulerClient;
  readonly sns: SNSClient;
  readonly documents: DynamoDBDocumentClient;
};

/** The stack's outputs by name; the doctor asks nothing further without them. */
export type Outputs = Readonly<Record<string, string>>;

/** Throws a `config` Fault for a name that `infra/environments.ts` does not have, or settings that do not fit. */
export function subjectOf(name: string, client: ClientSettings): Subject {
  const settings = settingsOf(name);
  const reached = { region: settings.aws.region, ...client };
  const clients: Clients = {
    sts: new STSClient(reached),
    cloudformation: new CloudFormationClient(reached),
    lambda: new LambdaClient(reached),
    scheduler: new SchedulerClient(reached),
    sns: new SNSClient(reached),
    documents: DynamoDBDocumentClient.from(new DynamoDBClient(reached)),
  };
  return { name, stackName: `Tailrace-${name}`, settings, clients, endpoint: client.endpoint };
}

function settingsOf(name: string): Environment {
  const written = environments[name];
  if (written === undefined) {
    throw new Fault('config', 'environment_unknown', `infra/environments.ts has no environment ${name}`, {
      remedy: `It has: ${Object.keys(environments).join(', ')}.`,
    });
  }
  try {
    return parseEnvironment(name, written);
  } catch (error) {
    throw new Fault('config', 'settings_invalid', error instanceof Error ? error.message : String(error), {
      remedy: 'Mend infra/environments.ts; `npx cdk synth` says the same.',
    });
  }
}
