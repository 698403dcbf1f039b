/**
 * One way to make a function: its bundle, its own role, its own log group. `bind` gives a function what it needs of a
 * resource, the environment variable and the permission together, so that neither can be there without the other.
 */
import { Duration, Token } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { bundleOf, type FunctionName } from './bundles.ts';
import { networkStatements, placeInNetwork } from './network.ts';
import type { Environment } from './settings.ts';
import { removalOf, type Storage } from './storage.ts';

/** What a function is told about a resource and what it may do with it. */
export type Binding = {
  readonly variables: Readonly<Record<string, string>>;
  readonly statements: readonly iam.PolicyStatementProps[];
};

export type FunctionSettings = {
  readonly entry: FunctionName;
  /** Last part of the log group's name; the entry's own when left out. */
  readonly logName?: string;
  readonly timeoutMs: number;
  readonly memoryMb: 256 | 512;
  readonly reservedConcurrency?: number;
  readonly bindings: readonly Binding[];
};

/** Lambda: all variables of a function together. */
export const VARIABLES_BYTES_MAX = 4096;
/** A variable's value that is known only at deploy time is an ARN, a URL or a name: rarely longer than this. */
const TOKEN_BYTES = 130;

/** A function with a role of its own that may do what its bindings say and nothing else. */
export function makeFunction(
  scope: Construct,
  id: string,
  context: { readonly name: string; readonly environment: Environment; readonly storage: Storage },
  settings: FunctionSettings,
): lambda.Function {
  const logGroup = makeLogGroup(scope, id, settings.logName ?? settings.entry, context);
  const network = { variables: {}, statements: networkStatements(scope, context.environment) };
  const role = makeRole(scope, `${id}Role`, logGroup, [...settings.bindings, network]);
  const variables = Object.assign(
    { ENVIRONMENT: context.name },
    ...settings.bindings.map((binding) => binding.variables),
  );
  assertVariablesFit(id, variables);
  const fn = new lambda.Function(scope, id, {
    code: lambda.Code.fromAsset(bundleOf(settings.entry)),
    handler: 'index.handler',
    runtime: lambda.Runtime.NODEJS_24_X,
    architecture: lambda.Architecture.ARM_64,
    timeout: Duration.millis(settings.timeoutMs),
    memorySize: settings.memoryMb,
    role,
    logGroup,
    loggingFormat: lambda.LoggingFormat.JSON,
    environment: variables,
    ...(settings.reservedConcurrency === undefined
      ? {}
      : { reservedConcurrentExecutions: settings.reservedConcurrency }),
  });
  placeInNetwork(fn, context.environment);
  return fn;
}

function makeLogGroup(
  scope: Construct,
  id: string,
  logName: string,
  { name, environment, storage }: { name: string; environment: Environment; storage: Storage },
): logs.LogGroup {
  const group = new logs.LogGroup(scope, `${id}Logs`, {
    logGroupName: `/tailrace/${name}/${logName}`,
    retention: environment.logRetentionDays,
    encryptionKey: storage.key,
    removalPolicy: removalOf(environment),
  });
  group.node.addDependency(storage.key);
  return group;
}

function makeRole(
  scope: Construct,
  id: string,
  logGroup: logs.LogGroup,
  bindings: readonly Binding[],
): iam.Role {
  const role = new iam.Role(scope, id, {
    assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
  });
  const own = { actions: ['logs:CreateLogStream', 'logs:PutLogEvents'], resources: [logGroup.logGroupArn] };
  for (const statement of [own, ...bindings.flatMap((binding) => binding.statements)]) {
    role.addToPolicy(new iam.PolicyStatement(statement));
  }
  return role;
}

function assertVariablesFit(id: string, variables: Readonly<Record<string, string>>): void {
  const bytes = Object.entries(variables).reduce(
    (sum, [name, value]) => sum + name.length + byteLength(value),
    0,
  );
  if (bytes > VARIABLES_BYTES_MAX) {
    throw new Error(
      `The environment variables of ${id} take about ${bytes} bytes, but Lambda takes ${VARIABLES_BYTES_MAX} at most; put some of the destination accounts into another environment, or shorten their settings.`,
    );
  }
}

function byteLength(value: string): number {
  const tokens = Token.isUnresolved(value) ? (value.match(/\$\{Token\[[^\]]*\]\}/g) ?? []) : [];
  const marks = tokens.reduce((sum, token) => sum + token.length, 0);
  return Buffer.byteLength(value) - marks + tokens.length * TOKEN_BYTES;
}
