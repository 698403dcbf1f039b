/**
 * The engine's functions and what each may do. The functions that touch a Redshift statement take on the one
 * warehouse role; nobody else can.
 */
import { Stack } from 'aws-cdk-lib';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { eventsOf } from './bus-events.ts';
import { DEAD_LETTER_TIMEOUT_MS, type DestinationLane } from './destination-lane.ts';
import type { EngineParts } from './engine-parts.ts';
import { type Binding, makeFunction } from './functions.ts';
import {
  asWarehouse,
  fromQueues,
  knowingAccounts,
  knowingStage,
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
import { makeWarehouseRole, warehouseRoleArn } from './warehouse-access.ts';

export type EngineFunctions = {
  readonly reconcileSyncs: lambda.Function;
  readonly startRun: lambda.Function;
  readonly fanOut: lambda.Function;
  readonly finishRun: lambda.Function;
  readonly deadLetter: lambda.Function;
  readonly sweep: lambda.Function;
  readonly api: lambda.Function;
};

/** All functions but the loaders. */
export function makeEngineFunctions(
  scope: Construct,
  parts: EngineParts,
  lanes: readonly DestinationLane[],
): EngineFunctions {
  const may = abilities(scope, parts, lanes);
  const { extractorTimeoutMs } = parts.environment.timing;
  const startRun = makeFunction(scope, 'StartRun', parts, {
    entry: 'start-run',
    timeoutMs: Math.min(120_000, extractorTimeoutMs),
    memoryMb: 256,
    bindings: [...may.move('startRun'), may.knowDefinitions, may.warehouse, may.begin, may.undelivered],
  });
  const functions: EngineFunctions = {
    reconcileSyncs: makeFunction(scope, 'ReconcileSyncs', parts, {
      entry: 'reconcile-syncs',
      timeoutMs: 60_000,
      memoryMb: 512,
      bindings: [
        ...may.move('reconcileSyncs'),
        may.editDefinitions,
        may.forgetAccepted,
        may.warehouse,
        may.schedule,
        { variables: { START_RUN: startRun.functionArn }, statements: [] },
        may.knowStage,
        readingDefinitionStream(parts),
        may.undelivered,
      ],
    }),
    startRun,
    fanOut: makeFunction(scope, 'FanOut', parts, {
      entry: 'fan-out',
      timeoutMs: extractorTimeoutMs,
      memoryMb: 512,
      bindings: [...may.move('fanOut'), may.warehouse, may.fanOut, may.send, may.undelivered],
    }),
    finishRun: makeFunction(scope, 'FinishRun', parts, {
      entry: 'finish-run',
      timeoutMs: Math.min(120_000, extractorTimeoutMs),
      memoryMb: 256,
      bindings: [...may.move('finishRun'), may.finish, may.undelivered],
    }),
    deadLetter: makeFunction(scope, 'DeadLetter', parts, {
      entry: 'dead-letter',
      timeoutMs: DEAD_LETTER_TIMEOUT_MS,
      memoryMb: 256,
      bindings: [
        ...may.move('deadLetter'),
        may.bury,
        fromQueues(
          parts.storage,
          lanes.map((lane) => lane.deadLetters),
        ),
      ],
    }),
    sweep: makeFunction(scope, 'Sweep', parts, {
      entry: 'sweep',
      timeoutMs: extractorTimeoutMs,
      memoryMb: 512,
      bindings: [
        ...may.move('sweep'),
        may.listSyncs,
        may.readBudgets,
        may.keepAttention,
        may.readDefinitions,
        may.warehouse,
        may.sweep,
        may.send,
        may.undelivered,
      ],
    }),
    api: makeFunction(scope, 'Api', parts, {
      entry: 'api',
      timeoutMs: extractorTimeoutMs,
      memoryMb: 512,
      bindings: [
        ...may.move('api'),
        may.listSyncs,
        may.readBudgets,
        may.readDefinitions,
        may.warehouse,
        may.operate,
        may.send,
      ],
    }),
  };
  const { reconcileSyncs, fanOut, sweep, api } = functions;
  makeWarehouseRole(scope, parts.name, parts.environment, [reconcileSyncs, startRun, fanOut, sweep, api]);
  return functions;
}

/** The bindings by the words of the run protocol. */
function abilities(scope: Construct, parts: EngineParts, lanes: readonly DestinationLane[]) {
  const { storage, bus, environment } = parts;
  const access = stageAccess(environment);
  const onObjects = (which: StageAccess): Binding => onStaging(storage, { ...which, list: true });
  return {
    /** What each function knows; its own items of runs, and what it may say of them. */
    move: (by: keyof EngineFunctions): readonly Binding[] => [
      knowingStage(environment),
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
    knowStage: onStaging(storage, {}),
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
