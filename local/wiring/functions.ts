/**
 * The template's functions: their bundles, their variables, their asynchronous invocations. Each function's access
 * key stands for its role, every endpoint variable points at the local listener, and nothing else of this machine's
 * AWS configuration reaches them.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { type AsyncSettings, startAsyncInvocations } from '../functions/async-invocations.ts';
import {
  createFunction,
  type FunctionSettings,
  type LocalFunction,
  type OnInvocation,
} from '../functions/function.ts';
import type { EnvironmentKind } from '../functions/host.ts';
import type { Authorizer } from '../iam/authorizer.ts';
import type { Caller } from '../iam/caller.ts';
import type { LocalQueue } from '../queue.ts';
import type { Delivery } from '../services/delivery.ts';
import type { Invocable } from '../services/lambda-api.ts';
import type { Resource, Template } from '../template/template.ts';
import { attribute, functionArn } from './permissions.ts';
import { openAsyncQueue } from './queues.ts';

export type FunctionContext = {
  readonly template: Template;
  assetOf(objectKey: string): string;
  readonly authorizer: Authorizer;
  readonly delivery: Delivery;
  readonly endpoint: string;
  readonly dataDir: string;
  /** Before the first retry of an asynchronous invocation. */
  readonly asyncRetryMs: number;
  readonly environments: EnvironmentKind;
  readonly onInvocation: OnInvocation | undefined;
};

export type RunningFunction = Invocable & { readonly queue: LocalQueue };

const functionSchema = z.object({
  Code: z.strictObject({ S3Bucket: z.string(), S3Key: z.string() }),
  Handler: z.string().regex(/^[\w./-]+\.\w+$/),
  Role: z.string(),
  Timeout: z.coerce.number().int().default(3),
  MemorySize: z.coerce.number().int().default(128),
  ReservedConcurrentExecutions: z.coerce.number().int().min(1).optional(),
  Environment: z.object({ Variables: z.record(z.string(), z.coerce.string()).default({}) }).prefault({}),
  DeadLetterConfig: z.object({ TargetArn: z.string() }).optional(),
});
type Properties = z.infer<typeof functionSchema>;

/** Creates every function of the template; none is started before its first invocation. */
export function createFunctions(context: FunctionContext): RunningFunction[] {
  return context.template.ofType('AWS::Lambda::Function').map((resource) => {
    const properties = functionSchema.parse(resource.properties);
    const target = createFunction(settingsOf(context, resource, properties));
    const queue = openAsyncQueue(resource.logicalId, context.dataDir);
    const later = startAsyncInvocations(target, queue, asyncSettings(context, target, properties));
    return { target, queue, later };
  });
}

/** What the context's template says of its functions, by logical id; nothing is made. */
export function functionSettings(context: FunctionContext): ReadonlyMap<string, FunctionSettings> {
  return new Map(
    context.template
      .ofType('AWS::Lambda::Function')
      .map((one) => [one.logicalId, settingsOf(context, one, functionSchema.parse(one.properties))]),
  );
}

function settingsOf(context: FunctionContext, resource: Resource, properties: Properties): FunctionSettings {
  const { logicalId, identity } = resource;
  const { file, exportName } = handlerFile(context.assetOf(properties.Code.S3Key), properties.Handler);
  return {
    logicalId,
    name: identity.ref,
    arn: attribute(resource, 'Arn'),
    roleArn: properties.Role,
    file,
    exportName,
    timeoutMs: properties.Timeout * 1000,
    memoryMb: properties.MemorySize,
    reservedConcurrency: properties.ReservedConcurrentExecutions,
    variables: variablesOf(context, resource, properties),
    logFile: path.join(context.dataDir, 'logs', `${logicalId}.log`),
    environments: context.environments,
    onInvocation: context.onInvocation,
  };
}

/** `index.handler` in a bundle's directory. */
function handlerFile(directory: string, handler: string): { file: string; exportName: string } {
  const dot = handler.lastIndexOf('.');
  const base = path.join(directory, handler.slice(0, dot));
  const file = ['.mjs', '.js', '.cjs'].map((extension) => base + extension).find((one) => existsSync(one));
  if (file === undefined) throw new Error(`there is no handler file ${base}.mjs; run npx cdk synth again`);
  return { file, exportName: handler.slice(dot + 1) };
}

function variablesOf(
  context: FunctionContext,
  resource: Resource,
  properties: Properties,
): Record<string, string> {
  const { template, authorizer } = context;
  const own = properties.Environment.Variables;
  assertVariablesFit(resource.logicalId, own);
  return {
    ...own,
    ...clientVariables(context, authorizer.accessKeyFor(properties.Role, resource.logicalId)),
    AWS_REGION: template.region,
    AWS_DEFAULT_REGION: template.region,
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_LAMBDA_FUNCTION_NAME: resource.identity.ref,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(properties.MemorySize),
    AWS_LAMBDA_LOG_GROUP_NAME: resource.logicalId,
    AWS_LAMBDA_LOG_STREAM_NAME: 'local',
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    LAMBDA_TASK_ROOT: context.assetOf(properties.Code.S3Key),
    TZ: 'UTC',
  };
}

