/**
 * The only composition root of the cloud: environment variables in, ports out. Each function asks for the ports that
 * its use case needs, and its bundle holds no more than those. What only loaders have is in `loader-runtime.ts`.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { RedshiftDataClient } from '@aws-sdk/client-redshift-data';
import { S3Client } from '@aws-sdk/client-s3';
import { SchedulerClient } from '@aws-sdk/client-scheduler';
import { SQSClient } from '@aws-sdk/client-sqs';
import { fromTemporaryCredentials } from '@aws-sdk/credential-providers';
import { busEvents } from '../shared/aws/bus-events.ts';
import { dynamoDefinitions } from '../shared/aws/dynamo-definitions.ts';
import { dynamoState } from '../shared/aws/dynamo-state.ts';
import { type LambdaTelemetry, powertoolsTelemetry } from '../shared/aws/powertools-telemetry.ts';
import type { RedshiftParts } from '../shared/aws/redshift-connection.ts';
import { redshiftProbe } from '../shared/aws/redshift-probe.ts';
import { redshiftWarehouse } from '../shared/aws/redshift-warehouse.ts';
import { s3Objects } from '../shared/aws/s3-objects.ts';
import { schedulerSchedules } from '../shared/aws/scheduler-schedules.ts';
import { sqsQueue } from '../shared/aws/sqs-queue.ts';
import { warehouseSessionName } from '../shared/core/names.ts';
import type {
  AccountSettings,
  Clock,
  Definitions,
  Ids,
  Ports,
  Queue,
  Schedules,
  StageSettings,
  Warehouse,
  WarehouseProbe,
} from '../shared/ports.ts';
import { once } from './entry.ts';
import {
  accountsVariables,
  definitionsVariables,
  lanesVariables,
  readVariables,
  schedulesVariables,
  stageVariables,
  warehouseVariables,
} from './variables.ts';

/** Waiting for AWS longer than this is paid for and helps nobody; the SDK tries three times. */
export const requestHandler = { requestTimeout: 10_000, connectionTimeout: 3000 };

type Common = 'clock' | 'ids' | 'state' | 'objects' | 'events' | 'settings';
export type CommonPorts = Pick<Ports, Common> & { readonly telemetry: LambdaTelemetry };

/** What every function of the engine has. */
export function commonPorts(): CommonPorts {
  const { ACCOUNTS } = readVariables(accountsVariables);
  return portsWith(ACCOUNTS);
}

/** The same with accounts from elsewhere: a loader knows only its own. */
export function portsWith(accounts: readonly AccountSettings[]): CommonPorts {
  const variables = readVariables(stageVariables);
  return {
    clock,
    ids,
    state: dynamoState(dynamo(), variables.STATE_TABLE),
    objects: s3Objects(s3(), variables.STAGING_BUCKET),
    events: busEvents(new EventBridgeClient({ requestHandler }), variables.EVENT_BUS),
    telemetry: powertoolsTelemetry(variables.ENVIRONMENT),
    settings: stageSettings(variables, accounts),
  };
}

function stageSettings(
  { ENVIRONMENT, STAGE }: ReturnType<typeof stageVariables.parse>,
  accounts: readonly AccountSettings[],
): StageSettings {
  const { personalColumns = [], ...stage } = STAGE;
  return {
    ...stage,
    personalColumns,
    environment: ENVIRONMENT,
    accounts: Object.fromEntries(accounts.map((account) => [account.name, account])),
  };
}

export function definitionsPort(): Definitions {
  const { DEFINITIONS_TABLE, STATE_TABLE } = readVariables(definitionsVariables);
  return dynamoDefinitions(dynamo(), { definitions: DEFINITIONS_TABLE, state: STATE_TABLE });
}

export function queuePort(): Queue {
  const { QUEUE_URL_PREFIX: urlPrefix } = readVariables(lanesVariables);
  const { ENVIRONMENT: environment } = readVariables(stageVariables);
  return sqsQueue(sqs(), { environment, urlPrefix });
}

/** The URL of the lane that a record came from, by the queue's ARN. */
export const laneUrl = (queueArn: string): string =>
  `${readVariables(lanesVariables).QUEUE_URL_PREFIX}/${queueArn.slice(queueArn.lastIndexOf(':') + 1)}`;

export function schedulesPort(): Schedules {
  const variables = readVariables(schedulesVariables);
  return schedulerSchedules(new SchedulerClient({ requestHandler }), {
    group: variables.SCHEDULE_GROUP,
    startRun: variables.START_RUN,
    role: variables.SCHEDULER_ROLE,
    undelivered: variables.UNDELIVERED_QUEUE,
  });
}

/** Only the role that submitted a statement can see it: every function takes on the one role under the one name. */
export const warehousePort = (): Warehouse => redshiftWarehouse(redshiftParts());

/** The same warehouse, to be tried without a run. */
export const probePort = (): WarehouseProbe => redshiftProbe(redshiftParts());

function redshiftParts(): RedshiftParts {
  const { WAREHOUSE } = readVariables(warehouseVariables);
  const { STAGING_BUCKET, ENVIRONMENT } = readVariables(stageVariables);
  const { role, ...settings } = WAREHOUSE;
  const credentials = fromTemporaryCredentials({
    params: { RoleArn: role, RoleSessionName: warehouseSessionName(ENVIRONMENT) },
  });
  // Describing and reading wait for the statement for up to thirty seconds inside one call.
  const client = new RedshiftDataClient({
    credentials,
    requestHandler: { ...requestHandler, requestTimeout: 45_000 },
  });
  return {
    client,
    objects: s3Objects(s3(), STAGING_BUCKET),
    settings: { environment: ENVIRONMENT, ...settings },
  };
}

const dynamo = once(() => new DynamoDBClient({ requestHandler }));
const s3 = once(() => new S3Client({ requestHandler }));
export const sqs = once(() => new SQSClient({ requestHandler }));

const clock: Clock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    try {
      await sleep(ms, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
};

const ids: Ids = {
  next: () => randomBytes(8).toString('hex'),
  random: () => Math.random(),
};
