/**
 * The engine's functions and what each may do. The functions that touch a Redshift statement take on the one
 * warehouse role; nobody else can.
 */
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { DEAD_LETTER_TIMEOUT_MS, type DestinationLane } from './destination-lane.ts';
import { type Abilities, abilities, readingDefinitionStream } from './engine-abilities.ts';
import type { EngineParts } from './engine-parts.ts';
import { makeFunction } from './functions.ts';
import { fromQueues } from './grants.ts';
import { makeWarehouseRole } from './warehouse-access.ts';

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
  const startRun = makeStartRun(scope, parts, may);
  const functions: EngineFunctions = {
    reconcileSyncs: makeReconcileSyncs(scope, parts, may, startRun),
    startRun,
    fanOut: makeFanOut(scope, parts, may),
    finishRun: makeFinishRun(scope, parts, may),
    deadLetter: makeDeadLetter(scope, parts, may, lanes),
    sweep: makeSweep(scope, parts, may),
    api: makeApi(scope, parts, may),
  };
  const { reconcileSyncs, fanOut, sweep, api } = functions;
  makeWarehouseRole(scope, parts.name, parts.environment, [reconcileSyncs, startRun, fanOut, sweep, api]);
  return functions;
}

/** Starting and finishing a run need no more; an environment may allow less. */
const BRIEF_MS = 120_000;

function makeStartRun(scope: Construct, parts: EngineParts, may: Abilities): lambda.Function {
  return makeFunction(scope, 'StartRun', parts, {
    entry: 'start-run',
    timeoutMs: Math.min(BRIEF_MS, parts.environment.timing.extractorTimeoutMs),
    memoryMb: 256,
    bindings: [...may.base('startRun'), may.knowDefinitions, may.warehouse, may.begin, may.undelivered],
  });
}

function makeReconcileSyncs(
  scope: Construct,
  parts: EngineParts,
  may: Abilities,
  startRun: lambda.Function,
): lambda.Function {
  return makeFunction(scope, 'ReconcileSyncs', parts, {
    entry: 'reconcile-syncs',
    timeoutMs: 60_000,
    memoryMb: 512,
    bindings: [
      ...may.base('reconcileSyncs'),
      may.editDefinitions,
      may.forgetAccepted,
      may.warehouse,
      may.schedule,
      { variables: { START_RUN: startRun.functionArn }, statements: [] },
      may.nameBucket,
      readingDefinitionStream(parts),
      may.undelivered,
    ],
  });
}

function makeFanOut(scope: Construct, parts: EngineParts, may: Abilities): lambda.Function {
  return makeFunction(scope, 'FanOut', parts, {
    entry: 'fan-out',
    timeoutMs: parts.environment.timing.extractorTimeoutMs,
    memoryMb: 512,
    bindings: [...may.base('fanOut'), may.warehouse, may.fanOut, may.send, may.undelivered],
  });
}

function makeFinishRun(scope: Construct, parts: EngineParts, may: Abilities): lambda.Function {
  return makeFunction(scope, 'FinishRun', parts, {
    entry: 'finish-run',
    timeoutMs: Math.min(BRIEF_MS, parts.environment.timing.extractorTimeoutMs),
    memoryMb: 256,
    bindings: [...may.base('finishRun'), may.finish, may.undelivered],
  });
}

function makeDeadLetter(
  scope: Construct,
  parts: EngineParts,
  may: Abilities,
  lanes: readonly DestinationLane[],
): lambda.Function {
  const deadLetters = lanes.map((lane) => lane.deadLetters);
  return makeFunction(scope, 'DeadLetter', parts, {
    entry: 'dead-letter',
    timeoutMs: DEAD_LETTER_TIMEOUT_MS,
    memoryMb: 256,
    bindings: [...may.base('deadLetter'), may.bury, fromQueues(parts.storage, deadLetters)],
  });
}

function makeSweep(scope: Construct, parts: EngineParts, may: Abilities): lambda.Function {
  return makeFunction(scope, 'Sweep', parts, {
    entry: 'sweep',
    timeoutMs: parts.environment.timing.extractorTimeoutMs,
    memoryMb: 512,
    bindings: [
      ...may.base('sweep'),
      may.listSyncs,
      may.readBudgets,
      may.keepAttention,
      may.readDefinitions,
      may.warehouse,
      may.sweep,
      may.send,
      may.undelivered,
    ],
  });
}

function makeApi(scope: Construct, parts: EngineParts, may: Abilities): lambda.Function {
  return makeFunction(scope, 'Api', parts, {
    entry: 'api',
    timeoutMs: parts.environment.timing.extractorTimeoutMs,
    memoryMb: 512,
    bindings: [
      ...may.base('api'),
      may.listSyncs,
      may.readBudgets,
      may.readDefinitions,
      may.warehouse,
      may.operate,
      may.send,
    ],
  });
}
