/**
 * Where the command's calls go: the local stack, found by the file that it leaves while it runs, or an environment on
 * AWS, found by the outputs of its stack. After this file nobody needs to know which.
 */
import { readFile } from 'node:fs/promises';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { Command } from 'commander';
import { z } from 'zod';
import { dynamoDefinitions } from '../shared/aws/dynamo-definitions.ts';
import { Fault } from '../shared/core/fault.ts';
import { ENVIRONMENT_NAME } from '../shared/core/names.ts';
import type { Definitions } from '../shared/ports.ts';

export type Environment = {
  readonly name: string;
  readonly definitionsTable: string;
  readonly apiFunction: string;
  readonly definitions: Definitions;
  readonly dynamodb: DynamoDBDocumentClient;
  readonly lambda: LambdaClient;
};

/** Where `npm start -- --keep` says how it can be reached. */
export const LOCAL_ENDPOINTS = '.tailrace/local/endpoints.json';

const localSchema = z.looseObject({
  region: z.string(),
  endpoint: z.url(),
  credentials: z.object({ accessKeyId: z.string(), secretAccessKey: z.string() }),
  outputs: z.record(z.string(), z.string()),
});

/** The environment that `--env` names. Throws a `config` Fault when it is not there. */
export async function environmentOf(program: Command): Promise<Environment> {
  const env = environmentName(program);
  if (env !== 'local') return awsEnvironment(env);
  const { outputs, ...client } = await localStack();
  return connected('local', outputs, client);
}

/** What `--env` says. Throws a `config` Fault when it is no name. */
export function environmentName(program: Command): string {
  const { env } = program.opts<{ env: string }>();
  if (!ENVIRONMENT_NAME.test(env)) {
    throw new Fault('config', 'bad_environment_name', `${JSON.stringify(env)} is not an environment's name`, {
      remedy: 'Give a name from infra/environments.ts, such as `--env prod`.',
    });
  }
  return env;
}

/** How the running local stack is reached. Throws a `config` Fault when it is not running. */
export async function localStack(): Promise<z.infer<typeof localSchema>> {
  const text = await readFile(LOCAL_ENDPOINTS, 'utf8').catch(() => {
    throw new Fault('config', 'local_stack_not_running', 'the local stack is not running', {
      remedy: 'Start it with `npm start -- --keep` in another terminal, or name an environment by `--env`.',
    });
  });
  return localSchema.parse(JSON.parse(text));
}

async function awsEnvironment(name: string): Promise<Environment> {
  const stack = `Tailrace-${name}`;
  const { Stacks } = await new CloudFormationClient()
    .send(new DescribeStacksCommand({ StackName: stack }))
    .catch((error: Error) => {
      throw new Fault('config', 'environment_not_found', `stack ${stack} cannot be read (${error.name})`, {
        remedy: 'Check AWS_PROFILE and AWS_REGION, and that the environment is deployed.',
      });
    });
  const outputs = (Stacks?.[0]?.Outputs ?? []).map(({ OutputKey = '', OutputValue = '' }) => [
    OutputKey,
    OutputValue,
  ]);
  return connected(name, Object.fromEntries(outputs) as Record<string, string>, {});
}

/** Nothing for AWS: profile and Region of the shell decide. */
export type ClientSettings = {
  region?: string;
  endpoint?: string;
  credentials?: z.infer<typeof localSchema>['credentials'];
};

function connected(
  name: string,
  outputs: Readonly<Record<string, string>>,
  client: ClientSettings,
): Environment {
  const output = (key: string): string => {
    const value = outputs[key];
    if (value !== undefined && value !== '') return value;
    throw new Fault('config', 'output_missing', `environment ${name} has no output ${key}`, {
      remedy: 'Deploy it again with this version.',
    });
  };
  const options = { marshallOptions: { removeUndefinedValues: true } };
  const dynamodb = new DynamoDBClient(client);
  return {
    name,
    definitionsTable: output('DefinitionsTable'),
    definitions: dynamoDefinitions(dynamodb, {
      definitions: output('DefinitionsTable'),
      state: output('StateTable'),
    }),
    apiFunction: output('ApiFunction'),
    dynamodb: DynamoDBDocumentClient.from(dynamodb, options),
    lambda: new LambdaClient(client),
  };
}
