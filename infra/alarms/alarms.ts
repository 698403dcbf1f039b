/** All alarms of an environment, and the two that tell. */
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sns from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import type { DestinationLane } from '../destination-lane.ts';
import type { EngineFunctions } from '../engine-functions.ts';
import type { EngineParts } from '../engine-parts.ts';
import { alarmOnCost } from './cost.ts';
import { alarmOnEngine } from './engine-alarms.ts';
import { alarmOnFunctions, alarmOnGivenUp, alarmOnLane, alarmOnStaging } from './function-alarms.ts';
import type { LogMetrics } from './log-metrics.ts';
import { type Raised, tellOnce } from './raise.ts';

export type Alarmed = {
  readonly parts: EngineParts;
  readonly functions: EngineFunctions;
  readonly lanes: readonly { readonly lane: DestinationLane; readonly loader: lambda.Function }[];
  readonly fromLogs: LogMetrics;
  /** Whose lost events nobody would find by looking at state: functions that are called asynchronously, and rules. */
  readonly irreplaceable: {
    readonly functions: readonly lambda.Function[];
    readonly rules: readonly string[];
  };
  readonly topic: sns.Topic;
};

export function makeAlarms(scope: Construct, alarmed: Alarmed): readonly Raised[] {
  const { parts, functions, lanes, fromLogs, irreplaceable, topic } = alarmed;
  const { name, environment } = parts;
  const raised = [
    ...alarmOnEngine(scope, name),
    ...alarmOnFunctions(scope, functions, fromLogs),
    ...alarmOnGivenUp(scope, parts, irreplaceable),
    ...lanes.flatMap(({ lane, loader }) => alarmOnLane(lane, loader)),
    alarmOnStaging(scope, parts),
    alarmOnCost(scope, environment, name, fromLogs),
  ];
  tellOnce(scope, topic, raised);
  return raised;
}