/** The services that the engine's clients speak to; any other name reaches the listener too, and 501. */
const SERVICES = [
  'DYNAMODB',
  'SQS',
  'S3',
  'EVENTBRIDGE',
  'SCHEDULER',
  'SECRETS_MANAGER',
  'SNS',
  'LAMBDA',
  'STS',
  'REDSHIFT_DATA',
];

/** Stands for the AWS configuration files of the machine, which must not matter. */
export const EMPTY_AWS_CONFIG = 'empty-aws-config';

/** What makes an SDK client talk to this stack as the holder of the key, and to nothing else. */
export function clientVariables(
  { endpoint, dataDir }: Pick<FunctionContext, 'endpoint' | 'dataDir'>,
  accessKey: string,
): Record<string, string> {
  const nothing = path.join(dataDir, EMPTY_AWS_CONFIG);
  return {
    AWS_ACCESS_KEY_ID: accessKey,
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_SESSION_TOKEN: 'local',
    AWS_ENDPOINT_URL: endpoint,
    ...Object.fromEntries(SERVICES.map((service) => [`AWS_ENDPOINT_URL_${service}`, endpoint])),
    AWS_CONFIG_FILE: nothing,
    AWS_SHARED_CREDENTIALS_FILE: nothing,
    AWS_EC2_METADATA_DISABLED: 'true',
    // Checksums cost a pass over every byte and protect nothing on the loopback interface.
    AWS_REQUEST_CHECKSUM_CALCULATION: 'when_required',
    AWS_RESPONSE_CHECKSUM_VALIDATION: 'when_required',
  };
}

/** Lambda's own limit on all variables of a function. */
const VARIABLES_BYTES_MAX = 4096;

function assertVariablesFit(logicalId: string, variables: Readonly<Record<string, string>>): void {
  const bytes = Object.entries(variables).reduce((sum, pair) => sum + Buffer.byteLength(pair.join('')), 0);
  if (bytes > VARIABLES_BYTES_MAX)
    throw new Error(
      `${logicalId}: ${bytes} bytes of environment variables; Lambda takes ${VARIABLES_BYTES_MAX}`,
    );
}

const invokeConfigSchema = z.object({
  FunctionName: z.string(),
  MaximumRetryAttempts: z.coerce.number().int().min(0).max(2).default(2),
  MaximumEventAgeInSeconds: z.coerce.number().int().default(21_600),
  DestinationConfig: z.object({ OnFailure: z.object({ Destination: z.string() }).optional() }).prefault({}),
});

function asyncSettings(
  context: FunctionContext,
  target: LocalFunction,
  properties: Properties,
): AsyncSettings {
  const { template, delivery } = context;
  const config = template
    .ofType('AWS::Lambda::EventInvokeConfig')
    .map((resource) => invokeConfigSchema.parse(resource.properties))
    .find(({ FunctionName }) => functionArn(template, FunctionName) === target.settings.arn);
  const { roleArn, logicalId } = target.settings;
  const caller: Caller = { is: 'role', roleArn, label: logicalId };
  const destination = config?.DestinationConfig.OnFailure?.Destination;
  const deadLetters = properties.DeadLetterConfig?.TargetArn;
  return {
    retriesMax: config?.MaximumRetryAttempts ?? 2,
    eventAgeMsMax: (config?.MaximumEventAgeInSeconds ?? 21_600) * 1000,
    retryMs: context.asyncRetryMs,
    bury(event, result, attempts) {
      try {
        if (destination !== undefined)
          delivery.deliver(caller, destination, failureRecord(target, event, result.payload, attempts));
        else if (deadLetters !== undefined) delivery.deliver(caller, deadLetters, event);
      } catch (error) {
        console.error(`${logicalId}: ${error instanceof Error ? error.message : String(error)}`);
      }
    },
  };
}

/** Lambda's record for a failure destination. */
const failureRecord = (target: LocalFunction, event: string, payload: string, attempts: number): string =>
  JSON.stringify({
    version: '1.0',
    timestamp: new Date().toISOString(),
    requestContext: {
      functionArn: `${target.settings.arn}:$LATEST`,
      condition: 'RetriesExhausted',
      approximateInvokeCount: attempts,
    },
    requestPayload: JSON.parse(event) as unknown,
    responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
    responsePayload: JSON.parse(payload) as unknown,
  });
