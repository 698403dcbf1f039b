/**
 * What the engine's functions may do, by the words of the run protocol. Which function may do what: engine-functions.ts.
 */
import { Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { eventsOf } from './bus-events.ts';
import type { DestinationLane } from './destination-lane.ts';
import type { EngineParts } from './engine-parts.ts';
import type { Binding } from './functions.ts';
import {
  asWarehouse,
  knowingAccounts,
  knowingSettings,
  onBus,
  onDefinitions,
  onLanes,
  onRuns,
  onStaging,
  onState,
  toUndelivered,
} from './grants.ts';
import { type StageAccess, stageAccess } from './stage-access.ts';
import { STATE_ACCESS } from './state-access.ts';
import { warehouseRoleArn } from './warehouse-access.ts';

export type Abilities = ReturnType<typeof abilities>;

/** Bindings by what a function does with them; `base` is what each of them has. */
export function abilities(scope: Construct, parts: EngineParts, lanes: readonly DestinationLane[]) {
  const { storage, bus, environment } = parts;
  const access = stageAccess(environment);
  const onObjects = (which: StageAccess): Binding => onStaging(storage, { ...which, list: true });
  return {
    /** What each function knows; its own items of runs, and what it may say of them. */
    base: (by: keyof typeof STATE_ACCESS): readonly Binding[] => [
      knowingSettings(environment),
      knowingAccounts(environment.accounts),
      onRuns(storage, STATE_ACCESS[by]),
      onBus(bus, eventsOf(by)),
    ],
    listSyncs: onState(storage, ['Query'], ['SYNC']),
    readBudgets: onState(storage, ['GetItem'], ['BUDGET#*', 'BREAKER#*']),
    keepAttention: onState(storage, ['GetItem', 'UpdateItem'], ['ATTENTION']),
    knowDefinitions: { variables: { DEFINITIONS_TABLE: storage.definitions.tableName }, statements: [] },
    readDefinitions: onDefinitions(storage, ['GetItem']),
    editDefinitions: onDefinitions(storage, ['GetItem', 'UpdateItem']),
    forgetAccepted: onState(storage, ['DeleteItem'], ['ACCEPTED']),
    nameBucket: onStaging(storage, {}),
    begin: onObjects(access.startRun),
    fanOut: onObjects(access.fanOut),
    finish: onObjects(access.finishRun),
    sweep: onObjects(access.sweep),
    operate: onObjects(access.api),
    // Whatever it reads is there, or nothing can be done: it need not be told which.
    bury: onStaging(storage, access.deadLetter),
    send: onLanes(
      storage,
      lanes.flatMap((lane) => [lane.express, lane.bulk]),
    ),
    schedule: schedulingRuns(scope, parts),
    undelivered: toUndelivered(storage, parts.undelivered),
    warehouse: asWarehouse(warehouseRoleArn(scope, parts.name), warehouseSettings(parts)),
  };
}

/** What the Redshift adapter is told: where, and how rows leave. */
function warehouseSettings({ environment, storage, unloadRole }: EngineParts): Record<string, string> {
  const { kind, database, schema, ...rest } = environment.warehouse;
  return {
    kind,
    database,
    schema,
    ...('workgroup' in rest ? { workgroup: rest.workgroup } : { cluster: rest.cluster }),
    extraction: environment.extraction.by,
    ...(unloadRole === undefined ? {} : { unloadRole, stageKey: storage.key.keyArn }),
  };
}

/** What the poller of the stream's event source mapping does with the function's role. */
export function readingDefinitionStream({ storage }: EngineParts): Binding {
  const { tableArn, tableStreamArn } = storage.definitions;
  return {
    variables: {},
    statements: [
      {
        actions: ['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator'],
        resources: tableStreamArn === undefined ? [] : [tableStreamArn],
      },
      { actions: ['dynamodb:ListStreams'], resources: [`${tableArn}/stream/*`] },
    ],
  };
}

/** Schedules are made whole, in the environment's group only, with the one role that may start a run. */
function schedulingRuns(scope: Construct, { schedules, undelivered }: EngineParts): Binding {
  const { partition, region, account } = Stack.of(scope);
  const all = `arn:${partition}:scheduler:${region}:${account}:schedule/${schedules.groupName}/*`;
  return {
    variables: {
      SCHEDULE_GROUP: schedules.group.ref,
      SCHEDULER_ROLE: schedules.role.roleArn,
      UNDELIVERED_QUEUE: undelivered.queueArn,
    },
    statements: [
      {
        actions: ['scheduler:CreateSchedule', 'scheduler:UpdateSchedule', 'scheduler:DeleteSchedule'],
        resources: [all],
      },
      {
        actions: ['iam:PassRole'],
        resources: [schedules.role.roleArn],
        conditions: { StringEquals: { 'iam:PassedToService': 'scheduler.amazonaws.com' } },
      },
    ],
  };
}
